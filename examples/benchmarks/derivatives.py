"""Derivatives of a network: one step of Adam beside DeepXDE's, and the two engines beside each other.

The first table trains the same network (3 x 50 tanh, 5,000 points) on the same residual in one process, with steps
taken in turn so that both see the same load; the second times values with gradients by parameters for both engines
over orders, coordinates and outputs, which is what the rule of `Fastest` is fitted to.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from _report import Report
from rich.table import Table

from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.derivatives import Orders
from pinnlab.numerics.jets import Fastest
from pinnlab.numerics.nested import NestedAutograd
from pinnlab.numerics.taylor import TaylorMode
from pinnlab.solvers.deepxde_pinn import _deepxde
from pinnlab.training.adam import Adam
from pinnlab.training.parameters import Parameters
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.row_jacobian import LayerOuterProducts

POINTS, WIDTH, DEPTH = 5000, 50, 3
# The highest derivative of the residual u u_x + u_t + d^k u / dx^k.
HIGHEST = (2, 4)
# Iterations timed together, as both packages train in runs of many.
ITERATIONS = 5


def seconds_in_turn(steps: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Wall seconds of each step, taken in turn after one step of each to warm up."""
    for step in steps:
        step()
    found: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, times in zip(steps, found, strict=True):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
    return found


def pinnlab_step(points: np.ndarray, k: int, dtype: torch.dtype) -> Callable[[], object]:
    """`ITERATIONS` of Adam of pinnlab."""
    box = Inputs((-1.0, 0.0), (1.0, 1.0), (False, False))
    network = Mlp(WIDTH, DEPTH).build(box, 1, torch.Generator().manual_seed(0)).to(dtype)
    parameters = Parameters(network)
    plan = TaylorMode().plan([(0, 0), (1, 0), (0, 1), (k, 0)], network, torch.as_tensor(points[:2], dtype=dtype))

    def rows(theta: torch.Tensor, x: torch.Tensor, extras: torch.Tensor) -> torch.Tensor:
        u, u_x, u_t, high = plan.evaluate(parameters.bind(theta), x).values()
        return u_t + u * u_x + high

    x = torch.as_tensor(points, dtype=dtype)
    scale = torch.full((len(x), 1), len(x) ** -0.5, dtype=dtype)
    objective = PointwiseLeastSquares((Group(rows, x, x[:, :0], scale),), LayerOuterProducts())
    optimizer = Adam(per_step=ITERATIONS)
    carried = [parameters.flatten(), optimizer.start(parameters.flatten())]

    def step() -> None:
        carried[0], carried[1], _ = optimizer.step(objective, *carried)

    return step


def deepxde_step(points: np.ndarray, k: int, dtype: torch.dtype) -> Callable[[], object]:
    """`ITERATIONS` of Adam of DeepXDE, without its displays and callbacks."""
    dde = _deepxde()
    dde.config.set_default_float("float32" if dtype == torch.float32 else "float64")

    def residual(x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        u_x = dde.grad.jacobian(u, x, i=0, j=0)
        high = dde.grad.hessian(u, x, i=0, j=0)
        for _ in range(k - 2):
            high = dde.grad.jacobian(high, x, i=0, j=0)
        return dde.grad.jacobian(u, x, i=0, j=1) + u * u_x + high

    geometry = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))
    data = dde.data.TimePDE(geometry, residual, [], num_domain=0, anchors=points)
    network = dde.nn.FNN([2, *[WIDTH] * DEPTH, 1], "tanh", "Glorot normal")
    model = dde.Model(data, network)
    model.compile("adam", lr=1e-3, verbose=0)
    model.train_state.set_data_train(*data.train_next_batch(None))
    assert len(model.train_state.X_train) == POINTS

    def step() -> None:
        train = model.train_state
        for _ in range(ITERATIONS):
            model._train_step(train.X_train, train.y_train, train.train_aux_vars)

    return step


def against_deepxde(report: Report, rounds: int) -> None:
    table = Table(
        *("highest order", "dtype", "pinnlab, ms a step", "DeepXDE, ms a step", "DeepXDE / pinnlab"),
        title=f"One step of Adam, u_t + u u_x + d^k u / dx^k, {DEPTH} x {WIDTH} tanh, {POINTS:,} points, cpu "
        "(median; smallest to largest). Required: >= 1 at order 2, >= 2 at order 4",
    )
    points = np.random.default_rng(0).uniform((-1, 0), (1, 1), (POINTS, 2))
    for k, dtype in itertools.product(HIGHEST, (torch.float64, torch.float32)):
        steps = [make(points, k, dtype) for make in (pinnlab_step, deepxde_step)]
        ours, theirs = ([t / ITERATIONS for t in times] for times in seconds_in_turn(steps, rounds))
        ratio = statistics.median(t / o for o, t in zip(ours, theirs, strict=True))
        table.add_row(str(k), str(dtype).removeprefix("torch."), spread(ours), spread(theirs), f"{ratio:.2f}")
    report.print(table)


def spread(times: list[float]) -> str:
    """Median and range in milliseconds."""
    return f"{1e3 * statistics.median(times):.0f} ({1e3 * min(times):.0f} to {1e3 * max(times):.0f})"


ENGINE_CASES: tuple[tuple[str, int, int, tuple[Orders, ...]], ...] = tuple(
    (name, dim, outputs, orders)
    for outputs in (1, 3)
    for name, dim, orders in (
        ("u, u_t, u_x", 2, ((0, 0), (1, 0), (0, 1))),
        ("gradient in 4-D", 4, tuple(tuple(int(i == j) for i in range(4)) for j in range(4))),
        ("gradient in 10-D", 10, tuple(tuple(int(i == j) for i in range(10)) for j in range(10))),
        ("u, u_t, u_x, u_xx", 2, ((0, 0), (1, 0), (0, 1), (0, 2))),
        ("u_xx, u_xy, u_yy", 2, ((2, 0), (1, 1), (0, 2))),
        ("Laplacian in 3-D", 3, ((2, 0, 0), (0, 2, 0), (0, 0, 2))),
        ("Laplacian in 10-D", 10, tuple(tuple(2 * (i == j) for i in range(10)) for j in range(10))),
        ("u, u_t, u_x, u_xxx", 2, ((0, 0), (1, 0), (0, 1), (0, 3))),
        ("u_t, u_xx, u_xxxx", 2, ((1, 0), (0, 2), (0, 4))),
        ("biharmonic", 2, ((4, 0), (2, 2), (0, 4))),
    )
    # Nested autograd takes seconds for systems of fourth order.
    if outputs == 1 or max(map(sum, orders)) < 4
)


def engines(report: Report, rounds: int) -> None:
    table = Table(
        *("derivatives", "outputs", "Taylor, ms", "nested, ms", "nested / Taylor", "Fastest takes"),
        title=f"Value and gradient by parameters of a sum of squares, {DEPTH} x {WIDTH} tanh, 300 points, float64, "
        "cpu (smallest)",
    )
    for name, dim, outputs, orders in ENGINE_CASES:
        box = Inputs((-1.0,) * dim, (1.0,) * dim, (False,) * dim)
        network = Mlp(WIDTH, DEPTH).build(box, outputs, torch.Generator().manual_seed(0))
        x = torch.rand(300, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

        def step(plan, network=network, x=x) -> None:
            loss = sum(torch.square(d).sum() for d in plan.evaluate(network, x).values())
            torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)

        plans = [rule.plan(orders, network, x[:2]) for rule in (TaylorMode(), NestedAutograd())]
        taylor, nested = (min(t) for t in seconds_in_turn([lambda p=p: step(p) for p in plans], rounds))
        taken = "Taylor" if isinstance(Fastest().plan(orders, network, x[:2]), type(plans[0])) else "nested"
        values = (f"{1e3 * taylor:.1f}", f"{1e3 * nested:.1f}", f"{nested / taylor:.2f}", taken)
        table.add_row(name, str(outputs), *values)
    report.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    report = Report("derivatives")
    against_deepxde(report, args.rounds)
    engines(report, 5)
    report.save()
