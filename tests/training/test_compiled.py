import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.nested import NestedAutograd
from pinnlab.numerics.taylor import TaylorMode
from pinnlab.training import compiled
from pinnlab.training.adam import Adam
from pinnlab.training.compiled import Compiled
from pinnlab.training.parameters import Parameters
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.row_jacobian import LayerOuterProducts, PerPoint

DOUBLE = torch.float64
COMPILER = os.environ.get("CXX", "g++")
needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"no C++ compiler {COMPILER!r} here")


def network():
    box = Inputs((0.0, -1.0), (1.0, 1.0), (False, True))
    return Parameters(Mlp(4, 1).build(box, 1, torch.Generator().manual_seed(0)))


def burgers(layout, order=2, derivatives=None):
    """u_t + u u_x - nu d^k u / dx^k - extras, where nu follows the network's parameters in theta."""
    orders = [(0, 0), (1, 0), (0, 1), (0, order)]
    plan = (derivatives or TaylorMode()).plan(orders, layout.network, torch.zeros(2, 2, dtype=DOUBLE))

    def rows(theta, points, extras):
        u, u_t, u_x, high = plan.evaluate(layout.bind(theta), points).values()
        return u_t + u * u_x - theta[-1] * high - extras

    return rows


def theta_of(layout):
    return torch.cat([layout.flatten(), torch.tensor([0.3], dtype=DOUBLE)])


def group(rows, n, seed=0):
    g = torch.Generator().manual_seed(seed)
    return Group(rows, *(torch.rand(n, k, dtype=DOUBLE, generator=g) for k in (2, 1, 1)))


def parabola(theta, points, extras):
    """a x, with d (a x s)^2 / da = 2 a (x s)^2; the second column of the points is not looked at."""
    return theta[0] * points[:, :1]


def assert_agree(found, plain, theta):
    for a, b in zip(found.value_and_gradient(theta), plain.value_and_gradient(theta), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12 * float(b.abs().max()))


@pytest.fixture
def traced(monkeypatch):
    """Blocks and graphs without a compiler: what was traced, in order, by the number of points."""
    seen = []

    def keep(graph, **_):
        def run(theta, points, extras, scale):
            assert not torch.is_grad_enabled()
            assert all(a.is_contiguous() for a in (points, extras, scale))
            return graph(theta, points, extras, scale)

        seen.append(next(node for node in graph.graph.nodes if node.name == "points_1").meta["val"].shape[0])
        return run

    monkeypatch.setattr(torch, "compile", keep)
    return seen


def test_a_sum_of_squares_by_hand_is_not_changed_by_filling_up(traced):
    g = Group(
        parabola, *(torch.tensor(a, dtype=DOUBLE) for a in ([[1, 0], [2, 0], [3, 0]], [[0]] * 3, [[1], [1], [2]]))
    )
    value, gradient = PointwiseLeastSquares((g,), Compiled()).value_and_gradient(torch.tensor([2.0], dtype=DOUBLE))
    assert float(value) == 4 * (1 + 4 + 36)
    assert gradient.tolist() == [2 * 2 * (1 + 4 + 36)]
    assert traced == [16]


@pytest.mark.parametrize(
    ("derivatives", "order", "n"), [(TaylorMode(), 2, 33), (TaylorMode(), 4, 1), (NestedAutograd(), 2, 16)]
)
def test_graphs_in_blocks_equal_the_plain_rule(traced, derivatives, order, n):
    layout = network()
    plain = PointwiseLeastSquares((group(burgers(layout, order, derivatives), n),), PerPoint())
    assert_agree(replace(plain, differentiation=Compiled(block=32)), plain, theta_of(layout))


def test_redrawn_points_meet_the_same_graph_and_other_numbers_of_points_a_few(traced):
    rule, layout = Compiled(block=64), network()
    rows, theta = burgers(layout), theta_of(layout)
    for n, seed in ((50, 0), (50, 1), (64, 2), (33, 3)):
        plain = PointwiseLeastSquares((group(rows, n, seed),))
        assert_agree(replace(plain, differentiation=rule), plain, theta + 0.1 * seed)
    assert traced == [64]
    traced.clear()
    for n in range(65, 700, 7):
        PointwiseLeastSquares((group(parabola, n),), rule).value_and_gradient(theta)
    assert sorted(traced) == [40, 48, 56, 64]


def test_several_groups_of_other_rows_and_none_add_up(traced):
    layout = network()
    plain = PointwiseLeastSquares(
        (group(burgers(layout), 20), group(parabola, 3), group(burgers(layout, 3), 0), group(parabola, 40, 5))
    )
    assert_agree(replace(plain, differentiation=Compiled()), plain, theta_of(layout))
    assert traced == [32, 16, 64]


def test_training_takes_the_same_steps(traced):
    layout = network()
    plain = PointwiseLeastSquares((group(burgers(layout), 30),))
    ends = []
    for objective in (plain, replace(plain, differentiation=Compiled())):
        optimizer = Adam(steps=5, per_step=5)
        ends.append(optimizer.step(objective, theta_of(layout), optimizer.start(theta_of(layout)))[0])
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-12)
    assert traced == [32]


def test_each_precision_has_a_graph_of_its_own(traced):
    rule, theta = Compiled(), torch.tensor([2.0], dtype=DOUBLE)
    for dtype in (torch.float32, DOUBLE):
        plain = PointwiseLeastSquares((Group(parabola, *(torch.full((1, 1), a, dtype=dtype) for a in (0.1, 0, 1))),))
        assert_agree(replace(plain, differentiation=rule), plain, theta)
    assert traced == [16, 16]


def test_forgotten_rows_are_compiled_again(traced, monkeypatch):
    monkeypatch.setattr(compiled, "MOST_KEPT", 1)
    rule, theta = Compiled(), torch.tensor([1.0], dtype=DOUBLE)
    for n in (10, 20, 10):
        PointwiseLeastSquares((group(parabola, n),), rule).value_and_gradient(theta)
    assert traced == [16, 32, 16]


def test_jacobians_and_chunks_are_those_of_the_rule_inside():
    layout = network()
    plain = PointwiseLeastSquares((group(burgers(layout), 20),), LayerOuterProducts(chunk=7))
    rule = Compiled(plain.differentiation)
    assert rule.chunk == 7
    found = replace(plain, differentiation=rule).jacobian(theta_of(layout))
    for a, b in zip(found, plain.jacobian(theta_of(layout)), strict=True):
        assert torch.equal(a, b)


def wave(layout):
    """Rows that the compiler makes a single function of."""

    def rows(theta, points, extras):
        return torch.tanh(theta[0] * points[:, :1] + theta[1] * points[:, 1:]) - theta[-1] * extras

    return rows


# Without vectors and trials of them, prepared headers and workers, which take a minute where there is no cache yet.
QUICK = {"cpp.vec_isa_ok": False, "cpp_cache_precompile_headers": False, "compile_threads": 1}


@needs_compiler
@pytest.mark.parametrize(
    ("make", "quick"), [(wave, QUICK), pytest.param(burgers, {}, marks=pytest.mark.slow)], ids=["wave", "burgers"]
)
def test_compiled_code_equals_the_plain_rule_and_is_compiled_once(make, quick):
    import torch._inductor.config as settings
    from torch._dynamo.utils import counters

    layout = network()
    rows, rule, theta = make(layout), Compiled(block=16), theta_of(layout)
    before = counters["stats"]["unique_graphs"]
    for n, seed in ((16, 0), (15, 1), (47, 2)):
        plain = PointwiseLeastSquares((group(rows, n, seed),))
        with torch.set_grad_enabled(seed == 1), settings.patch(quick):
            assert_agree(replace(plain, differentiation=rule), plain, theta + seed)
    assert counters["stats"]["unique_graphs"] == before + 1


def test_without_a_compiler_the_refusal_says_what_to_install():
    import torch._inductor.config as settings

    objective = PointwiseLeastSquares((group(parabola, 3),), Compiled())
    with (
        settings.patch({"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True}),
        pytest.raises(SolveFailed, match=r"torch.compile failed \(.*\); install a C\+\+ compiler such as g\+\+"),
    ):
        objective.value_and_gradient(torch.ones(1, dtype=DOUBLE))


def test_rows_that_branch_on_values_are_refused():
    def rows(theta, points, extras):
        return theta[0] * points if points.sum() > 0 else points

    with pytest.raises(SolveFailed, match=r"cannot be traced .* let them not branch on values"):
        PointwiseLeastSquares((group(rows, 3),), Compiled()).value_and_gradient(torch.ones(1, dtype=DOUBLE))


@pytest.mark.parametrize("settings", [{"inner": Compiled()}, {"inner": 3}, {"block": 8}, {"block": 1000}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match=r"Compiled: (inner|block) = .*; give a"):
        Compiled(**settings)


def test_settings_travel_without_their_code(traced):
    rule = Compiled(PerPoint(), block=32)
    PointwiseLeastSquares((group(parabola, 3),), rule).value_and_gradient(torch.ones(1, dtype=DOUBLE))
    again = pickle.loads(pickle.dumps(rule))
    assert again == rule
    assert not again._known


def test_importing_compiles_nothing():
    code = "import sys, pinnlab.training.compiled; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
