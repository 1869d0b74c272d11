"""Trained operators against their required errors, and against the cheapest classical solvers of equal error.

Burgers: nu = 0.1, from the initial value to t = 1, 256 nodes of data made with 1,024; 1,000 samples, of which the last 100
choose the epoch, and 200 of another seed as the test.  Darcy: 1,000 samples on 16 x 16 nodes that were made by others,
likewise; one network answers the tests on 16 x 16 and on 32 x 32 nodes.  There it is asked at every other node, and its
answer is carried to the finer grid by splines.  "With five-point solution": the network corrects a cheap classical answer,
and on 32 x 32 nodes that of the fine grid is corrected.

Everything was chosen on the validation samples; tests are opened after training.  Each run has one thread, and its time is
that of its process, in seconds of one core.

`python operators.py --darcy darcy.h5`; without the file the Darcy rows are left out.  `--validate` does not open the tests.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import _darcy16
import numpy as np
import torch
from _operators import MANY, ONE, Asked, Costs, Pair, asked_alike, keep, relative_errors, together, with_nodes
from operator_data import burgers

from pinnlab.datasets.data import OperatorData
from pinnlab.files import well
from pinnlab.networks.corrected import Corrected
from pinnlab.networks.fno import Fno
from pinnlab.networks.position_channels import NoPositions
from pinnlab.networks.symmetrised import Symmetrised
from pinnlab.networks.unet import UNet
from pinnlab.operators.augmentation import PeriodicShift, Reflection, Transposition
from pinnlab.operators.generate import generate
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.payoff import Timing, timed
from pinnlab.operators.pictures import plot_prediction, typical
from pinnlab.operators.trained import TrainedOperator
from pinnlab.plots.samples import plot_answer
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.training.adam_w import AdamW

SEED, TEST_SEED = 0, 1_000_003
# Single queries that are timed, and queries at once.
ASKED, BATCH = 50, 50
SQUARE = (Reflection("x"), Reflection("y"), Transposition("x", "y"))
BURGERS, PURE, CORRECTED = "Burgers, s = 256", "Darcy", "Darcy, with five-point solution"


@dataclass(frozen=True)
class Case:
    """How a case is learned, and what is required of each test: required error and goal."""

    learning: OperatorLearning
    wanted: dict[str, tuple[float, float]]


DARCY = {"16 x 16": (8.5e-2, 5e-2), "32 x 32": (1.2e-1, 8e-2)}
CASES = {
    BURGERS: Case(
        OperatorLearning(
            Fno(12, 32, positions=NoPositions()),
            optimizer=AdamW(4e-3),
            epochs=50,
            augmentations=(PeriodicShift(), Reflection("x", odd=("u0", "u"))),
        ),
        {"256": (1e-2, 2.5e-3)},
    ),
    PURE: Case(
        OperatorLearning(
            Symmetrised(UNet(16, 2)), optimizer=AdamW(2e-3), epochs=30, augmentations=SQUARE
        ),
        DARCY,
    ),
    CORRECTED: Case(
        OperatorLearning(
            Symmetrised(Corrected(UNet(16, 2), channel=1)), optimizer=AdamW(2e-3), epochs=15, augmentations=SQUARE
        ),
        DARCY,
    ),
}  # fmt: skip


def made(folder: Path) -> float:
    """Make the Burgers data, in files; the core seconds that those to train on took."""
    solver, family = Etdrk4(points=1024, steps=100), burgers()
    begin = time.process_time()
    generate(family, 1000, solver, nodes=256, seed=SEED, out=folder / "train.hdf", device="cpu")
    seconds = time.process_time() - begin
    generate(family, 200, solver, nodes=256, seed=TEST_SEED, out=folder / "test.hdf", device="cpu")
    return seconds


def in_memory(path: Path) -> OperatorData:
    data = well.open(path).loaded()
    inputs, outputs = (np.asarray(values, np.float32) for values in (data.inputs, data.outputs))
    return dataclasses.replace(data, inputs=inputs, outputs=outputs)


# -- one run, in a process of its own --------------------------------------------------------------------------


def work(order: dict) -> None:
    torch.set_num_threads(1)
    name, case = order["case"], CASES[order["case"]]
    learning = case.learning if order["epochs"] is None else dataclasses.replace(case.learning, epochs=order["epochs"])
    is_darcy, coarse = name != BURGERS, name == CORRECTED
    begin = time.process_time()
    if is_darcy:
        data = _darcy16.samples(Path(order["darcy"]), "train_16", coarse)
    else:
        data = in_memory(Path(order["folder"]) / "train.hdf")
    training, validation = data.split(900, 100)
    operator = train(training, learning, validation=validation, seed=order["seed"], device="cpu").checked()
    result = {
        "case": name,
        "seed": order["seed"],
        "seconds": time.process_time() - begin,
        "epochs": f"{operator.epoch} of {len(operator.history['loss'])}",
        "parameters": sum(p.numel() for p in operator.network.parameters()),
        "validation": float(min(operator.history["validation"])),
        "tests": {},
    }
    if order["test"]:
        result["tests"] = tests_of_darcy(operator, order, coarse) if is_darcy else test_of_burgers(operator, order)
    print(json.dumps(result))


def test_of_burgers(operator: TrainedOperator, order: dict) -> dict:
    test = in_memory(Path(order["folder"]) / "test.hdf")
    truths = np.asarray(test.outputs[:, 0, 0])

    def ask(inputs: np.ndarray) -> np.ndarray:
        return operator(inputs, test.axes, times=test.times)[:, 0, 0]

    errors = operator.errors(test)
    if order["picture"]:
        keep(plot_prediction(operator, test, typical(operator, test)), "operators_burgers")
    return {"256": measured(ask, np.asarray(test.inputs), truths, errors)}


def tests_of_darcy(operator: TrainedOperator, order: dict, coarse: bool) -> dict:
    """On both resolutions; a query starts from the shipped classes and ends with values at the shipped nodes."""
    found = {}
    for label, part, every in (("16 x 16", "test_16", 1), ("32 x 32", "test_32", 2)):
        data = _darcy16.samples(Path(order["darcy"]), part, False)
        high, truths = _darcy16.shipped(data.inputs[:, 0]) > 0, _darcy16.shipped(np.asarray(data.outputs[:, 0, 0]))

        def ask(some: np.ndarray, every: int = every) -> np.ndarray:
            return _darcy16.shipped(_darcy16.answered(operator, some, every, coarse))

        errors = relative_errors(ask(high), truths)
        found[label] = measured(ask, high, truths, errors)
        if order["picture"]:
            number = int(np.argsort(errors)[len(errors) // 2])
            answer = _darcy16.answered(operator, high[number : number + 1], every, coarse)
            name = f"operators_darcy_{label.split()[0]}" + "_corrected" * coarse
            keep(plot_answer(data, answer[None], number), name)
    return found


def measured(ask: Asked, inputs: np.ndarray, truths: np.ndarray, errors: np.ndarray) -> dict:
    """Errors of all tests, and seconds per query, one by one and many at once."""
    one = timed("operator", lambda i: ask(inputs[i : i + 1])[0], list(truths[:ASKED]))
    many = together("operator", lambda: ask(inputs[:BATCH]), truths[:BATCH])
    return {
        "error": float(errors.mean()),
        "largest": float(errors.max()),
        ONE: one.seconds,
        MANY: many.seconds,
    }


# -- classical solvers -----------------------------------------------------------------------------------------


def classical_burgers(folder: Path) -> list[Pair]:
    """Etdrk4, compiled once, from the lowest Fourier modes of the same 256 values to the same 256.

    The initial values have no mean, but the 256 of them have one, as large as a thousandth of the answer: it is taken off.
    """
    test = well.open(folder / "test.hdf").loaded()
    inputs, truths = np.asarray(test.inputs[:, 0], float), np.asarray(test.outputs[:, 0, 0])
    found = []
    for points in (16, 24, 32, 48, 64, 96):
        for steps in (6, 8, 12, 16, 24, 32):
            method = Etdrk4(points=points, steps=steps, snapshots=1).compile(burgers().problem)

            def ask(given: np.ndarray, method=method, points: int = points) -> np.ndarray:
                start = torch.from_numpy(with_nodes(given - given.mean(axis=1, keepdims=True), points))
                return with_nodes(method.evolve(start[:, None])[:, -1, 0].numpy(), 256)

            found.append(asked_alike(f"Etdrk4(points={points}, steps={steps})", ask, inputs, truths, ASKED, BATCH))
    return found


def classical_darcy(path: Path, part: str) -> list[Pair]:
    """Five-point differences at several resolutions; a batch is solved one after another."""
    data = _darcy16.samples(path, part, False)
    high, truths = _darcy16.shipped(data.inputs[:, 0]) > 0, _darcy16.shipped(np.asarray(data.outputs[:, 0, 0], float))
    found = []
    for times in (1, 2, 3, 4, 6) if part == "test_16" else (1, 2):

        def solved(one: np.ndarray, times: int = times) -> np.ndarray:
            a = _darcy16.permeability(one) if times == 1 else _darcy16.sharpened(one, times)
            return _darcy16.shipped(_darcy16.five_point(a)[::times, ::times])

        def ask(some: np.ndarray, solved=solved) -> np.ndarray:
            return np.stack([solved(one) for one in some])

        name = "five-point" if times == 1 else f"five-point, {times} x finer, interface by splines"
        found.append(asked_alike(name, ask, high, truths, ASKED, BATCH))
    return found


# -- tables ----------------------------------------------------------------------------------------------------


def run(order: dict) -> dict:
    from _report import in_own_process

    result = in_own_process(__file__, order)
    errors = ", ".join(f"{k}: {v['error']:.4f}" for k, v in result["tests"].items())
    told = f"validation {result['validation']:.4f} after {result['seconds']:.0f} core seconds"
    print(f"{result['case']}, seed {result['seed']}: {told}; {errors or 'tests not opened'}", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--darcy", type=Path, default=None, help="darcy.h5 of the neuraloperator library")
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=None, help="for a trial")
    parser.add_argument("--validate", action="store_true", help="do not open the tests")
    parser.add_argument("--at-once", type=int, default=2, help="runs at a time")
    args = parser.parse_args()
    names = [name for name in CASES if args.only in name and (name == BURGERS or args.darcy is not None)]
    from _report import Report

    report = Report("_".join(["operators", *args.only.lower().split()]))
    if args.darcy is None and any(args.only in name for name in (PURE, CORRECTED)):
        report.print("Darcy is left out: --darcy says where darcy.h5 is, and it was not given")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        spent = made(Path(folder)) if BURGERS in names else 0.0
        common = {
            "folder": folder,
            "darcy": str(args.darcy),
            "epochs": args.epochs,
            "test": not args.validate,
        }
        orders = [{"case": n, "seed": s, "picture": s == 0, **common} for n in names for s in range(args.seeds)]
        with concurrent.futures.ThreadPoolExecutor(args.at_once) as pool:
            results = list(pool.map(run, orders))
        show_errors(report, names, results)
        if not args.validate:
            show_costs(report, names, results, Path(folder), args.darcy, spent)
    for name in names:
        report.print(f"{name}: {CASES[name].learning}")
    if not args.validate:
        report.save()


def show_errors(report, names: list[str], results: list[dict]) -> None:
    from rich.table import Table

    table = Table(
        "case", "test", "required", "goal", "median error", "best to worst", "largest of a sample", "validation",
        "core s", "epochs", "parameters", title="Mean relative L2 error of operators trained on one core, float32",
    )  # fmt: skip
    for name in names:
        mine = [r for r in results if r["case"] == name]
        for label, (required, goal) in CASES[name].wanted.items():
            tests = [r["tests"][label] for r in mine if r["tests"]]
            errors = sorted(one["error"] for one in tests)
            measured = [f"{np.median(errors):.2e}", f"{errors[0]:.2e} to {errors[-1]:.2e}",
                        f"{max(one['largest'] for one in tests):.1e}"] if tests else ["not opened"] * 3  # fmt: skip
            table.add_row(
                name, label, f"{required:.1e}", f"{goal:.1e}", *measured,
                f"{np.median([r['validation'] for r in mine]):.2e}", f"{np.median([r['seconds'] for r in mine]):.0f}",
                mine[0]["epochs"], f"{mine[0]['parameters']:,}",
            )  # fmt: skip
    report.print(table)


def show_costs(
    report, names: list[str], results: list[dict], folder: Path, darcy: Path | None, generated: float
) -> None:
    if BURGERS in names:
        bounds = well.open(folder / "test.hdf").bounds
        report.print(
            f"Burgers data: {generated:.0f} core seconds for 1,000 samples; estimated relative error of the test samples "
            f"{np.median(bounds):.1e} in the median, at most {bounds.max():.1e}"
        )
    costs = Costs()
    for name in names:
        mine = [r for r in results if r["case"] == name]
        spent = statistics.median(r["seconds"] for r in mine) + (name == BURGERS) * generated
        for label in CASES[name].wanted:
            rivals = classical_burgers(folder) if name == BURGERS else classical_darcy(darcy, "test_" + label[:2])
            tests = [r["tests"][label] for r in mine]
            error = statistics.median(one["error"] for one in tests)
            for way, told in ((ONE, ONE), (MANY, f"{BATCH} {MANY}")):
                seconds = statistics.median(one[way] for one in tests)
                costs.add(name, label, told, Timing("operator", seconds, error), [r[way] for r in rivals], spent)
    report.print(costs.table)


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        work(json.loads(sys.argv[1]))
    else:
        main()
