"""Long rollouts: one frame at a time against bundles of 50 frames that learn to go on from their own answers.

u_t + (u²/2)_x = δ(t, x) on a period of 16, u(0, x) = δ(0, x), with sums of random travelling sines δ that no network is
told: the inviscid case E1 of [1], in which shocks form.  250 frames until t = 4, of which the first 50 are given; the
error is the sum over the other 200 of the mean square over x, a mean over test trajectories.  The truth is that of
finite volumes on 200 cells, as in [1]; on the coarser grids of the networks it is averaged over 5 neighbours.

Four methods with the same layers of a Fourier neural operator, the same trajectories, about the same number of core
seconds and the epoch chosen on the same validation trajectories:
  - one frame, directly: the next frame is what the network answers to the last 25, as of the operators that step in
    time of [2]; the one-step method of the comparison in [1], FNO-RNN, is of this form;
  - one frame, as a change: the last frame plus what the network answers to the last 25;
  - 50 frames, pushforward: changes of the next 50 frames, from 50, see `ChangeNetwork`; it learns to go on from its own
    answer, without a gradient of that answer.  FNO-PF of [1] is of this form, with 25 frames;
  - 50 frames, unrolled: the same, learned with the gradient through three answers in a row.

Settings come from trials with 256 trajectories of another solver and draw and one seed, judged on validation
trajectories: about sixteen of bundles (25 or 50 frames, one to three calls, frames or their principal components as
inputs), seven of the direct method (with components it had no finite error), three of changes of one frame (with
components, errors grew to 80 or without bound).  The care was not equal, and bundles differ from single frames in
several things at once: this is no ablation.

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
from collections.abc import Callable
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
from pinnlab.operators.layout import Layout
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.normalisation import Unnormalised
from pinnlab.operators.pairs import Bundled, OneStep, Pairs
from pinnlab.operators.trained import TrainedOperator
from pinnlab.operators.unrolled import Pushforward, Rollout
from pinnlab.random_functions import TravellingSines
from pinnlab.solvers.finite_volume import FiniteVolume
from pinnlab.training.adam_w import AdamW

t, x = sp.symbols("t x", real=True)
LENGTH = 16
FRAMES, GIVEN = 250, 50
NODES, STRIDES = 200, (2, 4, 5)
SIZES = TRAINED, CHOSEN, TESTED = 512, 32, 64
SOLVER = FiniteVolume(cells=NODES, snapshots=FRAMES - 1)
NETWORK = Fno(16, 32, 4, positions=NoPositions())
BATCHES = 400
# Principal components in time, of what a network of changes sees and of what it answers.
COMPONENTS = 8
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


def averaged(data: OperatorData, stride: int, first: int = 0) -> OperatorData:
    """Means over 5 neighbours at every `stride`-th node, in single precision, in which the networks are trained."""
    means = [sum(np.roll(a[:], k, axis=-1) for k in range(-2, 3)) / 5 for a in (data.inputs, data.outputs)]
    inputs, outputs = (np.ascontiguousarray(a[..., first::stride], np.float32) for a in means)
    return dataclasses.replace(data, inputs=inputs, outputs=outputs, axes=tuple(a[::stride] for a in data.axes))


def translated(data: OperatorData, stride: int) -> OperatorData:
    """The same trajectories, seen on each of the coarser grids: the family is the same from any point of the period."""
    parts = [averaged(data, stride, first) for first in range(stride)]
    inputs, outputs = (np.concatenate([getattr(p, name) for p in parts]) for name in ("inputs", "outputs"))
    bounds = np.tile(data.bounds, stride)
    origin = data.origin and dataclasses.replace(data.origin, members=np.tile(data.origin.members, (stride, 1)))
    return dataclasses.replace(parts[0], inputs=inputs, outputs=outputs, bounds=bounds, origin=origin)


Rows = tuple[tuple[float, ...], ...]


def components(differences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest root mean squares `(k,)` of differences `(m, frames)` along their principal axes `(k, frames)`."""
    squared, axes = np.linalg.eigh(differences.T @ differences / len(differences))
    chosen = slice(None, -COMPONENTS - 1, -1)
    return np.sqrt(squared[chosen]), axes[:, chosen].T


class ChangeNetwork(OperatorNetwork):
    """u_K + Σ_j d_j s_j φ_j, less the mean over x of the sum, since the equation keeps that of u.

    d is what a network answers, φ_j are the principal axes in time of the changes from frame K to those after it, and
    s_j their usual sizes.  The network sees u_K, the flux u_K²/2, and of both the differences from the K - 1 frames
    before, along the principal axes in time of such differences and in units of their usual sizes.
    """

    def __init__(self, change: OperatorNetwork, seen: Tensor, flux: Tensor, answered: Tensor) -> None:
        super().__init__()
        self.change = change
        self.register_buffer("seen", seen)
        self.register_buffer("flux", flux)
        self.register_buffer("answered", answered)

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The next frames."""
        shown = []
        for frames, axes in ((values, self.seen), (values.square() / 2, self.flux)):
            last = frames[:, -1:]
            shown += [last, torch.einsum("jk,bkx->bjx", axes, frames[:, :-1] - last)]
        change = torch.einsum("jk,bjx->bkx", self.answered, self.change(torch.cat(shown, dim=1), positions))
        return values[:, -1:] + change - change.mean(dim=-1, keepdim=True)


@dataclasses.dataclass(frozen=True)
class Changes(OperatorArchitecture):
    """A Fourier neural operator of changes; axes in time of u and u²/2 over their usual sizes, of changes times it."""

    seen: Rows
    flux: Rows
    answered: Rows

    @staticmethod
    def of(data: OperatorData, history: int, together: int, least: float) -> Changes:
        """In units of what is usual in the data, but for differences no smaller ones than `least`.

        Small units show the network how fast things change, and also magnify its own errors when it goes on from its
        answers.
        """
        u = np.asarray(data.outputs)[:TRAINED, :, 0].astype(float)
        starts = range(0, FRAMES - history - together + 1, 7)
        windows = [u[:, s : s + history + together].swapaxes(1, 2).reshape(-1, history + together) for s in starts]
        frames, found = np.concatenate(windows), []
        for of in (frames, frames**2 / 2):
            sizes, axes = components(of[:, : history - 1] - of[:, history - 1 : history])
            found.append(axes / np.maximum(sizes, least)[:, None])
        sizes, axes = components(frames[:, history:] - frames[:, history - 1 : history])
        found.append(axes * sizes[:, None])
        return Changes(*(tuple(map(tuple, rows.tolist())) for rows in found))

    def build(self, signature: Signature, generator: torch.Generator) -> ChangeNetwork:
        """All weights come from the generator."""
        seen, flux, answered = (torch.tensor(r, dtype=signature.dtype) for r in (self.seen, self.flux, self.answered))
        inner = dataclasses.replace(signature, inputs=2 + len(seen) + len(flux), outputs=len(answered))
        return ChangeNetwork(NETWORK.build(inner, generator), seen, flux, answered)


class FromLastFrame(OperatorNetwork):
    """u_K + s d, where d is what a network answers to the frames until u_K, and s the usual change of one frame."""

    def __init__(self, change: OperatorNetwork, usual: float) -> None:
        super().__init__()
        self.change, self.usual = change, usual

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The next frame."""
        return values[:, -1:] + self.usual * self.change(values, positions)


@dataclasses.dataclass(frozen=True)
class OneChange(OperatorArchitecture):
    """A Fourier neural operator of the change to the next frame."""

    usual: float

    def build(self, signature: Signature, generator: torch.Generator) -> FromLastFrame:
        """All weights come from the generator."""
        return FromLastFrame(NETWORK.build(signature, generator), self.usual)


def the_frame(part: OperatorData, signature: Signature) -> OperatorArchitecture:
    return NETWORK


def from_last_frame(part: OperatorData, signature: Signature) -> OperatorArchitecture:
    return OneChange(float(np.std(np.diff(np.asarray(part.outputs), axis=1))))


def along_components(part: OperatorData, signature: Signature) -> OperatorArchitecture:
    return Changes.of(part, signature.inputs, signature.outputs, 0.005)


@dataclasses.dataclass(frozen=True)
class Method:
    """How to learn, and in how many epochs on the coarsest grid: as many as take about the same time."""

    network: Callable[[OperatorData, Signature], OperatorArchitecture]
    pairs: Pairs
    epochs: int
    learning_rate: float
    batch: int


BUNDLE = Bundled(GIVEN, GIVEN, conditions=())
DIRECT, CHANGE = "one frame, directly", "one frame, as a change"
PUSHED, UNROLLED = "50 frames, pushforward", "50 frames, unrolled"
METHODS = {
    DIRECT: Method(the_frame, OneStep(25, conditions=()), 20, 3e-3, 16),
    CHANGE: Method(from_last_frame, OneStep(25, conditions=()), 20, 3e-3, 16),
    PUSHED: Method(along_components, Pushforward(1, BUNDLE), 12, 5e-3, 48),
    UNROLLED: Method(along_components, Rollout(3, BUNDLE), 8, 5e-3, 24),
}


def learning(name: str, part: OperatorData, share: float) -> OperatorLearning:
    """The settings of a method; `share` of its epochs, fewer on finer grids, where each takes longer."""
    method = METHODS[name]
    return OperatorLearning(
        method.network(part, method.pairs.signature(Layout.of(part))),
        method.pairs,
        normalisation=Unnormalised(),
        optimizer=AdamW(method.learning_rate),
        epochs=max(1, round(share * method.epochs * NODES / STRIDES[-1] / part.grid[0])),
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
    trained, *others = trajectories(file, 1).split(*SIZES)
    part, chosen, test = translated(trained, stride), *(averaged(other, stride) for other in others)
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
    columns = ("nodes", "seeds", "bundles", "error", DIRECT, "ratio", "by seed", CHANGE, "ratio", "published")
    table = Table(*columns, title="Test errors over those of bundles; published: FNO-RNN over FNO-PF")
    for nodes in sorted({r["nodes"] for r in results}, reverse=True):
        some = [r for r in results if r["nodes"] == nodes]
        errors = {name: np.array([r["error"] for r in some if r["method"] == name]) for name in METHODS}
        if not all(len(e) for e in errors.values()):
            continue
        rnn, pf, _ = PUBLISHED[nodes]
        for name in (PUSHED, UNROLLED):
            bundled, direct, change = (errors[m] for m in (name, DIRECT, CHANGE))
            told = [str(nodes), str(len(bundled)), name, f"{bundled.mean():.3g}", f"{direct.mean():.3g}"]
            told += [f"{direct.mean() / bundled.mean():.2g}", " ".join(f"{r:.2g}" for r in direct / bundled)]
            told += [f"{change.mean():.3g}", f"{change.mean() / bundled.mean():.2g}", f"{rnn / pf:.2g}"]
            table.add_row(*told)
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
