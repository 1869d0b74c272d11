"""What is mapped to what: losses and predictions worked by hand with u ↦ a u."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.operators.layout import Layout
from pinnlab.operators.pairs import (
    AllToAll,
    Batch,
    Bundled,
    OneStep,
    SolutionMap,
)


def layout(times=(0.0, 0.5, 1.0, 1.5), inputs=("u", "nu")):
    return Layout(inputs, ("u",), ("x",), (True,), ((0.0, 1.0),), (2,), times, "float64")


def whole(pairs, values, where, which=0, nu=7.0):
    """The batch of one sample whose frames are constants in space."""
    numbers = pairs.frames(torch.tensor([which]), where)[0]
    frames = torch.tensor(values, dtype=torch.float64)[numbers].reshape(1, -1, 1, 1).expand(1, -1, 1, 2)
    inputs = torch.tensor([[[values[0]] * 2, [nu] * 2]], dtype=torch.float64)
    times = torch.tensor(where.times or (0.0,), dtype=torch.float64)[numbers][None]
    return Batch(inputs, frames, times, where)


class Factor:
    """u ↦ a u on the first channel; counts its calls and keeps what it was given."""

    def __init__(self, a):
        self.a = torch.tensor(a, dtype=torch.float64, requires_grad=True)
        self.seen = []

    def __call__(self, values):
        self.seen.append(values.detach())
        return self.a * values[:, :1]


def constants(values):
    return values[..., 0].flatten().tolist()


def test_a_solution_map_takes_the_inputs_to_all_frames_as_channels():
    pairs, where = SolutionMap(), layout()
    assert (pairs.channels(where), pairs.count(where), pairs.given) == ((2, 4), 1, 0)
    given, wanted = pairs.example(whole(pairs, [1.0, 2.0, 3.0, 4.0], where))
    assert constants(given) == [1, 7]
    assert constants(wanted) == [1, 2, 3, 4]
    answer = pairs.predict(lambda v: v[:, :1] * torch.arange(4.0)[None, :, None], given, None, where.times, where)
    assert answer.shape == (1, 4, 1, 2)
    assert constants(answer) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"trained for the times 0, 0.5, 1, 1.5 and cannot answer at 0, 1;"):
        pairs.predict(Factor(1.0), given, None, (0.0, 1.0), where)


def test_a_steady_solution_map_has_one_frame():
    where = layout(())
    assert SolutionMap().channels(where) == (2, 1)
    assert SolutionMap().predict(Factor(3.0), torch.ones(5, 2, 2), None, (), where).shape == (5, 1, 1, 2)


def test_one_step_sees_the_last_frames_and_the_inputs_that_are_no_initial_values():
    pairs, where = OneStep(history=2), layout()
    assert (pairs.channels(where), pairs.count(where), pairs.given) == ((3, 1), 2, 2)
    given, wanted = pairs.example(whole(pairs, [1.0, 2.0, 3.0, 4.0], where, which=1))
    assert constants(given) == [2, 3, 7]
    assert constants(wanted) == [4]


def test_conditions_can_be_named():
    assert OneStep(conditions=()).channels(layout()) == (1, 1)
    assert OneStep(conditions=("nu", "u")).condition_numbers(layout()) == [1, 0]
    with pytest.raises(ValueError, match="OneStep: there is no input 'mu' among u, nu"):
        OneStep(conditions=("mu",)).channels(layout())


def test_predictions_of_steps_are_rollouts_that_begin_with_the_frames_given():
    where, network = layout(), Factor(3.0)
    start = torch.ones(1, 1, 1, 2, dtype=torch.float64)
    inputs = torch.full((1, 2, 2), 7.0, dtype=torch.float64)
    found = OneStep().predict(network, inputs, start, [0, 0.5, 1, 1.5, 2, 2.5], where)
    assert constants(found) == [1, 3, 9, 27, 81, 243]
    assert all(constants(v)[1] == 7 for v in network.seen)


def test_bundled_answers_are_cut_where_more_frames_come_than_are_wanted():
    where = layout()

    def next_three(values):
        """The sum of the two frames given, times 1, 2 and 3."""
        return values[:, :2].sum(1, keepdim=True) * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)[None, :, None]

    start = torch.tensor([1.0, 2.0], dtype=torch.float64).reshape(1, 2, 1, 1).expand(1, 2, 1, 2)
    pairs = Bundled(together=3, history=2)
    assert pairs.channels(where) == (3, 3)
    inputs = torch.zeros(1, 2, 2, dtype=torch.float64)
    found = pairs.predict(next_three, inputs, start, [0.5 * i for i in range(7)], where)
    # 1, 2 -> 3, 6, 9; then 6 + 9 -> 15, 30 and one that is left out.
    assert constants(found) == [1, 2, 3, 6, 9, 15, 30]
    assert constants(pairs.predict(next_three, inputs, start, [0, 0.5], where)) == [1, 2]


def test_all_to_all_has_every_later_frame_and_its_lead_time():
    pairs, where = AllToAll(), layout((0.0, 0.5, 2.0))
    assert (pairs.channels(where), pairs.count(where), pairs.given) == ((3, 1), 3, 1)
    found = []
    for which in range(3):
        given, wanted = pairs.example(whole(pairs, [1.0, 2.0, 3.0], where, which))
        found.append((constants(given), constants(wanted)))
    assert found == [([1, 7, 0.5], [2]), ([1, 7, 2], [3]), ([2, 7, 1.5], [3])]


def test_all_to_all_answers_at_any_time_within_those_of_training_by_one_call_each():
    where = layout((0.0, 0.5, 2.0))
    start = torch.full((1, 1, 1, 2), 5.0, dtype=torch.float64)
    inputs = torch.zeros(1, 2, 2, dtype=torch.float64)

    def decay(values):
        return values[:, :1] * torch.exp(-values[:, 2:])

    found = AllToAll().predict(decay, inputs, start, [1.0, 1.7, 3.0], where)
    assert constants(found) == pytest.approx([5, 5 * math.exp(-0.7), 5 * math.exp(-2)])
    with pytest.raises(ValueError, match=r"lead times up to 2, and 2.5 is asked for"):
        AllToAll().predict(decay, inputs, start, [0.0, 2.5], where)


@pytest.mark.parametrize(
    ("pairs", "times", "message"),
    [
        (
            OneStep(history=4),
            (0.0, 0.5, 1.0, 1.5),
            "OneStep: 1 call of the network needs 5 frames, and the data have 4",
        ),
        (OneStep(), (0.0, 0.5, 2.0), "between 0.5 and 1.5 apart"),
        (AllToAll(), (), "one frame and no pair"),
    ],
)
def test_data_without_an_example_are_refused(pairs, times, message):
    with pytest.raises(ValueError, match=message):
        pairs.count(layout(times))


def test_steps_of_another_length_are_refused():
    start = torch.ones(1, 1, 1, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"trained for steps of 0.5 and cannot take those of 0.25"):
        OneStep().predict(Factor(1.0), torch.ones(1, 2, 2), start, [0, 0.25], layout())


@pytest.mark.parametrize("make", [lambda: OneStep(0), lambda: Bundled(together=0)])
def test_counts_that_mean_nothing_are_refused(make):
    with pytest.raises(ValueError, match="positive whole number"):
        make()
