"""Data for operators: the members of a family, solved."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pinnlab.admissible import require_counts, require_seed
from pinnlab.datasets.data import OperatorData
from pinnlab.domain.box import Box
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.family import Family
from pinnlab.field import Field
from pinnlab.files.well import Layout
from pinnlab.operators.batched import BatchedRun
from pinnlab.operators.drawn import inputs_on_grid
from pinnlab.operators.stores import FileStore, MemoryStore, SampleStore
from pinnlab.problem import Problem
from pinnlab.settings import describe
from pinnlab.solve import resolve_device, solve
from pinnlab.solver import Refinable, Solver, Status

# Tasks handed to an executor and not done, for each process of the machine: enough that none waits.
WAITING = 4
# Seconds between two looks of a worker for the process that started it.
LOOK = 0.5

Progress = Callable[[int, int], None]


def generate(
    family: Family,
    n: int,
    solver: Solver,
    *,
    nodes: int | Sequence[int],
    times: Sequence[float] | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> OperatorData:
    """Samples of the operator from what is random in a family to the solution.

    Where the solver is `Etdrk4`, members are stepped together on one device: initial data, forcing, functions and
    numbers in the equations may be random, but not those in equations without time derivatives, nor in boundary data.
    Otherwise each is solved by itself, in another process by default.  Member i depends on (seed, i) alone, however
    the work is split.

    The bound of a sample is the relative L2 distance, over all unknowns and frames, to the answer of `solver.coarser`:
    half the steps on another grid where it is `Etdrk4`; NaN where the solver has none, or frames are so close that no
    coarser steps fall on them.  It estimates the error of the coarser answer, and is no bound in the sense of a proof.

    Args:
        family: What to solve; its region of space is a box.
        n: How many members, the first of the sample with this seed.
        solver: How.
        nodes: Of the samples, along each coordinate of space; a periodic coordinate is without its upper end.
        times: Of the frames; None stands for the last one.  Steady problems have none.
        seed: Of the sample.
        executor: What solves one member each, any of `concurrent.futures`; None stands for as many processes as there
            are cores.  Tasks are pickled by executors that need it, so that distributions must be defined in a module.
        out: A file for the samples, in The Well's layout.  Each is written when it is done; if the process dies, the
            same call goes on from there, without a sample lost or solved twice.
        device: "auto", "cpu", "cuda", …; processes of the default executor work on the CPU.
        progress: Called with the numbers of samples done and wanted.

    Raises:
        UnsupportedProblem: If the region is no box, or the solver does not take the family.
        ValueError: If an argument is out of range, or `out` was made from something else.
        SolveFailed: If a member's solution is not finite or not reached; what is done is kept in the file.
        OSError: If the disk is full; what is done is kept.
    """
    if not isinstance(family, Family):
        raise ValueError(f"generate: give a Family(problem, …), got a {type(family).__name__}")
    require_counts(family, n=n)
    require_seed(family, seed)
    if not isinstance(solver, Solver):
        raise ValueError(f"generate: solver must be settings such as Etdrk4(points=1024), got {solver!r}")
    layout = _layout(family.problem, family.things, nodes, times)
    chosen = resolve_device(device)
    store = _store(family, n, solver, layout, seed, out)
    try:
        missing = store.missing()
        if len(missing):
            sample = _Sample(family, solver, layout, seed)
            first = family.draw(int(missing[0]), seed)
            batched = BatchedRun.of(family, solver, layout.times, layout.axes, first, chosen)
            report = _Report(progress, n, n - len(missing))
            if batched is None:
                _one_by_one(sample, missing, store, executor, device, report)
            else:
                _together(sample, batched, missing, store, report)
        return store.finished()
    finally:
        store.close()


@dataclass(frozen=True, eq=False)
class _Sample:
    """What every member is solved for; it travels to other processes."""

    family: Family
    solver: Solver
    layout: Layout
    seed: int


@dataclass
class _Report:
    progress: Progress | None
    wanted: int
    done: int

    def add(self, count: int) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.wanted)


def _layout(
    problem: Problem, things: tuple[str, ...], nodes: int | Sequence[int], times: Sequence[float] | None
) -> Layout:
    region, who = problem.region, f"generate for {problem.name!r}"
    if not isinstance(region, Box) or not region.bounds:
        raise UnsupportedProblem(f"{who}: samples are on tensor grids, so that space must be a box, not {region}")
    counts = (nodes,) * len(region.bounds) if isinstance(nodes, int) else tuple(nodes)
    if len(counts) != len(region.bounds) or any(not isinstance(k, int | np.integer) or k < 2 for k in counts):
        raise ValueError(
            f"{who}: nodes = {nodes!r}; give two or more along each of its {len(region.bounds)} coordinates"
        )
    periodic = tuple(c in region.periodic for c in region.bounds)
    rows = zip(region.bounds.values(), counts, periodic, strict=True)
    axes = tuple(np.linspace(a, b, int(k) + p)[: int(k)] for (a, b), k, p in rows)
    if problem.interval is None:
        if times is not None:
            raise ValueError(f"{who}: it is steady and has no times; leave times away")
        frames = np.zeros(0)
    else:
        frames = np.array([problem.interval.end] if times is None else times, float)
        inside = (
            problem.interval.start <= frames.min(initial=np.inf) and frames.max(initial=-np.inf) <= problem.interval.end
        )
        if not inside or np.any(np.diff(frames) <= 0):
            raise ValueError(
                f"{who}: times = {times}; give one or more, increasing, from {problem.interval.start:g} to "
                f"{problem.interval.end:g}"
            )
    names = tuple(c.name for c in region.bounds)
    return Layout(axes, frames, things, problem.names, names, periodic, np.dtype(float))


def _store(
    family: Family, n: int, solver: Solver, layout: Layout, seed: int, out: str | os.PathLike[str] | None
) -> SampleStore:
    if out is None:
        return MemoryStore(layout, n)
    # Two draws stand for what descriptions of distributions leave out, and those for what two draws do not show.
    drawn = inputs_on_grid(family, [family.draw(i, seed) for i in range(2)], layout.axes)
    known = {
        "problem": family.problem.sha256,
        "drawn": hashlib.sha256(drawn.tobytes()).hexdigest(),
        "distributions": _digest_of_distributions(family),
        "solver": repr(solver),
        "seed": int(seed),
        "n": int(n),
        "nodes": [len(a) for a in layout.axes],
        "times": layout.times.tolist(),
    }
    return FileStore(out, layout, n, json.dumps(known), family.problem.to_json())


def _digest_of_distributions(family: Family) -> str:
    said = {str(name): _described(value) for name, value in family.distributions.items()}
    # Addresses differ from process to process.
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", json.dumps(said, sort_keys=True))
    return hashlib.sha256(text.encode()).hexdigest()


def _described(distribution: Any) -> Any:
    frozen = getattr(distribution, "dist", None)
    if frozen is None or getattr(distribution, "kwds", None) is None:
        return describe(distribution)
    # The text of a frozen distribution of SciPy says nothing but its address.
    return [str(getattr(frozen, "name", frozen)), describe(distribution.args), describe(distribution.kwds)]


def _together(sample: _Sample, run: BatchedRun, missing: np.ndarray, store: SampleStore, report: _Report) -> None:
    for start in range(0, len(missing), run.size):
        numbers = [int(i) for i in missing[start : start + run.size]]
        draws = [sample.family.draw(i, sample.seed) for i in numbers]
        outputs, bounds = run.solved(draws)
        _keep(sample, numbers, outputs, bounds, store, report)


def _keep(
    sample: _Sample, numbers: list[int], outputs: np.ndarray, bounds: np.ndarray, store: SampleStore, report: _Report
) -> None:
    """Put the finite samples into the store, then refuse the others."""
    finite = np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1)
    kept = [i for i, good in zip(numbers, finite, strict=True) if good]
    if kept:
        draws = [sample.family.draw(i, sample.seed) for i in kept]
        store.put(kept, inputs_on_grid(sample.family, draws, sample.layout.axes), outputs[finite], bounds[finite])
        report.add(len(kept))
    _require_finite(sample.family.problem, numbers, outputs)


def _one_by_one(
    sample: _Sample, missing: np.ndarray, store: SampleStore, executor: Executor | None, device: str, report: _Report
) -> None:
    with _pool(executor, sample) as pool:
        where = "cpu" if executor is None else device
        queue, running = iter(int(i) for i in missing), dict[Future[tuple[np.ndarray, float]], int]()
        try:
            for _ in range(WAITING * (os.cpu_count() or 1)):
                _submit(pool, sample, queue, running, where)
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                numbers = {f: running.pop(f) for f in done}
                good = [f for f in done if not f.cancelled() and f.exception() is None]
                if len(good) == len(done):
                    for _ in done:
                        _submit(pool, sample, queue, running, where)
                if good:
                    found = [f.result() for f in good]
                    outputs, bounds = np.stack([f[0] for f in found]), np.array([f[1] for f in found])
                    _keep(sample, [numbers[f] for f in good], outputs, bounds, store, report)
                for future in done:
                    future.result()  # raises what the others raised
        finally:
            for future in running:
                future.cancel()


def _submit(
    pool: Executor,
    sample: _Sample,
    queue: Iterator[int],
    running: dict[Future[tuple[np.ndarray, float]], int],
    device: str,
) -> None:
    index = next(queue, None)
    if index is not None:
        running[pool.submit(solved_member, sample, index, device)] = index


@contextmanager
def _pool(executor: Executor | None, sample: _Sample) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    try:
        pickle.dumps(sample)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"generate for {sample.family.problem.name!r}: the family cannot travel to other processes ({error}); "
            "define its distributions in a module, or give executor=concurrent.futures.ThreadPoolExecutor()"
        ) from error
    with ProcessPoolExecutor(initializer=_begin_worker) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin_worker() -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    """Workers whose parent was killed would wait for tasks for ever."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(1)


def solved_member(sample: _Sample, index: int, device: str) -> tuple[np.ndarray, float]:
    """The answer `(frames, unknowns, *grid)` of one member and the bound of its relative L2 error."""
    member = sample.family.member(index, sample.seed)
    answer = _answer(sample, index, member, sample.solver, device)
    coarser = sample.solver.coarser(member) if isinstance(sample.solver, Refinable) else None
    if coarser is None:
        return answer, float("nan")
    apart = np.linalg.norm(answer - _answer(sample, index, member, coarser, device))
    return answer, float(apart / max(float(np.linalg.norm(answer)), 1e-300))


def _answer(sample: _Sample, index: int, member: Problem, solver: Solver, device: str) -> np.ndarray:
    solution = solve(member, solver, device=device)
    if solution.status is not Status.DONE:
        raise SolveFailed(
            f"{solver} on sample {index} of {member.name!r} ended as {solution.status.value}; samples done so far are "
            "kept in the file, if there is one; give other settings, or a narrower family"
        )
    return _frames(solution.field, sample.layout)


def _frames(field: Field, layout: Layout) -> np.ndarray:
    space = np.stack(np.meshgrid(*layout.axes, indexing="ij"), axis=-1).reshape(-1, len(layout.axes))
    if len(layout.times):
        frames = [np.column_stack([np.full(len(space), t), space]) for t in layout.times]
    else:
        frames = [space]
    grid = tuple(len(a) for a in layout.axes)
    return np.stack([field(points).T.reshape(-1, *grid) for points in frames])


def _require_finite(problem: Problem, numbers: Sequence[int], outputs: np.ndarray) -> None:
    wrong = [i for i, values in zip(numbers, outputs, strict=True) if not np.isfinite(values).all()]
    if wrong:
        raise SolveFailed(
            f"generate for {problem.name!r}: the solution of sample {wrong[0]} holds NaN or infinity"
            f"{f', and {len(wrong) - 1} more' if len(wrong) > 1 else ''}; samples done so far are kept in the file, if "
            "there is one; give more steps, or a narrower family"
        )
