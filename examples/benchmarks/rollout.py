"""Long rollouts: one frame at a time against bundles of frames, with and without the pushforward trick.

u_t + (u²/2)_x - ν u_xx = δ(t, x), u(0, x) = δ(0, x) with random travelling sines δ, unknown to the network; 250 frames of
which the first 50 are given: case E1 of [1], but for the viscosity.  Without it shocks form between t = 1 and 3, and
there would be no truth with an error bound at a price that this benchmark can pay.

`python rollout.py [data.hdf]` keeps the trajectories in a file, and goes on with it.

[1] J. Brandstetter, D. Worrall, M. Welling, Message passing neural PDE solvers, ICLR 2022, arXiv 2202.03376.
"""

from __future__ import annotations

import dataclasses
import sys
import time

import numpy as np
import sympy as sp
import torch
from _report import Report
from rich.table import Table
from torch import Tensor

from pinnlab import Box, D, Family, Problem, TimeInterval, initial, parameter
from pinnlab.datasets.data import OperatorData
from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature
from pinnlab.networks.position_channels import NoPositions
from pinnlab.operators.generate import generate
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.pairs import Bundled, OneStep, Pairs
from pinnlab.operators.trained import TrainedOperator
from pinnlab.operators.unrolled import Pushforward
from pinnlab.random_functions import TravellingSines
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.training.adam_w import AdamW

t, x = sp.symbols("t x", real=True)
LENGTH, VISCOSITY = 16, sp.Rational(1, 10)
FRAMES, WINDOW, GIVEN = 250, 25, 50
NODES, STRIDES = 200, (2, 4, 5)
SIZES = TRAINED, CHOSEN, TESTED = 384, 32, 64
SOLVER = Etdrk4(points=384, steps=2 * (FRAMES - 1))
BATCHES = 400
# Epochs of so many batches that take about as long.
METHODS: dict[str, tuple[Pairs, int]] = {
    "one frame at a time": (OneStep(WINDOW, conditions=()), 7),
    "bundles of 25": (Bundled(WINDOW, WINDOW, conditions=()), 6),
    "bundles of 25, pushforward": (Pushforward(1, Bundled(WINDOW, WINDOW, conditions=())), 5),
}
SEEDS = (0, 1, 2)


def family() -> Family:
    u, delta = sp.Function("u")(t, x), parameter("delta", sp.sin(2 * sp.pi * x / LENGTH))
    law = D(u, t) + D(u**2 / 2, x) - VISCOSITY * D(u, x, 2) - delta
    domain = TimeInterval(t, 0, 4) * Box({x: (0, LENGTH)}, periodic=[x])
    problem = Problem("E1", [law], [u], domain, [initial(u, delta)], time=t)
    return Family(problem, {delta: TravellingSines(t, {x: (0, LENGTH)})})


def trajectories(out: str | None) -> OperatorData:
    """In memory and single precision, in which the networks are trained."""
    times = np.linspace(0, 4, FRAMES)
    data = generate(family(), sum(SIZES), SOLVER, nodes=NODES, times=times, seed=0, device="cpu", out=out)
    inputs, outputs = (np.asarray(a[:], np.float32) for a in (data.inputs, data.outputs))
    return dataclasses.replace(data, inputs=inputs, outputs=outputs)


class FromLastFrame(OperatorNetwork):
    """The last frame that is given, plus what a network answers: the change, as in [1], section 3.2."""

    def __init__(self, change: OperatorNetwork) -> None:
        super().__init__()
        self.change = change

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """Normalised values: windows begin anywhere, so that all frames are scaled alike."""
        return values[:, WINDOW - 1 : WINDOW] + self.change(values, positions)


@dataclasses.dataclass(frozen=True)
class Changes(OperatorArchitecture):
    """A Fourier neural operator of changes."""

    network: Fno = dataclasses.field(default_factory=lambda: Fno(16, 32, 4, positions=NoPositions()))

    def build(self, signature: Signature, generator: torch.Generator) -> FromLastFrame:
        """All weights come from the generator."""
        return FromLastFrame(self.network.build(signature, generator))


def learning(pairs: Pairs, epochs: int) -> OperatorLearning:
    optimizer = AdamW(learning_rate=3e-3)
    return OperatorLearning(Changes(), pairs, optimizer=optimizer, epochs=epochs, batch=16, batches=BATCHES)


def accumulated(operator: TrainedOperator, data: OperatorData) -> np.ndarray:
    """The sum over frames of the mean square error of each sample, the first 50 frames given."""
    truth = np.asarray(data.outputs, float)
    known = truth[:, GIVEN - operator.given : GIVEN]
    found = operator.rollout(known, data.axes, operator.given + FRAMES - GIVEN)[:, operator.given :]
    return ((found - truth[:, GIVEN:]) ** 2).mean(axis=(2, 3)).sum(axis=1)


def main() -> None:
    report = Report("rollout")
    begin = time.perf_counter()
    data = trajectories(sys.argv[1] if len(sys.argv) > 1 else None)
    report.print(f"{len(data)} trajectories in {time.perf_counter() - begin:.0f} s, bounds {np.median(data.bounds):.1e} in the median, "
                 f"{np.max(data.bounds):.1e} at most")  # fmt: skip
    table = Table("nodes", "method", "seed", "steps", "core s", "accumulated error", "median", "of the truth",
                  title="Accumulated error over 200 frames: mean over test trajectories")  # fmt: skip
    for stride in STRIDES:
        part, chosen, test = data.coarsened(stride).split(*SIZES)
        still = (np.asarray(test.outputs)[:, GIVEN:] ** 2).mean(axis=(2, 3)).sum(axis=1).mean()
        for name, (pairs, epochs) in METHODS.items():
            for seed in SEEDS if stride == STRIDES[0] else SEEDS[:1]:
                begin = time.process_time()
                operator = train(part, learning(pairs, epochs), validation=chosen, seed=seed, device="cpu")
                seconds, errors = time.process_time() - begin, accumulated(operator, test)
                row = (NODES // stride, name, seed, epochs * BATCHES, f"{seconds:.0f}")
                table.add_row(*map(str, row), f"{errors.mean():.3g}", f"{np.median(errors):.3g}", f"{still:.4g}")
    report.print(table)
    report.save()


if __name__ == "__main__":
    main()
