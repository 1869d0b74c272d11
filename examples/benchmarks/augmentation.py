"""Symmetries as further samples: derived, checked by residuals, and what they are worth to an operator with few samples.

Diffusion in a rod, -(k u_x)_x = f with random k and f, with and without random coordinates [1]; the Korteweg-de Vries
equation with and without Galilean boosts [2], tried on initial values like those of the training, whose mean is zero,
and on the same in moving frames, whose mean is not.

[1] V. Fanaskov, T. Yu, A. Rudikov, I. Oseledets, ICML 2023, arXiv 2301.12730.
[2] J. Brandstetter, M. Welling, D. Worrall, ICML 2022, arXiv 2202.07643.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import sympy as sp
import torch
from _report import Report
from rich.table import Table

from pinnlab import Box, D, Family, Problem, dirichlet, initial, parameter
from pinnlab.datasets.data import OperatorData
from pinnlab.forms.point_symmetries import point_symmetries
from pinnlab.forms.point_symmetry import PointSymmetry
from pinnlab.networks.fno import Fno
from pinnlab.networks.position_channels import NoPositions
from pinnlab.operators.augmentation import Augmentation
from pinnlab.operators.covariant import Covariant
from pinnlab.operators.drawn import inputs_on_grid
from pinnlab.operators.generate import generate
from pinnlab.operators.layout import Layout
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.lie_symmetry import LieSymmetry
from pinnlab.operators.pairs import Batch
from pinnlab.operators.symmetry_residual import symmetry_residual
from pinnlab.random_functions import NeumannField, PeriodicField
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.symbols import Expr
from pinnlab.training.adam_w import AdamW
from pinnlab.training.schedules import OneCycle

t, x = sp.symbols("t x", real=True)
SEEDS = (0, 1, 2)
TRAINED, CHOSEN, TESTED = 32, 16, 200
EPOCHS, BATCH = 300, 16
# Nodes of the quadrature that the diffusion problem is solved by, for each step of the samples.
FINE = 16


@dataclasses.dataclass(frozen=True)
class Exponential:
    """exp of a random function."""

    field: NeumannField

    def rvs(self, *, random_state: np.random.Generator) -> Expr:
        return sp.exp(self.field.rvs(random_state=random_state))


def rod() -> Family:
    u, k, f = sp.Function("u")(x), parameter("k", 1 + x), parameter("f", x)
    problem = Problem("rod", [-D(k * D(u, x), x) - f], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])
    smooth = {s: NeumannField({x: (0, 1)}, alpha=2, tau=3, sigma=s, modes=12) for s in (5.0, 9.0)}
    return Family(problem, {k: Exponential(smooth[5.0]), f: smooth[9.0]})


def rods(n: int, seed: int, nodes: int = 65) -> OperatorData:
    """Solved by quadrature: k u' = c - F with F the integral of f, and c such that u vanishes at both ends."""
    family, axis = rod(), np.linspace(0, 1, FINE * (nodes - 1) + 1)
    values = inputs_on_grid(family, [family.draw(i, seed) for i in range(n)], [axis])
    k, f = values[:, 0], values[:, 1]
    resistance, sources = primitive(1 / k), primitive(f)
    loaded = primitive(sources / k)
    u = loaded[:, -1:] / resistance[:, -1:] * resistance - loaded
    at = slice(None, None, FINE)
    unknown = np.full(n, np.nan)
    return OperatorData(
        values[..., at], u[:, None, None, at], (axis[at],), [], unknown, family.things, ["u"], ["x"], [False]
    )


def primitive(values: np.ndarray) -> np.ndarray:
    """The integral from 0 by the trapezoidal rule on [0, 1], along the last axis."""
    steps = (values[:, 1:] + values[:, :-1]) / (2 * (values.shape[1] - 1))
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(steps, axis=1)], axis=1)


def kdv() -> Family:
    u, u0 = sp.Function("u")(t, x), parameter("u0", sp.sin(2 * sp.pi * x))
    equation = D(u, t) + D(u**2 / 2, x) + sp.Rational(1, 2000) * D(u, x, 3)
    box = Box({t: (0, sp.Rational(1, 5)), x: (0, 1)}, periodic=[x])
    problem = Problem("kdv", [equation], [u], box, [initial(u, u0)], t)
    return Family(problem, {u0: PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=6)})


def waves(n: int, seed: int, frames: tuple[float, ...] = (0.2,)) -> OperatorData:
    return generate(kdv(), n, Etdrk4(points=256, steps=1000), nodes=128, times=frames, seed=seed, device="cpu")


def boosts(family: Family) -> LieSymmetry:
    """The one of the symmetries that are found that keeps the box and lifts the solution."""
    u = family.problem.unknowns[0]
    boost = next(s for s in point_symmetries(family.problem) if s == PointSymmetry({x: t, u: 1}))
    return LieSymmetry(boost, largest=1.0, initial={"u0": "u"})


def moving(data: OperatorData, boost: LieSymmetry) -> OperatorData:
    """The same solutions, each in a frame of its own."""
    inputs, outputs = (torch.from_numpy(np.asarray(a[:])) for a in (data.inputs, data.outputs))
    times = torch.from_numpy(data.times).expand(len(data), -1)
    found = boost(Batch(inputs, outputs, times, Layout.of(data)), torch.Generator().manual_seed(99))
    return OperatorData(
        found.inputs.numpy(),
        found.outputs.numpy(),
        data.axes,
        data.times,
        data.bounds,
        data.input_names,
        data.output_names,
        data.coordinates,
        data.periodic,
    )


def trained(
    samples: OperatorData, chosen: OperatorData, tests: list[OperatorData], augmentations: tuple[Augmentation, ...]
) -> list[np.ndarray]:
    """Errors on the tests, for each of the seeds, which choose the weights and the samples."""
    found = []
    for seed in SEEDS:
        mine = samples[np.random.default_rng(seed).permutation(len(samples))[:TRAINED]]
        periodic = samples.periodic[0]
        network = Fno(24, 24, 4, positions=NoPositions()) if periodic else Fno(12, 24, 4)
        optimizer = AdamW(3e-3, schedule=OneCycle())
        learning = OperatorLearning(
            network, optimizer=optimizer, epochs=EPOCHS, batch=BATCH, augmentations=augmentations
        )
        operator = train(mine, learning, validation=chosen, seed=seed, device="cpu")
        found.append([operator.evaluate(test)["relative_l2"] for test in tests])
    return [np.array(column) for column in zip(*found, strict=True)]


def single(data: OperatorData) -> OperatorData:
    """In single precision."""
    inputs, outputs = (np.asarray(a[:], np.float32) for a in (data.inputs, data.outputs))
    return dataclasses.replace(data, inputs=inputs, outputs=outputs)


def row(table: Table, name: str, test: str, columns: list[np.ndarray], seconds: float) -> None:
    without, augmented = columns
    change = augmented.mean() / without.mean() - 1
    told = [" ".join(f"{e:.2e}" for e in errors) for errors in columns]
    table.add_row(name, test, *told, f"{100 * change:+.0f} %", f"{seconds:.0f}")


def main() -> None:
    report = Report("augmentation")
    covariant, family = Covariant({"x": "k"}, densities=("f",), size=0.4), kdv()
    boost = boosts(family)
    for augmentation, checked in ((covariant, rod()), (boost, family)):
        augmentation.require_symmetry_of(checked)
    report.print("symmetries of kdv:", *(f"\n  {s}" for s in point_symmetries(family.problem)))
    report.print("covariant,", str(symmetry_residual(rod(), covariant, rods(20, 7, 513))))
    dense = waves(20, 7, tuple(np.linspace(0.0004, 0.2, 500)))
    report.print("boost,", str(symmetry_residual(family, boost, dense)))
    table = Table(title=f"relative L2 error from {TRAINED} samples, {len(SEEDS)} seeds")
    for name in ("operator", "tried on", "without", "with", "change of the mean", "s"):
        table.add_column(name)
    tested = waves(TESTED, 2)
    cases = [
        ("rod, Covariant", covariant, rods, {"other members": rods(TESTED, 2)}),
        ("kdv, boosts", boost, waves, {"other members": tested, "in moving frames": moving(tested, boost)}),
    ]
    for name, augmentation, made, tests in cases:
        samples, chosen = single(made(4 * TRAINED, 0)), single(made(CHOSEN, 1))
        tried = [single(d) for d in tests.values()]
        start = time.perf_counter()
        columns = [trained(samples, chosen, tried, a) for a in ((), (augmentation,))]
        seconds = time.perf_counter() - start
        for i, test in enumerate(tests):
            row(table, name, test, [c[i] for c in columns], seconds)
    report.print(table)
    report.save()


if __name__ == "__main__":
    main()
