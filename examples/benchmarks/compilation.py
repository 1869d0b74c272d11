"""Where compiled code pays: losses with gradients, rows alone, and what there is to gain in a Jacobian.

The residual is u_t + u u_x + d^k u / dx^k on networks of tanh, on one thread.  All times are of the processor, not of
the clock, so that the load of the machine matters little: of this process for a step, the smallest of several taken in
turn; of this process and the compiler for a compilation, with an empty cache.  The first one loads the compiler and
prepares its headers.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from _report import Report
from rich.table import Table

from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.taylor import TaylorMode
from pinnlab.training.compiled import Compiled
from pinnlab.training.parameters import Parameters
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.row_jacobian import LayerOuterProducts
from pinnlab.training.ssbroyden import SelfScaledBroyden


@dataclass(frozen=True)
class Case:
    """Order of the equation, network, points and precision."""

    order: int
    width: int
    depth: int
    points: int
    dtype: torch.dtype = torch.float64

    @property
    def columns(self) -> tuple[str, ...]:
        dtype = str(self.dtype).removeprefix("torch.")
        return str(self.order), f"{self.depth} x {self.width}", f"{self.points:,}", dtype

    def build(self) -> tuple[PointwiseLeastSquares, torch.Tensor]:
        box = Inputs((-1.0, 0.0), (1.0, 1.0), (False, False))
        network = Mlp(self.width, self.depth).build(box, 1, torch.Generator().manual_seed(0)).to(self.dtype)
        parameters = Parameters(network)
        x = torch.rand(self.points, 2, dtype=self.dtype, generator=torch.Generator().manual_seed(1))
        plan = TaylorMode().plan([(0, 0), (1, 0), (0, 1), (self.order, 0)], network, x[:2])

        def rows(theta: torch.Tensor, x: torch.Tensor, extras: torch.Tensor) -> torch.Tensor:
            u, u_x, u_t, high = plan.evaluate(parameters.bind(theta), x).values()
            return u_t + u * u_x + high

        scale = torch.full((len(x), 1), len(x) ** -0.5, dtype=self.dtype)
        group = Group(rows, x, x[:, :0], scale)
        return PointwiseLeastSquares((group,), LayerOuterProducts()), parameters.flatten()


CASES = (Case(2, 20, 3, 2000), Case(3, 30, 4, 8000), Case(4, 50, 4, 4000, torch.float32))


def smallest(steps: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Milliseconds of this process for each step, the smallest, taken in turn after one step of each."""
    for step in steps:
        step()
    found = [float("inf")] * len(steps)
    for _ in range(rounds):
        for i, step in enumerate(steps):
            start = time.process_time()
            step()
            found[i] = min(found[i], 1e3 * (time.process_time() - start))
    return found


def processor_seconds(step: Callable[[], object]) -> float:
    """Seconds of this process and of those that it starts."""
    before = os.times()
    step()
    after = os.times()
    return sum(after[i] - before[i] for i in range(4))


def broyden_steps(objectives: Sequence[PointwiseLeastSquares], theta: torch.Tensor) -> list[Callable[[], object]]:
    """For each objective the same iterations, from where the first has been brought to."""
    optimizer = SelfScaledBroyden(per_step=10)
    there, state, _ = optimizer.step(objectives[0], theta, optimizer.start(theta))
    return [lambda o=o: optimizer.step(o, there, state) for o in objectives]


def losses(report: Report, rounds: int) -> None:
    table = Table(
        *("order", "network", "points", "dtype", "plain, ms", "compiled, ms", "plain / compiled"),
        *("compilation, s", "pays after", "from the cache, s", "off by"),
        "SSBroyden, plain / compiled",
        title="Loss and gradient of the loss, and whole iterations of SSBroyden, which works in float64 only",
    )
    for case in CASES:
        plain, theta = case.build()
        first, again = (replace(plain, differentiation=Compiled(plain.differentiation)) for _ in range(2))
        spent, cached = (processor_seconds(lambda o=o, t=theta: o.value_and_gradient(t)) for o in (first, again))
        slow, fast = smallest([lambda o=o, t=theta: o.value_and_gradient(t) for o in (plain, first)], rounds)
        wanted, found = (o.value_and_gradient(theta)[1] for o in (plain, first))
        whole = "–"
        if case.dtype == torch.float64:
            ends = smallest(broyden_steps((plain, first), theta), 3)
            whole = f"{ends[0] / ends[1]:.2f}"
        off = float((found - wanted).norm() / wanted.norm())
        pays = f"{1e3 * spent / (slow - fast):,.0f}" if slow > fast else "never"
        times = (f"{slow:.1f}", f"{fast:.1f}", f"{slow / fast:.2f}", f"{spent:.0f}", pays, f"{cached:.1f}")
        table.add_row(*case.columns, *times, f"{off:.0e}", whole)
    report.print(table)


def rows_alone(report: Report, rounds: int) -> None:
    """By torch.compile itself, since `Compiled` leaves them alone."""
    from torch.fx.experimental.proxy_tensor import make_fx

    case = CASES[0]
    objective, theta = case.build()
    group = objective.groups[0]
    with torch.no_grad():
        graph = make_fx(group.rows)(theta, group.points, group.extras)
        compiled = torch.compile(graph, fullgraph=True, dynamic=False)
        spent = processor_seconds(lambda: compiled(theta, group.points, group.extras))
        steps = (lambda: objective.residuals(theta), lambda: compiled(theta, group.points, group.extras))
        slow, fast = smallest(steps, rounds)
    table = Table(
        *("order", "network", "points", "dtype", "plain, ms", "compiled, ms", "plain / compiled", "compilation, s"),
        title="Rows without gradient: a trial of a line search of LevenbergMarquardt (see below for its whole step)",
    )
    table.add_row(*case.columns, f"{slow:.1f}", f"{fast:.1f}", f"{slow / fast:.2f}", f"{spent:.0f}")
    report.print(table)


def jacobians(report: Report, rounds: int) -> None:
    table = Table(
        *("order", "network", "points", "dtype", "normal equations, ms", "Jacobian of these, ms"),
        *("passes of these, ms", "most to gain"),
        title="A step of LevenbergMarquardt: what could be compiled are the passes; the rest is BLAS",
    )
    for case in (CASES[0], Case(2, 30, 4, 2000)):
        objective, theta = case.build()
        (group,) = objective.groups
        matrix = theta.new_empty(len(group), len(theta))
        steps = (
            lambda o=objective, t=theta: o.normal_equations(t),
            lambda o=objective, t=theta, g=group, m=matrix: g.write_jacobian(o.differentiation, t, m),
            lambda o=objective, t=theta: o.value_and_gradient(t),
        )
        whole, jacobian, passes = smallest(steps, max(rounds // 2, 1))
        gain = f"{whole / (whole - passes):.2f}"
        table.add_row(*case.columns, f"{whole:.0f}", f"{jacobian:.0f}", f"{passes:.0f}", gain)
    report.print(table)


def main(rounds: int) -> None:
    torch.set_num_threads(1)
    report = Report("compilation")
    # The compiler works in processes of this one, whose time is counted, and finds nothing that it has done before.
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        losses(report, rounds)
        rows_alone(report, rounds)
    jacobians(report, rounds)
    report.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    main(parser.parse_args().rounds)
