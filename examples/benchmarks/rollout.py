"""Long rollouts: one frame at a time against bundles of 25 frames learned with the pushforward trick.

u_t + (u²/2)_x = δ(t, x) on a period of 16, u(0, x) = δ(0, x), with sums of random travelling sines δ that no network is
told: the inviscid case E1 of [1], in which shocks form.  250 frames until t = 4, of which the first 50 are given; the
error is the sum over the other 200 of the mean square over x, a mean over test trajectories.  The truth is that of
finite volumes on 200 cells, as in [1]; on the coarser grids of the networks it is averaged over 5 neighbours.

Three methods with the same Fourier neural operator of 25 frames, the same trajectories, the same number of core seconds
and the epoch chosen on the same validation trajectories:
  - one frame, directly: the next frame is what the network answers, as of the operators that step in time of [2]; the
    one-step method of the comparison in [1], FNO-RNN, is of this form;
  - one frame, as a change: the last frame plus what the network answers, in units of the usual change;
  - 25 frames, pushforward: as changes too, each in units of its distance in time (equation 10 of [1]); the network
    learns to go on from its own answer.  FNO-PF of [1] is of this form.

Learning rate and batch were chosen for each method on validation trajectories, none on those of the test; so was what
the networks of changes see: differences from the last frame help the bundles and spoil the single frames.

`--data FILE` keeps the trajectories, and goes on with those of an earlier call.  `--share 0.1 --seeds 1` is a trial.

[1] J. Brandstetter, D. Worrall, M. Welling, Message passing neural PDE solvers, ICLR 2022, arXiv 2202.03376; with 2048
    trajectories of training, errors on (250, 100): FNO-RNN 11.93, FNO-PF 0.54, MP-PDE 1.55.
[2] Z. Li et al., Fourier neural operator for parametric partial differential equations, ICLR 2021, arXiv 2010.08895.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import sympy as sp
import torch
from _report import RESULTS, Report, in_own_process
from rich.table import Table
from torch import Tensor

from pinnlab import Box, D, Family, Problem, TimeInterval, initial, parameter
from pinnlab.datasets.data import OperatorData
from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature
from pinnlab.networks.position_channels import NoPositions
from pinnlab.operators.augmentation import Reflection
from pinnlab.operators.generate import generate
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.normalisation import Unnormalised
from pinnlab.operators.pairs import Bundled, OneStep, Pairs
from pinnlab.operators.trained import TrainedOperator
from pinnlab.operators.unrolled import Pushforward
from pinnlab.random_functions import TravellingSines
from pinnlab.solvers.finite_volume import FiniteVolume
from pinnlab.training.adam_w import AdamW

t, x = sp.symbols("t x", real=True)
LENGTH = 16
FRAMES, WINDOW, GIVEN = 250, 25, 50
NODES, STRIDES = 200, (2, 4, 5)
SIZES = TRAINED, CHOSEN, TESTED = 256, 32, 64
SOLVER = FiniteVolume(cells=NODES, snapshots=FRAMES - 1)
NETWORK = Fno(16, 32, 4, positions=NoPositions())
BATCHES = 200
# Accumulated errors of FNO-RNN, FNO-PF and MP-PDE in table 1 of [1], by nodes.
PUBLISHED = {100: (11.93, 0.54, 1.55), 50: (29.98, 0.51, 1.67), 40: (10.44, 0.57, 1.47)}


def family() -> Family:
    u, delta = sp.Function("u")(t, x), parameter("delta", sp.sin(2 * sp.pi * x / LENGTH))
    law = D(u, t) + D(u**2 / 2, x) - delta
    domain = TimeInterval(t, 0, 4) * Box({x: (0, LENGTH)}, periodic=[x])
    problem = Problem("E1", [law], [u], domain, [initial(u, delta)], time=t)
    return Family(problem, {delta: TravellingSines(t, {x: (0, LENGTH)})})


def trajectories(out: str, workers: int) -> OperatorData:
    """Those of the file, and those that it still lacks."""
    times = np.linspace(0, 4, FRAMES)
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return generate(family(), sum(SIZES), SOLVER, nodes=NODES, times=times, executor=pool, out=out)


def averaged(data: OperatorData, stride: int) -> OperatorData:
    """Means over 5 neighbours at every `stride`-th node, in single precision, in which the networks are trained."""
    means = [sum(np.roll(a[:], k, axis=-1) for k in range(-2, 3)) / 5 for a in (data.inputs, data.outputs)]
    inputs, outputs = (a[..., ::stride].astype(np.float32) for a in means)
    return dataclasses.replace(data, inputs=inputs, outputs=outputs, axes=tuple(a[::stride] for a in data.axes))


class FromLastFrame(OperatorNetwork):
    """u_k + τ_l s d_l, where d is what a network answers to the frames until u_k; τ_l = l is the distance in frames."""

    def __init__(self, change: OperatorNetwork, usual: float, signature: Signature) -> None:
        super().__init__()
        self.change = change
        self.history = signature.inputs
        self.register_buffer("ahead", usual * torch.arange(1.0, signature.outputs + 1)[:, None])
        self.register_buffer("behind", usual * torch.arange(self.history - 1.0, 0, -1)[:, None])

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The next frames."""
        return values[:, -1:] + self.ahead * self.change(self.seen(values), positions)

    def seen(self, values: Tensor) -> Tensor:
        """The frames as they are."""
        return values


class FromDifferences(FromLastFrame):
    """The same, of the last frame and of its differences from those before, in the units of the answer.

    They show the network how fast things change, and also magnify its own errors when it goes on from its answers.
    """

    def seen(self, values: Tensor) -> Tensor:
        """The last frame, then differences."""
        last = values[:, -1:]
        return torch.cat([last, (last - values[:, :-1]) / self.behind], dim=1)


@dataclasses.dataclass(frozen=True)
class Changes(OperatorArchitecture):
    """A Fourier neural operator of changes, in units of the usual one s from a frame to the next."""

    kind: type[FromLastFrame]
    usual: float

    def build(self, signature: Signature, generator: torch.Generator) -> FromLastFrame:
        """All weights come from the generator."""
        return self.kind(NETWORK.build(signature, generator), self.usual, signature)


@dataclasses.dataclass(frozen=True)
class Method:
    """How to learn, and in how many epochs: as many as take the same time.  Without a kind the frame is the answer."""

    pairs: Pairs
    epochs: int
    learning_rate: float
    batch: int
    kind: type[FromLastFrame] | None


STEP = OneStep(WINDOW, conditions=())
DIRECT, CHANGE, PUSHED = "one frame, directly", "one frame, as a change", "25 frames, pushforward"
METHODS = {
    DIRECT: Method(STEP, 38, 3e-3, 16, None),
    CHANGE: Method(STEP, 38, 3e-3, 16, FromLastFrame),
    PUSHED: Method(Pushforward(1, Bundled(WINDOW, WINDOW, conditions=())), 28, 5e-3, 48, FromDifferences),
}


def learning(name: str, part: OperatorData, share: float) -> OperatorLearning:
    """The settings of a method; `share` of its epochs."""
    method = METHODS[name]
    usual = float(np.std(np.diff(np.asarray(part.outputs), axis=1)))
    return OperatorLearning(
        NETWORK if method.kind is None else Changes(method.kind, usual),
        method.pairs,
        normalisation=Unnormalised(),
        optimizer=AdamW(method.learning_rate),
        epochs=max(1, round(share * method.epochs)),
        batch=method.batch,
        batches=BATCHES,
        # The equation and the distribution of δ are the same for -u(-x).
        augmentations=(Reflection("x", odd=("u", "delta")),),
    )


def continued(operator: TrainedOperator, data: OperatorData) -> np.ndarray:
    """The 200 frames `(n, 200, 1, nodes)` after the given ones."""
    known = np.asarray(data.outputs)[:, GIVEN - operator.given : GIVEN]
    return operator.rollout(known, data.axes, operator.given + FRAMES - GIVEN)[:, operator.given :]


def squares(difference: np.ndarray) -> np.ndarray:
    """Mean squares over x, `(n, frames)`."""
    return np.square(difference, dtype=float).mean(axis=(2, 3))


def run(method: str, stride: int, seed: int, file: str, share: float) -> dict:
    """One training, and its errors on test trajectories that nothing was chosen by."""
    torch.set_num_threads(1)
    part, chosen, test = averaged(trajectories(file, 1), stride).split(*SIZES)
    settings = learning(method, part, share)
    begin = time.process_time()
    operator = train(part, settings, validation=chosen, seed=seed, device="cpu")
    seconds = time.process_time() - begin
    found = continued(operator, test)
    errors = squares(found - np.asarray(test.outputs)[:, GIVEN:])
    held = squares(continued(operator, chosen) - np.asarray(chosen.outputs)[:, GIVEN:])
    return {
        "method": method,
        "nodes": NODES // stride,
        "seed": seed,
        "seconds": seconds,
        "steps": settings.epochs * BATCHES,
        "epoch": f"{operator.epoch}/{settings.epochs}",
        "failure": operator.failure,
        "chosen": float(held.sum(axis=1).mean()),
        "error": float(errors.sum(axis=1).mean()),
        "median": float(np.median(errors.sum(axis=1))),
        "over_time": errors.mean(axis=0).tolist(),
        # Of the first test trajectory.
        "frames": found[0, :, 0].tolist(),
    }


def table_of(results: list[dict]) -> Table:
    columns = ("nodes", "method", "seed", "steps", "core s", "best epoch", "chosen", "test", "median", "published")
    table = Table(*columns, title="Accumulated error over 200 frames: means over validation and over test trajectories")
    for r in results:
        published = {DIRECT: "FNO-RNN {0}", PUSHED: "FNO-PF {1}, MP-PDE {2}"}.get(r["method"], "")
        numbers = [f"{r[key]:.3g}" for key in ("chosen", "error", "median")]
        row = (r["nodes"], r["method"], r["seed"], r["steps"], f"{r['seconds']:.0f}", r["epoch"], *numbers)
        table.add_row(*map(str, row), published.format(*PUBLISHED[r["nodes"]]))
    return table


def ratios_of(results: list[dict]) -> Table:
    """How many times larger the errors of methods of one frame are, of means over seeds."""
    columns = ("nodes", "seeds", PUSHED, DIRECT, "ratio", "ratio by seed", CHANGE, "ratio", "published ratio")
    table = Table(*columns, title="Test errors over that of 25 frames with pushforward")
    for nodes in sorted({r["nodes"] for r in results}, reverse=True):
        some = [r for r in results if r["nodes"] == nodes]
        errors = {name: np.array([r["error"] for r in some if r["method"] == name]) for name in METHODS}
        if not all(len(e) for e in errors.values()):
            continue
        pushed, direct, change = (errors[m] for m in (PUSHED, DIRECT, CHANGE))
        told = [str(nodes), str(len(pushed)), f"{pushed.mean():.3g}", f"{direct.mean():.3g}"]
        told += [f"{direct.mean() / pushed.mean():.2g}", " ".join(f"{r:.2g}" for r in direct / pushed)]
        told += [f"{change.mean():.3g}", f"{change.mean() / pushed.mean():.2g}"]
        rnn, pf, _ = PUBLISHED[nodes]
        table.add_row(*told, f"{rnn / pf:.2g}")
    return table


def draw(results: list[dict], data: OperatorData) -> None:
    """The first test trajectory on the coarsest grid, and the errors over time."""
    from matplotlib.figure import Figure

    stride = STRIDES[-1]
    test = averaged(data[-TESTED:], stride)
    some = {r["method"]: r for r in results if (r["nodes"], r["seed"]) == (NODES // stride, 0)}
    truth = np.asarray(test.outputs)[0, GIVEN:, 0]
    fields = {"truth": truth, **{name: np.array(r["frames"]) for name, r in some.items()}}
    figure = Figure(figsize=(3.2 * len(fields) + 4.5, 3.6), layout="constrained")
    *maps, over_time = figure.subplots(1, len(fields) + 1)
    limit, extent = np.abs(truth).max(), (0, LENGTH, test.times[GIVEN], test.times[-1])
    for ax, (name, values) in zip(maps, fields.items(), strict=True):
        image = ax.imshow(values, origin="lower", aspect="auto", extent=extent, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set(title=name, xlabel="x", ylabel="t" if name == "truth" else "")
    figure.colorbar(image, ax=maps, label="u")
    for name, r in some.items():
        over_time.semilogy(test.times[GIVEN:], r["over_time"], label=name)
    over_time.set(title=f"mean of {TESTED} test trajectories", xlabel="t", ylabel="mean square error")
    over_time.legend(fontsize=7)
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "rollout.png", dpi=110)


def about(data: OperatorData) -> str:
    """What the truth is worth: its bounds, as relative errors and as accumulated errors of coarser cells."""
    squared = squares(np.asarray(data.outputs)).sum(axis=1)
    after = squares(np.asarray(data.outputs)[:, GIVEN:]).sum(axis=1)
    return (
        f"{len(data)} trajectories, {TRAINED} to train on; bounds {np.median(data.bounds):.1e} in the median, "
        f"{np.max(data.bounds):.1e} at most: of half as many cells, an accumulated error of "
        f"{(data.bounds**2 * squared).mean():.2g} in the mean on all frames and {NODES} nodes; that of the answer 0 on "
        f"the 200 frames is {after.mean():.3g}"
    )


def orders_of(args: argparse.Namespace, file: str) -> list[dict]:
    """The coarsest grid with all seeds, the others with one."""
    return [
        {"method": name, "stride": stride, "seed": seed, "file": file, "share": args.share}
        for stride in reversed(STRIDES)
        for seed in range(args.seeds if stride == STRIDES[-1] else 1)
        for name in METHODS
        if args.only in f"{NODES // stride} nodes, {name}"
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="", help="file that keeps the trajectories")
    parser.add_argument("--seeds", type=int, default=3, help="on the coarsest grid")
    parser.add_argument("--share", type=float, default=1.0, help="of the epochs")
    parser.add_argument("--only", default="", help="part of 'N nodes, METHOD'")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    report = Report("rollout")
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        file = args.data or str(Path(folder) / "e1.hdf")
        data = trajectories(file, args.workers).loaded()
        report.print(about(data))
        report.print(f"trajectories after {time.perf_counter() - begin:.0f} seconds")
        with ThreadPoolExecutor(args.workers) as pool:
            results = list(pool.map(lambda order: in_own_process(__file__, order), orders_of(args, file)))
    report.print(table_of(results))
    report.print(ratios_of(results))
    for r in results:
        if r["failure"]:
            report.print(f"{r['nodes']} nodes, {r['method']}, seed {r['seed']}: {r['failure']}")
    report.print(f"{time.perf_counter() - begin:.0f} seconds in all, {args.workers} processes at a time")
    draw(results, data)
    report.save()


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(run(**json.loads(sys.argv[1]))))
    else:
        main()
