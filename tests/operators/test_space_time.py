"""Operators that are functions of time and space: asked at nodes, between them, and where they must not be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Family, Problem, initial, parameter, solve
from pinnlab.datasets.data import OperatorData
from pinnlab.networks.affine import Affine
from pinnlab.networks.deeponet import DeepOnet
from pinnlab.networks.fno import Fno
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.operator import ContinuousNetwork, uniform_grid
from pinnlab.networks.pod_deeponet import PodDeepOnet
from pinnlab.operators.layout import Layout
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.normalisation import PointwiseGaussian, Scaling, UnitGaussian
from pinnlab.operators.normalised import NormalisedNetwork
from pinnlab.operators.pairs import Batch, SolutionMap, Stage
from pinnlab.operators.space_time import SpaceTime
from pinnlab.operators.trained import TrainedOperator
from pinnlab.training.adam_w import AdamW
from pinnlab.training.relative_loss import RelativeH1, RelativeL2

SMALL = DeepOnet(Affine(), Mlp(16, 2), rank=6)
TIMES, X, Y = np.array([1.0, 1.5, 3.0]), np.linspace(-1, 3, 5), np.arange(4) / 2


def moved(n=6, seed=0, dtype=np.float64):
    """u(t, x, y) = 5 + a (x + t) + b sin(pi y) with y of period 2, and w = 100 u; the input is a + b x."""
    a, b = np.random.default_rng(seed).standard_normal((2, n, 1, 1, 1))
    t, x, y = np.meshgrid(TIMES, X, Y, indexing="ij")
    u = 5 + a * (x + t) + b * np.sin(np.pi * y)
    outputs = np.stack([u, 100 * u], axis=2).astype(dtype)
    inputs = (a + b * x)[:, :1].astype(dtype)
    return OperatorData(inputs, outputs, (X, Y), TIMES, [np.nan] * n, ["a"], ["u", "w"], ["x", "y"], [False, True])


class Exact(ContinuousNetwork):
    """Of any input c: c(first node) (t + 10 x + 100 y), and the negative of it."""

    def __init__(self):
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones((), dtype=torch.float64))
        self.asked = []

    def forward(self, values, positions):
        self.asked.append(positions)
        size = values.flatten(1)[:, :1]
        answer = size * (positions @ positions.new_tensor([1.0, 10.0, 100.0])).flatten()
        return (torch.stack([answer, -answer], 1) * self.one).reshape(len(values), 2, *positions.shape[:-1])


def exact(data, outputs=None):
    """An operator whose network is `Exact`; inputs are halved, and outputs come back as 3 n + 1 and 5 n + 2."""
    layout = Layout.of(data)
    ones = torch.ones(1, 1, 1, dtype=torch.float64)
    mean, deviation = (torch.tensor(v, dtype=torch.float64).reshape(2, 1, 1, 1) for v in ((1.0, 2.0), (3.0, 5.0)))
    given = Scaling(0 * ones, 2 * ones)
    return TrainedOperator(SMALL, Exact(), SpaceTime(), layout, given, outputs or Scaling(mean, deviation))


def test_the_network_is_built_for_positions_in_time_and_space():
    signature = SpaceTime().signature(Layout.of(moved()))
    assert (signature.inputs, signature.outputs, signature.grid) == (1, 2, (5, 4))
    assert (signature.dimension, signature.periodic) == (3, (False, False, True))


def test_answers_at_free_points_by_hand():
    data = moved()
    operator = exact(data)
    # t in [1, 3], x in [-1, 3], y of period 2: the point is (1/4, 1/2, 3/4), and t + 10 x + 100 y = 80.25.
    found = operator.at(data.inputs[:2], data.axes, np.array([[1.5, 1.0, 1.5], [1.0, -1.0, 0.0]]))
    size = data.inputs[:2, 0, 0, 0] / 2
    assert found.shape == (2, 2, 2)
    np.testing.assert_allclose(found[:, 0], np.stack([80.25 * size * 3 + 1, -80.25 * size * 5 + 2], 1))
    np.testing.assert_allclose(found[:, 1], [[1.0, 2.0]] * 2)


def test_on_the_grid_the_answer_is_that_at_its_points():
    data = moved()
    operator = exact(data)
    times = [1.0, 1.2, 2.9, 3.0]
    grid = np.stack(np.meshgrid(times, X, Y, indexing="ij"), -1).reshape(-1, 3)
    found = operator(data.inputs, data.axes, times=times)
    assert found.shape == (6, 4, 2, 5, 4)
    at = operator.at(data.inputs, data.axes, grid, batch=4)
    np.testing.assert_allclose(found.swapaxes(1, 2).reshape(6, 2, -1), at.swapaxes(1, 2))
    assert not np.allclose(at, operator.at(data.inputs, data.axes, grid + np.array([0.0, 0.0, 0.01])))
    assert operator.at(data.inputs, data.axes, np.zeros((0, 3))).shape == (6, 0, 2)


def test_frames_are_answered_some_at_a_time_without_a_difference(monkeypatch):
    data = moved()
    operator = exact(data)
    whole = operator(data.inputs, data.axes)
    monkeypatch.setattr("pinnlab.operators.space_time.TOGETHER", 45)  # two frames of 20 nodes
    operator.network.asked.clear()
    np.testing.assert_array_equal(operator(data.inputs, data.axes), whole)
    assert [len(p) for p in operator.network.asked] == [2, 1]


def test_a_step_sees_as_many_random_nodes_as_asked_for_and_their_values():
    data = moved()
    layout = Layout.of(data)
    values = torch.from_numpy(np.asarray(data.outputs))
    batch = Batch(torch.from_numpy(np.asarray(data.inputs)), values, torch.zeros(6, 3), layout)
    unit = torch.ones(1, 1, 1, dtype=torch.float64)
    scaling = Scaling(0 * unit, unit)
    network = NormalisedNetwork(Exact(), scaling, scaling, layout.positions(data.axes))

    class Kept(RelativeL2):
        def __call__(self, prediction, truth):
            kept.append(truth)
            return super().__call__(prediction, truth)

    kept = []
    draw = [torch.Generator().manual_seed(s) for s in (0, 0, 1)]
    losses = [SpaceTime(7).loss(network, batch, Kept(), Stage(0, g)).item() for g in draw]
    assert losses[0] == losses[1] != losses[2]
    places = network.network.asked[0]
    assert places.shape == (7, 3)
    assert len(places.unique(dim=0)) == 7
    t, x, y = (1 + 2 * places[:, 0], -1 + 4 * places[:, 1], 2 * places[:, 2])
    numbers = [np.searchsorted(axis, v.numpy() - 1e-9) for axis, v in ((TIMES, t), (X, x), (Y, y))]
    expected = values[:, numbers[0], :, numbers[1], numbers[2]].permute(1, 2, 0)
    torch.testing.assert_close(kept[0], expected)
    SpaceTime(60).loss(network, batch, Kept(), Stage(0, draw[0]))
    assert kept[-1].shape == (6, 2, 60)


def test_it_learns_and_is_right_between_nodes_and_frames(tmp_path):
    data = moved(40)
    settings = OperatorLearning(SMALL, SpaceTime(40), optimizer=AdamW(1e-2), epochs=250, batch=40)
    operator = train(data, settings, validation=None, seed=0, device="cpu")
    fresh = moved(8, seed=1)
    assert operator.errors(fresh).mean() < 0.05
    points = np.array([[1.25, 0.5, 0.25], [2.0, -0.5, 1.75], [2.9, 2.2, 1.1]])
    a, b = np.random.default_rng(1).standard_normal((2, 8, 1))
    t, x, y = points.T
    truth = 5 + a * (x + t) + b * np.sin(np.pi * y)
    found = operator.at(fresh.inputs, fresh.axes, points)
    assert np.linalg.norm(found[..., 0] - truth) < 0.1 * np.linalg.norm(truth)
    # The second output is a hundred times the first, so that its scaling is another one.
    np.testing.assert_allclose(found[..., 1], 100 * found[..., 0], atol=20)
    ends = np.array([[1.2, 0.7, 0.0], [1.2, 0.7, 2.0]])
    np.testing.assert_allclose(*operator.at(fresh.inputs, fresh.axes, ends).swapaxes(0, 1))
    operator.save(tmp_path / "kept")
    again = TrainedOperator.load(tmp_path / "kept")
    assert again.pairs == SpaceTime(40)
    np.testing.assert_array_equal(again.at(fresh.inputs, fresh.axes, points), found)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_answers_are_of_the_type_of_the_data(dtype):
    data = moved(dtype=dtype)
    learning = OperatorLearning(SMALL, SpaceTime(9), epochs=1, batch=3)
    operator = train(data, learning, validation=None, device="cpu")
    assert operator.at(data.inputs, data.axes, np.array([[2.0, 0.0, 0.0]])).dtype == dtype
    assert operator(data.inputs, data.axes).dtype == dtype


def test_the_same_seed_gives_the_same_operator():
    learning = OperatorLearning(SMALL, SpaceTime(9), epochs=2, batch=3)
    first, second, other = (train(moved(), learning, validation=None, seed=s, device="cpu") for s in (0, 0, 1))
    point = np.array([[2.0, 0.0, 0.0]])
    answers = [o.at(moved().inputs, moved().axes, point) for o in (first, second, other)]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def test_steady_problems_have_points_of_space_alone():
    data = moved()
    steady = OperatorData(
        *(data.inputs, data.outputs[:, :1], data.axes, np.zeros(0), data.bounds),
        *(["a"], ["u", "w"], ["x", "y"], [False, True]),
    )
    learning = OperatorLearning(SMALL, SpaceTime(9), epochs=1, batch=3)
    operator = train(steady, learning, validation=None, device="cpu")
    nodes = np.stack(np.meshgrid(X, Y, indexing="ij"), -1).reshape(-1, 2)
    found = operator(steady.inputs, steady.axes)
    assert found.shape == (6, 1, 2, 5, 4)
    at = operator.at(steady.inputs, steady.axes, nodes)
    np.testing.assert_allclose(at.swapaxes(1, 2).reshape(6, 2, 5, 4), found[:, 0])
    with pytest.raises(ValueError, match=r"trained without times, and is asked at 1, 2"):
        operator(steady.inputs, steady.axes, times=[1.0, 2.0])


def test_what_cannot_answer_between_nodes_is_refused_in_words():
    for network in (Fno(2, 4), PodDeepOnet()):
        with pytest.raises(ValueError, match=rf"SpaceTime: {type(network).__name__} answers at the nodes of its"):
            OperatorLearning(network, SpaceTime())
    with pytest.raises(ValueError, match="points = 0"):
        SpaceTime(0)
    data = moved()
    on_grid = OperatorLearning(SMALL, SolutionMap(), epochs=1)
    operator = train(data, on_grid, validation=None, device="cpu")
    with pytest.raises(ValueError, match="SolutionMap answers on grids, at its frames; train a DeepOnet on SpaceTime"):
        operator.at(data.inputs, data.axes, np.array([[2.0, 0.0, 0.0]]))
    pointwise = OperatorLearning(SMALL, SpaceTime(9), normalisation=PointwiseGaussian(), epochs=1)
    with pytest.raises(ValueError, match=r"fitted node by node on the grid \(3, 5, 4\) and is not known"):
        train(data, pointwise, validation=None, device="cpu")
    sloped = OperatorLearning(SMALL, SpaceTime(9), loss=RelativeH1(), epochs=1)
    with pytest.raises(ValueError, match=r"RelativeH1: values on the grid \(9,\), and it is made for \(5, 4\)"):
        train(data, sloped, validation=None, device="cpu")
    one = dataclasses.replace(data, outputs=data.outputs[:, :1], times=TIMES[:1])
    with pytest.raises(ValueError, match="one frame, and a function of time needs two"):
        train(one, OperatorLearning(SMALL, SpaceTime()), validation=None, device="cpu")
    with pytest.raises(ValueError, match="Factor knows no positions"):
        SpaceTime().predict(Factor(), None, None, (1.0,), Layout.of(data))


class Factor:
    pass


def test_points_outside_of_the_data_are_refused_in_words():
    data = moved()
    operator = exact(data)

    def at(*point):
        return operator.at(data.inputs, data.axes, np.array([point]))

    with pytest.raises(ValueError, match="points: t must be between 1 and 3"):
        at(0.9, 0.0, 0.0)
    with pytest.raises(ValueError, match="points: x must be between -1 and 3"):
        at(2.0, 3.1, 0.0)
    with pytest.raises(ValueError, match="points: y must be between 0 and 2"):
        at(2.0, 0.0, 2.1)
    with pytest.raises(ValueError, match="points: t must be"):
        at(np.nan, 0.0, 0.0)
    with pytest.raises(ValueError, match=r"points of the shape \(1, 2\); give \(m, 3\) with the columns t, x, y"):
        at(0.0, 0.0)
    with pytest.raises(ValueError, match=r"inputs have the shape \(6, 1, 5, 3\)"):
        operator.at(data.inputs[..., :3], data.axes, np.array([[2.0, 0.0, 0.0]]))
    with pytest.raises(ValueError, match="trained between t = 1 and 3 and cannot answer at 2, 4"):
        operator(data.inputs, data.axes, times=[2.0, 4.0])


def test_it_solves_members_of_its_family():
    t, x = sp.symbols("t x", real=True)
    u = sp.Function("u")(t, x)
    u0 = parameter("u0", sp.sin(x))
    box = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    problem = Problem("transport", [D(u, t) + D(u, x)], [u], box, [initial(u, u0)], t)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 60, 1, 1))
    nodes, times = uniform_grid((16,), (True,), torch.float64)[:, 0].numpy() * 2 * np.pi, np.linspace(0, 1, 6)
    shift = nodes - times[:, None]
    outputs = (a * np.sin(shift) + b * np.cos(shift))[:, :, None]
    data = OperatorData(outputs[:, 0], outputs, (nodes,), times, [np.nan] * 60, ["u0"], ["u"], ["x"], [True])

    class Waves:
        def rvs(self, *, random_state):
            return sp.Float(random_state.standard_normal()) * sp.sin(x)

    settings = OperatorLearning(
        DeepOnet(Affine(), Mlp(24, 2), 6), SpaceTime(), optimizer=AdamW(1e-2), epochs=300, batch=60
    )
    operator = train(data, settings, validation=0.2, family=Family(problem, {u0: Waves()}), device="cpu")
    member = problem.with_parameters(u0=sp.cos(x) / 2)
    field = solve(member, operator.solver(), device="cpu").field
    points = np.array([[0.33, 1.0], [0.9, 5.0], [0.5, 3.3]])
    truth = np.cos(points[:, 1] - points[:, 0]) / 2
    np.testing.assert_allclose(field(points)[:, 0], truth, atol=0.05)


def test_scalings_by_channel_hold_for_any_number_of_axes():
    scaling = UnitGaussian().fit([torch.arange(12.0).reshape(2, 2, 3)])
    assert scaling.of_channels(3).mean.shape == (2, 1, 1, 1)
    assert scaling.of_channels(1).mean.flatten().tolist() == scaling.mean.flatten().tolist()
