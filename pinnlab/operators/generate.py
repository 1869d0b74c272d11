"""Data for operators: the members of a family, solved."""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from pinnlab.admissible import require_counts, require_seed
from pinnlab.datasets.data import OperatorData
from pinnlab.errors import SolveFailed
from pinnlab.family import Family
from pinnlab.field import Field
from pinnlab.files.well import Layout
from pinnlab.operators.batched import BatchedRun
from pinnlab.operators.drawn import Draw, inputs_on_grid
from pinnlab.operators.origins import digest_of_distributions, origin_of
from pinnlab.operators.reused import ReusedElements
from pinnlab.operators.sample_layout import layout_of_samples
from pinnlab.operators.stores import FileStore, MemoryStore, SampleStore
from pinnlab.problem import Problem
from pinnlab.solve import resolve_device, solve
from pinnlab.solver import Refinable, Solver, Status

# Tasks handed to an executor and not done, for each process of the machine: enough that none waits.
WAITING = 4
# Seconds between two looks of a worker for the process that started it.
LOOK = 0.5
# A bound above this share says that a sample is hardly solved at all; so many numbers of such samples are told.
POOR, TOLD = 0.1, 10
# A task is as many members as take about so many seconds, and at most so many: what a task has compiled serves all.
TASK, MOST = 2.0, 64

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
    Otherwise each is solved by itself, in another process by default, where `FiniteElement` compiles a steady linear
    family with random functions once for all members of a task.  Member i depends on (seed, i) alone, however
    the work is split.

    The bound of a sample is the relative L2 distance, over all unknowns and frames, to the answer of `solver.coarser`:
    half the steps on another grid where it is `Etdrk4`; NaN where the solver has none, or frames are so close that no
    coarser steps fall on them.  It estimates the error of the coarser answer, and is no bound in the sense of a proof.
    Samples whose bound is above 10 % are kept, and a warning tells their numbers.

    Args:
        family: What to solve; its region of space is a box.
        n: How many members, the first of the sample with this seed.
        solver: How.
        nodes: Of the samples, along each coordinate of space; a periodic coordinate is without its upper end.
        times: Of the frames; None stands for the last one.  Steady problems have none.
        seed: Of the sample.
        executor: Any of `concurrent.futures`, or `client.get_executor()` of Dask; None: a process for each core.  Tasks
            of about two seconds are pickled by executors that need it: define distributions in a module.
        out: A file for the samples, in The Well's layout.  They are written when their task is done, or their batch; if
            the process dies, the same call goes on from there, and no sample that was written is lost or solved again.
            With a larger n a finished file is made longer.
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
    layout = layout_of_samples(family.problem, family.things, nodes, times)
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
        made = store.finished()
    finally:
        store.close()
    _warn_of_poor(family.problem, made.bounds)
    return made


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


def _store(
    family: Family, n: int, solver: Solver, layout: Layout, seed: int, out: str | os.PathLike[str] | None
) -> SampleStore:
    origin = origin_of(family, n, seed)
    if out is None:
        return MemoryStore(layout, origin)
    # Two draws stand for what descriptions of distributions leave out, and those for what two draws do not show.
    drawn = inputs_on_grid(family, [family.draw(i, seed) for i in range(2)], layout.axes)
    known = {
        "problem": family.problem.sha256,
        "drawn": hashlib.sha256(drawn.tobytes()).hexdigest(),
        "distributions": digest_of_distributions(family),
        "solver": repr(solver),
        "seed": int(seed),
        "nodes": [len(a) for a in layout.axes],
        "times": layout.times.tolist(),
    }
    return FileStore(out, layout, origin, json.dumps(known), family.problem.to_json())


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
    draws = [sample.family.draw(i, sample.seed) for i in numbers]
    inputs = inputs_on_grid(sample.family, draws, sample.layout.axes)
    _keep_solved(sample, numbers, _Solved(inputs, outputs, bounds), store, report)


def _keep_solved(sample: _Sample, numbers: list[int], solved: _Solved, store: SampleStore, report: _Report) -> None:
    finite = [_finite(solved.inputs), _finite(solved.outputs)]
    both = finite[0] & finite[1]
    kept = [i for i, good in zip(numbers, both, strict=True) if good]
    if kept:
        store.put(kept, solved.inputs[both], solved.outputs[both], solved.bounds[both])
        report.add(len(kept))
    for what, good in zip(("what is random", "the solution"), finite, strict=True):
        _require_finite(sample.family.problem, what, [i for i, g in zip(numbers, good, strict=True) if not g])


def _one_by_one(
    sample: _Sample, missing: np.ndarray, store: SampleStore, executor: Executor | None, device: str, report: _Report
) -> None:
    with _pool(executor, sample) as pool:
        where = "cpu" if executor is None else device
        queue, running = deque(int(i) for i in missing), dict[Future[_Solved], list[int]]()
        count = 1
        try:
            for _ in range(WAITING * (os.cpu_count() or 1)):
                _submit(pool, sample, queue, count, running, where)
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                numbers = {f: running.pop(f) for f in done}
                found = {f: f.result() for f in done if not f.cancelled() and f.exception() is None}
                failures = [f.failure for f in found.values() if f.failure is not None]
                if len(found) == len(done) and not failures:
                    count = max(_count(f) for f in found.values())
                    for _ in done:
                        _submit(pool, sample, queue, count, running, where)
                for future, solved in found.items():
                    _keep_solved(sample, numbers[future][: len(solved.bounds)], solved, store, report)
                for failure in failures:
                    raise failure
                for future in done:
                    future.result()  # raises what the others raised
        finally:
            for future in running:
                future.cancel()


def _submit(
    pool: Executor,
    sample: _Sample,
    queue: deque[int],
    count: int,
    running: dict[Future[_Solved], list[int]],
    device: str,
) -> None:
    # At the end all processes are to have something to do.
    count = min(count, math.ceil(len(queue) / (os.cpu_count() or 1)))
    if count:
        numbers = [queue.popleft() for _ in range(count)]
        running[pool.submit(solved_members, sample, numbers, device)] = numbers


def _count(solved: _Solved) -> int:
    """How many members like these fill a task."""
    return max(1, min(MOST, int(TASK * len(solved.bounds) / max(solved.seconds, 1e-9))))


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


@dataclass(frozen=True, eq=False)
class _Solved:
    """Members that were solved, what stopped the next one, and the seconds that it took."""

    inputs: np.ndarray
    outputs: np.ndarray
    bounds: np.ndarray
    failure: Exception | None = None
    seconds: float = 0.0


def solved_members(sample: _Sample, numbers: Sequence[int], device: str) -> _Solved:
    """The members of these numbers one after another, up to the first that fails."""
    begin = time.perf_counter()
    draws = [sample.family.draw(i, sample.seed) for i in numbers]
    inputs = inputs_on_grid(sample.family, draws, sample.layout.axes)
    reused = None
    if len(numbers) > 1 and resolve_device(device).type == "cpu":
        reused = ReusedElements.of(sample.family, sample.solver, sample.layout.axes, draws[0])
    found, failure = list[tuple[np.ndarray, float]](), None
    for index, draw in zip(numbers, draws, strict=True):
        try:
            found.append(_solved(sample, index, draw, reused, device))
        except Exception as error:
            failure = error
            break
    shape = max(1, len(sample.layout.times)), len(sample.layout.output_names), *inputs.shape[2:]
    outputs = np.stack([f[0] for f in found]) if found else np.empty((0, *shape))
    bounds = np.array([f[1] for f in found], float)
    return _Solved(inputs[: len(found)], outputs, bounds, failure, time.perf_counter() - begin)


def _solved(
    sample: _Sample, index: int, draw: Draw, reused: ReusedElements | None, device: str
) -> tuple[np.ndarray, float]:
    """The answer `(frames, unknowns, *grid)` of one member and the bound of its relative L2 error."""
    if reused is not None:
        try:
            return reused.solved(draw)
        except SolveFailed as error:
            raise SolveFailed(
                f"sample {index} of {sample.family.problem.name!r}: {error}; samples done so far are kept in the file, "
                "if there is one"
            ) from error
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


def _warn_of_poor(problem: Problem, bounds: np.ndarray) -> None:
    """Of samples that are solved badly, with their numbers."""
    poor = np.flatnonzero(bounds > POOR)
    if len(poor):
        shown = ", ".join(map(str, poor[:TOLD])) + (", …" if len(poor) > TOLD else "")
        warnings.warn(
            f"generate for {problem.name!r}: the bounds of {len(poor)} of {len(bounds)} samples are above {POOR:.0%}, "
            f"up to {bounds[poor].max():.2g}, number {shown}; give the solver more steps or points, or a narrower "
            "family",
            stacklevel=3,
        )


def _finite(values: np.ndarray) -> np.ndarray:
    """Whether all numbers of each sample are, `(n,)`; there may be no sample."""
    return np.isfinite(values).all(axis=tuple(range(1, values.ndim)))


def _require_finite(problem: Problem, what: str, wrong: Sequence[int]) -> None:
    if wrong:
        raise SolveFailed(
            f"generate for {problem.name!r}: {what} of sample {wrong[0]} holds NaN or infinity"
            f"{f', and {len(wrong) - 1} more' if len(wrong) > 1 else ''}; samples done so far are kept in the file, if "
            "there is one; give more steps, or a narrower family"
        )
