"""Data made by the workers of Dask, whose executor is one of `concurrent.futures`."""

from concurrent.futures import ThreadPoolExecutor

import distributed
import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Family, Problem, dirichlet, parameter
from pinnlab.operators.generate import generate
from pinnlab.random_functions import NeumannField, TwoPhase
from pinnlab.solvers.finite_element import FiniteElement

x, y = sp.symbols("x y", real=True)
SQUARE = {x: (0, 1), y: (0, 1)}
QUICK = FiniteElement(degree=1, cells=16)


def darcy() -> Family:
    u, a = sp.Function("u")(x, y), parameter("a", 3)
    balance = -D(a * D(u, x), x) - D(a * D(u, y), y) - 1
    problem = Problem("darcy", [balance], [u], Box(SQUARE), [dirichlet(u, 0)])
    return Family(problem, {a: TwoPhase(NeumannField(SQUARE, alpha=2, tau=3, modes=6))})


@pytest.fixture(scope="module")
def client():
    """Two workers with a thread each."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_workers_of_dask_make_the_samples_of_one_process(client, tmp_path):
    told = []
    data = generate(
        darcy(),
        10,
        QUICK,
        nodes=7,
        seed=3,
        executor=client.get_executor(),
        device="cpu",
        out=tmp_path / "d.hdf",
        progress=lambda done, n: told.append((done, n)),
    )
    with ThreadPoolExecutor(1) as pool:
        alone = generate(darcy(), 10, QUICK, nodes=7, seed=3, executor=pool, device="cpu")
    for name in ("inputs", "outputs"):
        np.testing.assert_array_equal(getattr(data, name)[:], getattr(alone, name)[:])
    np.testing.assert_array_equal(data.bounds, alone.bounds)
    assert told[-1] == (10, 10)
    assert [p.name for p in tmp_path.iterdir()] == ["d.hdf"]


def test_an_interrupted_run_goes_on_with_other_workers(client, tmp_path):
    out, seen, again = tmp_path / "d.hdf", [], []

    def stop(done: int, wanted: int) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    def go_on(done: int, wanted: int) -> None:
        again.append(done)

    with pytest.raises(KeyboardInterrupt):
        generate(darcy(), 24, QUICK, nodes=7, executor=client.get_executor(), device="cpu", out=out, progress=stop)
    assert 0 < seen[0] < 24
    with ThreadPoolExecutor(1) as pool:
        data = generate(darcy(), 24, QUICK, nodes=7, executor=pool, device="cpu", out=out, progress=go_on)
        alone = generate(darcy(), 24, QUICK, nodes=7, executor=pool, device="cpu")
    assert again[0] > seen[0]
    assert again[-1] == 24
    np.testing.assert_array_equal(data.outputs[:], alone.outputs)
