"""Assimilation of the Kuramoto-Sivashinsky equation (L = 22): learned gains against ensemble Kalman filters.

Sensors on every fourth of 64 nodes (25 %), errors of 5 % of the field's deviation, one reading per unit of time, 100
cycles (4.3 Lyapunov times).  Nothing is known at first: filters start from states of other trajectories, and so does
the free run.  The forecast model is the declared problem itself, or an operator that was learned from the same
trajectories; all methods of a case have the same one.  Inflation and localisation of the ensemble filters, three
numbers of the gain that carries a covariance, and the epoch of both gains are chosen on validation trajectories (the
epoch by the error of all cycles, all else by the late one); test trajectories have a seed of their own.

Localisations of more than 5 nodes are not among the candidates: on validation trajectories of the declared problem they
took `Letkf` with 20 members from 0.012 to 0.007 (15 nodes), and `Etkf` is at 0.004 without any.

Errors are ‖estimate − truth‖ over the root mean square of ‖truth‖, after the correction; 'late' is the mean of cycles
51 to 100.  `--seeds 1 --share 0.1` is a trial.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from _report import RESULTS, Report, in_own_process
from rich.table import Table

from pinnlab.catalog import load_family
from pinnlab.datasets.data import OperatorData
from pinnlab.errors import SolveFailed
from pinnlab.networks.fno import Fno
from pinnlab.networks.position_channels import NoPositions
from pinnlab.numerics.ensemble_kalman import EnsembleFilter, Etkf, Letkf, StochasticEnkf
from pinnlab.operators.assimilation import Assimilated, Assimilation, EnsembleAssimilation, FreeRun, assimilate
from pinnlab.operators.corrections import CarriedCovariance, LowRank
from pinnlab.operators.forecasts import Forecast, operator_forecast, solver_forecast
from pinnlab.operators.gain_training import GainLearning, random_states, train_gain
from pinnlab.operators.generate import generate
from pinnlab.operators.learned_gain import TrainedGain
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.pairs import OneStep
from pinnlab.operators.sensors import EveryNode, SensorArray, Sensors
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.training.adam_w import AdamW
from pinnlab.training.relative_loss import relative_errors

FAMILY = load_family("kuramoto_sivashinsky")
SOLVER = Etdrk4(points=64, steps=500)
SENSORS = Sensors(EveryNode(4), noise=0.05)
SPIN_UP, CYCLE, CYCLES = 100.0, 1.0, 100
TEST_SEED = 1_000_003
MEMBERS = (6, 20, 50)
# Cycles, and trajectories, on which inflation and localisation are tuned: as many cycles as in the test, since a
# filter that is too sure of itself loses the truth late.
TUNING = 100, 8
CASES = ("declared problem", "learned operator")
# One forecast per cycle, and one for each of six carried directions besides.
GAINS = {
    "learned gain": GainLearning(
        Fno(modes=10, width=32, depth=3, positions=NoPositions()),
        LowRank(8),
        optimizer=AdamW(3e-3, largest_norm=0.5),
        epochs=120,
        batch=24,
        window=1,
        every=10,
    ),
    "learned gain, carried covariance": GainLearning(
        Fno(modes=8, width=24, depth=2, positions=NoPositions()),
        CarriedCovariance(rank=6, directions=6),
        optimizer=AdamW(3e-3, largest_norm=0.5),
        epochs=200,
        batch=16,
        window=1,
        every=10,
    ),
}
# Numbers of a carried covariance that are tried on the validation trajectories as those of the filters are: when V is
# added, how much of it, and how far the carried directions are inflated.
SURPRISES, SHARES, INFLATIONS = (0.0, 1.5, 3.0), (1.0, 0.3), (1.0, 1.02)


def trajectories(n: int, seed: int) -> OperatorData:
    """On the attractor, one frame per cycle; in single precision."""
    times = SPIN_UP + CYCLE * np.arange(CYCLES + 1)
    data = generate(FAMILY, n, SOLVER, nodes=64, times=times.tolist(), seed=seed, device="cpu")
    single = [np.asarray(a, np.float32) for a in (data.inputs, data.outputs)]
    return dataclasses.replace(data, inputs=single[0], outputs=single[1])


def candidates(kind: type, members: int) -> list[EnsembleFilter]:
    """The filters of a kind that are tried."""
    if kind is Etkf:
        return [Etkf(r) for r in (1.0, 1.01, 1.03, 1.06, 1.1, 1.15, 1.2, 1.3, 1.5)]
    if kind is Letkf:
        return [Letkf(r, c) for c in (3.0, 5.0) for r in (1.02, 1.1, 1.2, 1.3)]
    widths = (4.0, math.inf) if members < 50 else (math.inf,)
    return [StochasticEnkf(r, c) for c in widths for r in (1.0, 1.03, 1.1, 1.2, 1.3)]


class Trial:
    """Readings and guesses of some trajectories."""

    def __init__(self, data: OperatorData, pool: OperatorData, sensors: SensorArray, cycles: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.truth = torch.from_numpy(np.asarray(data.outputs))[:, :cycles]
        self.readings = sensors.observe(self.truth, generator)
        states = torch.from_numpy(np.asarray(pool.outputs))
        self.guesses = random_states(states, (len(data), max(MEMBERS)), generator)

    def run(self, method: Assimilation, members: int = 1) -> Assimilated:
        return assimilate(method, self.guesses[:, :members], self.readings)

    def error(self, method: Assimilation, members: int = 1) -> float:
        """The late one, by which everything is chosen; infinite if the run fails."""
        try:
            error = float(self.run(method, members).errors(self.truth)[:, CYCLES // 2 :].mean())
            return error if math.isfinite(error) else math.inf
        except SolveFailed:
            return math.inf


def learned_forecast(data: OperatorData, held: OperatorData, seed: int, share: float, out: dict) -> Forecast:
    """One step of an operator; its error after one cycle on validation data is noted."""
    network = Fno(modes=12, width=32, depth=3, positions=NoPositions())
    settings = {"optimizer": AdamW(4e-3), "epochs": math.ceil(20 * share), "batch": 64, "batches": 40}
    learning = OperatorLearning(network, OneStep(conditions=()), **settings)
    operator = train(data, learning, validation=None, seed=seed, device="cpu")
    forecast = operator_forecast(operator, data.axes)
    states = torch.from_numpy(np.asarray(held.outputs))[:, :2]
    with torch.no_grad():
        apart = relative_errors(forecast(states[:, 0]), states[:, 1])
    out |= {"operator_seconds": operator.seconds, "model_error": float(apart.mean())}
    note(out)
    return forecast


def tuned(kind: type, members: int, tuning: Trial, forecast: Forecast, sensors: SensorArray) -> EnsembleFilter:
    """The filter of a kind with the least error on the validation trajectories."""
    some = candidates(kind, members)
    errors = [tuning.error(EnsembleAssimilation(forecast, sensors, f), members) for f in some]
    return some[int(np.argmin(errors))]


def tuned_gain(gain: TrainedGain, tuning: Trial) -> TrainedGain:
    """With the numbers of a carried covariance that are best on the validation trajectories."""
    if not isinstance(gain.gain.correction, CarriedCovariance):
        return gain
    tried = itertools.product(INFLATIONS, SHARES, SURPRISES)
    base = gain.gain.correction
    corrections = [dataclasses.replace(base, inflation=a, share=b, surprise=s) for a, b, s in tried]
    some = [dataclasses.replace(gain, gain=dataclasses.replace(gain.gain, correction=c)) for c in corrections]
    return some[int(np.argmin([tuning.error(g) for g in some]))]


def note(out: dict) -> None:
    """Where a run is."""
    print({k: v for k, v in out.items() if k != "methods"}, file=sys.stderr, flush=True)


def run(seed: int, case: str, share: float) -> dict:
    torch.set_num_threads(1)
    data, held = trajectories(192, 2 * seed), trajectories(16, 2 * seed + 1)
    test = trajectories(16, TEST_SEED + seed)
    out: dict = {"seed": seed, "case": case, "tuned": {}, "gains": {}, "methods": {}}
    if case == "learned operator":
        forecast = learned_forecast(data, held, seed, share, out)
    else:
        forecast = solver_forecast(FAMILY.problem, SOLVER, CYCLE)
    sensors, (cycles, fields) = SENSORS.on(data), TUNING
    tuning = Trial(held[:fields], data, sensors, cycles, seed)
    methods: dict[str, tuple[Assimilation, int]] = {"free run": (FreeRun(forecast), 1)}
    for name, learning in GAINS.items():
        learning = dataclasses.replace(learning, epochs=math.ceil(share * learning.epochs))
        gain = train_gain(data, learning, forecast, SENSORS, validation=held, seed=seed, device="cpu")
        gain = tuned_gain(gain, tuning)
        methods[name] = gain, 1
        out["tuned"][name] = repr(gain.gain.correction)
        out["gains"][name] = {"seconds": gain.seconds, "epoch": gain.epoch, "failure": gain.failure}
        note(out)
    for kind in (Etkf, StochasticEnkf, Letkf):
        # With 50 members each of the analyses at the 64 nodes costs more than the forecasts.
        for members in MEMBERS[:2] if kind is Letkf else MEMBERS:
            name, chosen = f"{kind.__name__}, {members} members", tuned(kind, members, tuning, forecast, sensors)
            methods[name] = (EnsembleAssimilation(forecast, sensors, chosen), members)
            out["tuned"][name] = repr(chosen)
    final = Trial(test, data, sensors, CYCLES, TEST_SEED + seed)
    for name, (method, members) in methods.items():
        found = final.run(method, members)
        errors = found.errors(final.truth).mean(0)
        out["methods"][name] = {
            "errors": errors.tolist(),
            "ms": 1e3 * found.seconds,
            "forecasts": members + (method.gain.correction.carried if isinstance(method, TrainedGain) else 0),
        }
        print(name, float(errors.mean()), float(errors[50:].mean()), file=sys.stderr, flush=True)
    return out


def summary(found: dict) -> dict[str, float]:
    errors = np.array(found["errors"])
    return {"all": errors.mean(), "late": errors[50:].mean(), "first": errors[0], "last": errors[-1], "ms": found["ms"]}


def table_of(case: str, results: list[dict]) -> Table:
    columns = ("method", "forecasts per cycle", "late", "by seed", "all", "first", "at cycle 100", "over free run")
    table = Table(*columns, "ms per cycle of 16 fields", title=f"Forecast by the {case}: relative errors on test data")
    free = np.mean([summary(r["methods"]["free run"])["late"] for r in results])
    for name in results[0]["methods"]:
        rows = [summary(r["methods"][name]) for r in results]
        mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        forecasts = str(results[0]["methods"][name]["forecasts"])
        each = " ".join(f"{row['late']:.4f}" for row in rows)
        numbers = [f"{mean[k]:.4f}" for k in ("all", "first", "last")]
        ratio = f"{mean['late'] / free:.4f}"
        table.add_row(name, forecasts, f"{mean['late']:.4f}", each, *numbers, ratio, f"{mean['ms']:.1f}")
    return table


def draw(results: list[dict]) -> None:
    """The mean error over time of one seed of each case."""
    from matplotlib.figure import Figure

    cases = [case for case in CASES if any(r["case"] == case for r in results)]
    figure = Figure(figsize=(5.5 * len(cases), 4), layout="constrained")
    for ax, case in zip(figure.subplots(1, len(cases), sharey=True, squeeze=False)[0], cases, strict=True):
        for result in [r for r in results if r["case"] == case][:1]:
            for name, found in result["methods"].items():
                ax.semilogy(found["errors"], label=name, linewidth=2.5 if name in GAINS else 1.0)
        ax.set(title=f"forecast by the {case}", xlabel="cycle", ylabel="relative error")
        ax.legend(fontsize=7)
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "assimilation.png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the epochs of operators and gains")
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    report = Report("assimilation")
    begin = time.perf_counter()
    orders = [
        {"seed": seed, "case": case, "share": args.share}
        for seed in range(args.seeds)
        for case in CASES
        if args.only in case
    ]
    with ThreadPoolExecutor(args.workers) as pool:
        results = list(pool.map(lambda order: in_own_process(__file__, order), orders))
    for case in CASES:
        chosen = [r for r in results if r["case"] == case]
        if not chosen:
            continue
        report.print(table_of(case, chosen))
        for r in chosen:
            told = {k: v for k, v in r.items() if k not in ("methods", "case")}
            report.print(json.dumps(told))
    report.print(f"{time.perf_counter() - begin:.0f} seconds in all, {args.workers} processes at a time")
    draw(results)
    report.save()


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(run(**json.loads(sys.argv[1]))))
    else:
        main()
