"""Sound of a source at a random place in a room: DeepONets against the cheapest classical solver of equal error.

The family is `problems/families/room_acoustics.py`.  200 samples to train on, of which the last 33 choose the epoch, and
50 with sources of another seed as the test; all by MethodOfLines on 65 x 65 nodes, kept at 33 x 33 nodes and 41 times.
The error of the data themselves is measured on some test samples with half as many nodes again and tolerances a
hundredth.

Two operators are trained.  `DeepOnet` on `SpaceTime()` is a function of time and place and answers one receiver at a time;
`PodDeepOnet` knows the principal components of the training outputs at the nodes, and answers the whole room.  The
branch of both is affine, as the problem is linear.  Everything was chosen on the validation samples.

A query is the pressure over 41 times at one receiver, for a new source that is given at 33 x 33 nodes.  The rivals are
MethodOfLines on several grids, and Etdrk4 on the mirrored room, which is periodic: walls without flux are planes of
symmetry.  Neither is charged for the symbolic work before its first step.  Beside them stands a leapfrog scheme written
by hand for this one equation, which has none of the cost of solvers that take any problem.  What is not among the
rivals, as pinnlab has no adjoint solver: for a receiver that never moves, one adjoint solution gives a matrix of 41 x
1,089 numbers that answers each source by one product, faster than any network.  An operator pays where receivers move.

Each run has one thread, and its time is that of its process, in seconds of one core.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy
import sympy as sp
import torch

from pinnlab import Box, D, Problem, initial, laplacian, solve
from pinnlab.catalog import load_family
from pinnlab.datasets.data import OperatorData
from pinnlab.discretization.collocation import FiniteDifferences
from pinnlab.files import well
from pinnlab.networks.activations import Swish
from pinnlab.networks.affine import Affine
from pinnlab.networks.deeponet import DeepOnet
from pinnlab.networks.embedding import FourierFeatures
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.pod_deeponet import PodDeepOnet
from pinnlab.numerics.integrators import Dop853
from pinnlab.operators.generate import generate
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.payoff import Timing, payoff, timed
from pinnlab.operators.space_time import SpaceTime
from pinnlab.operators.trained import TrainedOperator
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.solvers.method_of_lines import MethodOfLines
from pinnlab.training.adam_w import AdamW

SEED, TEST_SEED = 0, 1_000_003
TIMES = np.linspace(0, 2, 41)
NODES = 33
AXIS = np.linspace(0, 1, NODES)
# A node of the test data, so that the truth at the receiver is not interpolated.
RECEIVER = (24, 10)
POINTS = np.column_stack([TIMES, np.full((len(TIMES), 2), AXIS[list(RECEIVER)])])
ASKED = 20
SOLVER = MethodOfLines(FiniteDifferences(64), Dop853(rtol=1e-4, atol=1e-6), snapshots=40)
FINER = MethodOfLines(FiniteDifferences(96), Dop853(rtol=1e-6, atol=1e-8), snapshots=40)
OURS = "pinnlab"
FREE, ON_GRID = "DeepOnet, free points", "PodDeepOnet, whole room"
CASES = {
    FREE: OperatorLearning(
        DeepOnet(Affine(), FourierFeatures(Mlp(128, 2, Swish()), count=128, scale=8.0), rank=128),
        SpaceTime(1024),
        optimizer=AdamW(4e-3, weight_decay=0.0, largest_norm=0.3),
        epochs=80,
        batch=64,
        batches=100,
    ),
    ON_GRID: OperatorLearning(
        PodDeepOnet(Affine(), rank=100), optimizer=AdamW(1e-2, weight_decay=0.0), epochs=200, batch=50
    ),
}


def core_seconds() -> float:
    """Of this process and of its children that have ended."""
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def made(folder: Path, samples: int, tests: int) -> float:
    """Make the data, in files; the core seconds that those to train on took."""
    family, begin = load_family("room_acoustics"), core_seconds()
    generate(family, samples, SOLVER, nodes=NODES, times=TIMES, seed=SEED, out=folder / "train.hdf", device="cpu")
    seconds = core_seconds() - begin
    generate(family, tests, SOLVER, nodes=NODES, times=TIMES, seed=TEST_SEED, out=folder / "test.hdf", device="cpu")
    return seconds


def in_memory(path: Path) -> OperatorData:
    data = well.open(path).loaded()
    inputs, outputs = (np.asarray(values, np.float32) for values in (data.inputs, data.outputs))
    return dataclasses.replace(data, inputs=inputs, outputs=outputs)


def share_of_peak(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Root mean square error over the largest pressure of each sample `(n,)`, both over the room and all times."""
    rest = tuple(range(1, truth.ndim))
    return np.sqrt(np.square(found - truth, dtype=float).mean(rest)) / np.abs(truth).max(rest)


# -- one run, in a process of its own --------------------------------------------------------------------------


def work(order: dict) -> None:
    torch.set_num_threads(1)
    learning = CASES[order["case"]]
    if order["epochs"] is not None:
        learning = dataclasses.replace(learning, epochs=order["epochs"])
    begin = time.process_time()
    data = in_memory(Path(order["folder"]) / "train.hdf")
    held = len(data) // 6
    training, validation = data.split(len(data) - held, held)
    operator = train(training, learning, validation=validation, seed=order["seed"], device="cpu").checked()
    result = {
        "case": order["case"],
        "seed": order["seed"],
        "seconds": time.process_time() - begin,
        "epochs": f"{operator.epoch} of {len(operator.history['loss'])}",
        "validation": float(min(operator.history["validation"])),
    }
    if order["test"]:
        result |= tested(operator, in_memory(Path(order["folder"]) / "test.hdf"))
        operator.save(Path(order["folder"]) / f"{order['case'].split(',')[0]}_{order['seed']}")
    print(json.dumps(result))


def tested(operator: TrainedOperator, test: OperatorData) -> dict:
    errors, found = operator.errors(test), operator.predict(test)
    shares = share_of_peak(found, np.asarray(test.outputs))

    def ask(i: int) -> np.ndarray:
        given = np.asarray(test.inputs[i : i + 1])
        if isinstance(operator.pairs, SpaceTime):
            return operator.at(given, test.axes, POINTS)[0, :, 0]
        return operator(given, test.axes)[0, :, 0, *RECEIVER]

    asked = timed("operator", ask, heard(test))
    return {
        "error": float(errors.mean()),
        "largest": float(errors.max()),
        "share": float(shares.mean()),
        "largest_share": float(shares.max()),
        "query": asked.seconds,
        "query_error": asked.error,
    }


def heard(test: OperatorData) -> list[np.ndarray]:
    """The pressure at the receiver, for some sources."""
    return list(np.asarray(test.outputs[:ASKED])[:, :, 0, *RECEIVER])


# -- classical solvers -----------------------------------------------------------------------------------------


def lines(test: OperatorData) -> list[Timing]:
    """MethodOfLines, compiled for each source before the clock runs."""
    family, found = load_family("room_acoustics"), []
    members = [family.member(i, TEST_SEED) for i in range(ASKED)]
    for nodes in (20, 24, 28, 32, 40, 48):
        for snapshots in (14, 20):
            solver = MethodOfLines(FiniteDifferences(nodes), Dop853(rtol=1e-2, atol=1e-3), snapshots)
            methods = [solver.compile(m) for m in members]

            def ask(i: int, methods=methods, snapshots: int = snapshots) -> np.ndarray:
                state = methods[i].init(0)
                for _ in range(snapshots):
                    state, _ = methods[i].step(state)
                return methods[i].field(state)(POINTS)[:, 0]

            found.append(timed(f"MethodOfLines, {nodes} intervals, {snapshots} snapshots", ask, heard(test), repeats=1))
    return found


def mirrored(test: OperatorData) -> list[Timing]:
    """Etdrk4 on [-1, 1)², in which the room and its mirror images are one period; compiled once."""
    t, x, y = sp.symbols("t x y", real=True)
    family = load_family("room_acoustics")
    p, v = (sp.Function(name)(t, x, y) for name in ("p", "v"))
    c = sp.Rational(11, 10) - sp.cos(sp.pi * y) / 10
    lining = 4 * sum(sp.exp(-((10 * (s - k)) ** 2)) for s in (x, y) for k in (-1, 0, 1))
    equations = [D(p, t) - v, D(v, t) + lining * v - c**2 * laplacian(p, (x, y))]
    box = Box({t: (0, 2), x: (-1, 1), y: (-1, 1)}, periodic=[x, y])
    problem = Problem("mirrored_room", equations, [p, v], box, [initial(p, sp.cos(sp.pi * x)), initial(v, 0)], t)
    sources = [sp.lambdify((x, y), family.draw(i, TEST_SEED)["p0"]) for i in range(ASKED)]
    found = []
    for points in (24, 32, 40, 48):
        for steps in (40, 80, 120):
            method = Etdrk4(points=points, steps=steps, snapshots=40).compile(problem)
            nodes = np.abs(-1 + 2 * np.arange(points) / points)
            waves = np.fft.fftfreq(points, 1 / points)
            phases = [np.exp(1j * np.pi * (AXIS[k] + 1) * waves) / points for k in RECEIVER]

            def ask(i: int, method=method, nodes=nodes, phases=phases) -> np.ndarray:
                start = sources[i](nodes[:, None], nodes[None, :])
                frames = method.evolve(torch.from_numpy(np.stack([start, 0 * start])[None]))[0, :, 0].numpy()
                return np.real(np.fft.fft2(frames) @ phases[1] @ phases[0])

            found.append(timed(f"Etdrk4, mirrored room, {points}², {steps} steps", ask, heard(test), repeats=1))
    return [one for one in found if np.isfinite(one.error) and one.error < 1]


def leapfrog(test: OperatorData) -> list[Timing]:
    """Central differences written for this one equation: second order in time, fourth in space, walls by mirroring."""
    sources = [sp.lambdify(sp.symbols("x y", real=True), load_family("room_acoustics").draw(i, TEST_SEED)["p0"])
               for i in range(ASKED)]  # fmt: skip
    found = []
    for intervals in (16, 32, 48):
        axis = np.linspace(0, 1, intervals + 1)
        place = np.ravel_multi_index([round(AXIS[k] * intervals) for k in RECEIVER], 2 * axis.shape)
        x, y = axis[:, None], axis[None, :]
        speed = np.broadcast_to(1.1 - np.cos(np.pi * y) / 10, 2 * axis.shape).ravel()
        lining = sum(4 * np.exp(-((10 * s) ** 2)) + np.zeros(2 * axis.shape) for s in (x, 1 - x, y, 1 - y)).ravel()
        second = mirrored_second_difference(intervals)
        one = scipy.sparse.eye_array(intervals + 1)
        laplace = scipy.sparse.diags_array(speed**2) @ (scipy.sparse.kron(second, one) + scipy.sparse.kron(one, second))
        for steps in (80, 120, 160):
            dt = TIMES[-1] / steps
            if dt > 0.55 / intervals * np.sqrt(1.5):
                continue
            ahead, behind = 1 / (1 + lining * dt / 2), 1 - lining * dt / 2
            forward = (
                scipy.sparse.diags_array(ahead) @ (2 * scipy.sparse.eye_array(len(speed)) + dt**2 * laplace)
            ).tocsr()
            backward, half = ahead * behind, (dt**2 / 2 * laplace).tocsr()

            def ask(
                i: int, x=x, y=y, steps=steps, half=half, forward=forward, backward=backward, place=place
            ) -> np.ndarray:
                before = sources[i](x, y).ravel()
                now = before + half @ before
                heard_at = [before[place], now[place]]
                for _ in range(steps - 1):
                    before, now = now, forward @ now - backward * before
                    heard_at.append(now[place])
                return np.array(heard_at)[:: steps // (len(TIMES) - 1)]

            found.append(timed(f"leapfrog by hand, {intervals} intervals, {steps} steps", ask, heard(test), repeats=1))
    return [one for one in found if np.isfinite(one.error) and one.error < 1]


def mirrored_second_difference(intervals: int) -> scipy.sparse.csr_array:
    """Of even functions about both ends, fourth order."""
    n = intervals + 1
    matrix = scipy.sparse.lil_array((n, n))
    for i in range(n):
        for shift, weight in zip(range(-2, 3), (-1 / 12, 4 / 3, -5 / 2, 4 / 3, -1 / 12), strict=True):
            j = abs(i + shift)
            matrix[i, min(j, 2 * intervals - j)] += weight * intervals**2
    return matrix.tocsr()


# -- tables and picture ----------------------------------------------------------------------------------------


def run(order: dict) -> dict:
    from _report import in_own_process

    result = in_own_process(__file__, order)
    told = f"validation {result['validation']:.4f} after {result['seconds']:.0f} core seconds"
    shown = f"relative L2 {result['error']:.4f}, {100 * result['share']:.2f} % of peak" if "error" in result else ""
    print(f"{result['case']}, seed {result['seed']}: {told}; {shown or 'test not opened'}", flush=True)
    return result


def show(report, results: list[dict], kinds: dict[str, list[Timing]], spent: float, nothing: float) -> None:
    from rich.table import Table

    table = Table(
        "operator", "seeds", "RMSE / peak: required", "median", "worst seed", "worst sample", "relative L2: median",
        "worst seed", "core s", "epochs", title="Unseen sources, whole room and all times",
    )  # fmt: skip
    costs = Table(
        "operator", "error at receiver", "ms per query", "against", "cheapest of equal error", "its error", "its ms",
        "faster", "required", "training + data, core s", "has paid off", title="The pressure at one receiver, one core",
    )  # fmt: skip
    for name in CASES:
        mine = [r for r in results if r["case"] == name]
        if not mine:
            continue
        shares, errors = ([r[key] for r in mine] for key in ("share", "error"))
        middle = {key: statistics.median(r[key] for r in mine) for key in ("query", "query_error", "seconds")}
        table.add_row(
            name, str(len(mine)), "5 %", f"{100 * statistics.median(shares):.2f} %", f"{100 * max(shares):.2f} %",
            f"{100 * max(r['largest_share'] for r in mine):.2f} %", f"{statistics.median(errors):.2e}",
            f"{max(errors):.2e}", f"{middle['seconds']:.0f}", mine[0]["epochs"],
        )  # fmt: skip
        total = middle["seconds"] + spent
        query = Timing("operator", middle["query"], middle["query_error"])
        for kind, rivals in kinds.items():
            found = payoff(query, rivals, total)
            rival = found.classical or min(rivals, key=lambda one: one.error)
            costs.add_row(
                name, f"{query.error:.2e}", f"{1e3 * query.seconds:.2f}", kind, rival.name, f"{rival.error:.2e}",
                f"{1e3 * rival.seconds:.1f}", f"{rival.seconds / query.seconds:.1f} x", "50 x" if kind == OURS else "",
                f"{total:.0f}", str(found),
            )  # fmt: skip
    report.print(table)
    report.print(f"The answer 0 is {100 * nothing:.1f} % of the peak off.")
    report.print(costs)
    every = Table("classical solver", "error at receiver", "ms per query", title="All that were tried")
    for one in sorted(itertools.chain(*kinds.values()), key=lambda one: one.seconds):
        every.add_row(one.name, f"{one.error:.2e}", f"{1e3 * one.seconds:.1f}")
    report.print(every)


def picture(operator: TrainedOperator, test: OperatorData, path: Path) -> None:
    """Source, truth, answer and error at t = 0.8, and what the receiver hears."""
    import matplotlib.pyplot as plt

    k = 16
    source, truth = np.asarray(test.inputs[0, 0]), np.asarray(test.outputs[0, :, 0])
    found = operator(np.asarray(test.inputs[:1]), test.axes)[0, :, 0]
    heard_by = operator.at(np.asarray(test.inputs[:1]), test.axes, POINTS)[0, :, 0]
    figure, axes = plt.subplots(1, 5, figsize=(17, 3.2), layout="constrained")
    largest = np.abs(truth[k]).max()
    panels = (
        (source, "source", 1.0),
        (truth[k], f"reference, t = {TIMES[k]:.1f}", largest),
        (found[k], "DeepOnet", largest),
        (found[k] - truth[k], "error", np.abs(found[k] - truth[k]).max()),
    )
    for ax, (values, title, size) in zip(axes, panels, strict=False):
        image = ax.imshow(values.T, origin="lower", extent=(0, 1, 0, 1), cmap="RdBu_r", vmin=-size, vmax=size)
        ax.plot(*AXIS[list(RECEIVER)], "k+")
        ax.set(title=title, xlabel="x", ylabel="y")
        figure.colorbar(image, ax=ax)
    axes[-1].plot(TIMES, truth[:, *RECEIVER], "k", label="reference")
    axes[-1].plot(TIMES, heard_by, "C1--", label="DeepOnet")
    axes[-1].set(title="at the receiver (+)", xlabel="t")
    axes[-1].legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=200, help="to train on, for a trial")
    parser.add_argument("--tests", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=None, help="for a trial")
    parser.add_argument("--validate", action="store_true", help="do not open the test")
    parser.add_argument("--at-once", type=int, default=2, help="runs at a time")
    parser.add_argument("--out", type=Path, default=None, help="where the picture is to lie, for a trial")
    args = parser.parse_args()
    from _report import RESULTS, Report

    report = Report("wave_source")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spent = made(folder, args.samples, args.tests)
        common = {"folder": name, "epochs": args.epochs, "test": not args.validate}
        orders = [{"case": c, "seed": s, **common} for c in CASES if args.only in c for s in range(args.seeds)]
        with concurrent.futures.ThreadPoolExecutor(args.at_once) as pool:
            results = list(pool.map(run, orders))
        for case in {order["case"]: None for order in orders}:
            report.print(f"{case}: {CASES[case]}")
        if args.validate:
            return
        test = in_memory(folder / "test.hdf")
        report.print(f"{args.samples} samples took {spent:.0f} core seconds; {own_error(test)}")
        truth = np.asarray(test.outputs)
        nothing = float(share_of_peak(0 * truth, truth).mean())
        show(report, results, {OURS: lines(test) + mirrored(test), "a scheme by hand": leapfrog(test)}, spent, nothing)
        if any(order["case"] == FREE for order in orders):
            out = args.out or RESULTS
            picture(TrainedOperator.load(folder / "DeepOnet_0"), test, out / "wave_source.png")
    if args.out is None:
        report.save()


def own_error(test: OperatorData) -> str:
    """How far some test samples are from a finer solution, in words."""
    from pinnlab.field import Field

    def on_grid(field: Field) -> np.ndarray:
        mesh = np.meshgrid(TIMES, AXIS, AXIS, indexing="ij")
        return field(np.stack([m.ravel() for m in mesh], 1)).reshape(mesh[0].shape)

    family = load_family("room_acoustics")
    finer = [on_grid(solve(family.member(i, TEST_SEED), FINER, device="cpu").field) for i in range(3)]
    known = np.asarray(test.outputs[:3, :, 0])
    errors = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(known, finer, strict=True)]
    return f"three test samples are {max(errors):.1e} from a finer solution, in relative L2"


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        work(json.loads(sys.argv[1]))
    else:
        main()
