"""Operators that are called, judged, kept and read back."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.networks.fno import Fno
from pinnlab.networks.given import Given
from pinnlab.operators.layout import Layout
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.normalisation import Scaling
from pinnlab.operators.pairs import AllToAll, Bundled, OneStep, SolutionMap
from pinnlab.operators.trained import TrainedOperator, signature_of
from pinnlab.operators.unrolled import Pushforward
from pinnlab.training.adam_w import AdamW

X = np.arange(4) / 4


def powers(base, n=3, frames=4, conditions=0, nodes=4):
    """Frames sample · base^frame, constant in space."""
    first = np.arange(1.0, n + 1)[:, None, None, None] * np.ones((1, 1, 1, nodes))
    outputs = first * base ** np.arange(frames)[None, :, None, None]
    names = ["u", *(f"a{i}" for i in range(conditions))]
    inputs = np.concatenate([outputs[:, 0]] * (1 + conditions), axis=1)
    times = 0.5 * np.arange(frames) if frames > 1 else ()
    axis = np.arange(nodes) / nodes
    return OperatorData(inputs, outputs, (axis,), times, [1e-6] * n, names, ["u"], ["x"], [True])


def doubling(data, pairs):
    """The operator whose network multiplies its first channel by two."""
    layout = Layout.of(data)
    signature = signature_of(pairs, layout)
    module = torch.nn.Conv1d(signature.inputs, signature.outputs, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        module.weight.zero_()
        module.weight[:, 0] = 2.0
    given = Given(module)
    ones = Scaling(torch.zeros(1, 1).double(), torch.ones(1, 1).double())
    return TrainedOperator(given, given.build(signature, torch.Generator()), pairs, layout, ones, ones)


@pytest.fixture(scope="module")
def fno():
    """A small network, briefly trained."""
    learning = OperatorLearning(
        Fno(modes=2, width=3, depth=1), Pushforward(1, Bundled(1, history=2)), optimizer=AdamW(1e-2), epochs=2
    )
    return train(powers(0.9, n=8, conditions=1), learning, seed=4, device="cpu")


def test_a_solution_map_answers_all_frames():
    data = powers(2.0, frames=1)
    found = doubling(data, SolutionMap())(data.inputs, [X])
    np.testing.assert_array_equal(found, 2 * data.inputs[:, None])


def test_an_operator_that_steps_begins_with_the_frames_given():
    data = powers(2.0)
    operator = doubling(data, OneStep())
    np.testing.assert_array_equal(operator(data.inputs, [X], start=data.outputs[:, :1]), data.outputs)
    np.testing.assert_array_equal(operator.predict(data), data.outputs)
    with pytest.raises(ValueError, match="from 1 frame; give them as start="):
        operator(data.inputs, [X])


def test_a_rollout_may_be_longer_than_the_frames_of_training():
    data = powers(2.0)
    found = doubling(data, OneStep()).rollout(data.outputs[:, :1], [X], 7)
    np.testing.assert_array_equal(found, powers(2.0, frames=7).outputs)


def test_a_rollout_asks_for_the_inputs_that_the_network_is_given():
    data = powers(2.0, conditions=1)
    operator = doubling(data, OneStep())
    with pytest.raises(ValueError, match="given 1 of the inputs too; give them as inputs="):
        operator.rollout(data.outputs[:, :1], [X], 4)
    found = operator.rollout(data.outputs[:, :1], [X], 4, inputs=data.inputs)
    np.testing.assert_array_equal(found, data.outputs)
    assert doubling(powers(2.0), AllToAll()).rollout(powers(2.0).outputs[:, :1], [X], 2).shape == (3, 2, 1, 4)
    with pytest.raises(ValueError, match="SolutionMap does not step in time"):
        doubling(data, SolutionMap()).rollout(data.outputs[:, :1], [X], 4)


def test_errors_are_those_of_the_frames_that_were_not_given():
    data = powers(3.0, frames=3)
    # Against 3 and 9 times the start it answers 2 and 4: sqrt(1 + 25) / sqrt(9 + 81), for each sample.
    errors = doubling(data, OneStep()).errors(data)
    np.testing.assert_allclose(errors, np.sqrt(26 / 90) * np.ones(3), rtol=1e-14)
    told = doubling(data, OneStep()).evaluate(data)
    with pytest.raises(ValueError, match=r"tried on OperatorData.*not on 'd"):
        doubling(data, OneStep()).evaluate("d.hdf")
    assert told == pytest.approx({"relative_l2": errors[0], "median": errors[0], "largest": errors[0], "bound": 1e-6})


def test_batches_do_not_change_answers(fno):
    data = powers(0.9, n=7, conditions=1)
    np.testing.assert_allclose(fno.predict(data, batch=2), fno.predict(data), rtol=1e-12)


def test_answers_on_a_finer_grid_are_those_of_the_same_function_up_to_aliasing(fno):
    coarse, fine = powers(0.9, n=2, conditions=1), powers(0.9, n=2, conditions=1, nodes=8)
    np.testing.assert_allclose(fno.predict(fine)[..., ::2], fno.predict(coarse), rtol=1e-3)


def test_scalings_are_undone():
    data = powers(2.0)
    operator = doubling(data, OneStep())
    scaled = Scaling(torch.full((1, 1), 3.0).double(), torch.full((1, 1), 5.0).double())
    found = dataclasses.replace(operator, inputs=scaled, outputs=scaled)(
        data.inputs[:1], [X], start=data.outputs[:1, :1], times=[0.0, 0.5]
    )
    # 2 (1 - 3) / 5 in scaled values is 5 · (-0.8) + 3.
    np.testing.assert_allclose(found[0, 1], -1.0)


def test_the_time_of_a_query_is_that_of_one_sample(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("pinnlab.operators.trained.time.perf_counter", lambda: 8.0 * next(clock))
    data = powers(2.0, n=4)
    assert doubling(data, OneStep()).seconds_per_query(data) == 8
    assert doubling(data, OneStep()).seconds_per_query(data, batch=4) == 2


def test_data_of_another_precision_are_answered_in_that_of_training():
    data = powers(2.0)
    single = dataclasses.replace(data, inputs=data.inputs.astype("f4"), outputs=data.outputs.astype("f4"))
    assert doubling(data, OneStep()).predict(single).dtype == np.float64
    np.testing.assert_array_equal(doubling(data, OneStep()).errors(single), np.zeros(3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": np.full((3, 1, 4), np.nan)}, "inputs: 3 of 3 samples hold NaN or infinity, number 0, 1, 2"),
        ({"start": np.full((3, 1, 1, 4), np.inf)}, "start: 3 of 3 samples hold NaN or infinity"),
        ({"axes": [X**2]}, "nodes along x are not equally far apart"),
        ({"inputs": np.ones((3, 2, 4))}, r"inputs have the shape \(3, 2, 4\), and it must be \(n, 1, 4\)"),
        ({"start": np.ones((3, 2, 1, 4))}, r"start have the shape \(3, 2, 1, 4\), and it must be \(n, 1, 1, 4\)"),
        ({"start": np.ones((2, 1, 1, 4))}, "inputs of 3 samples and start of 2"),
        ({"axes": [X, X]}, "2 axes for the coordinates x"),
        ({"times": [0.0, 0.1]}, "steps of 0.5"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, message):
    data = powers(2.0)
    given = {"inputs": data.inputs, "axes": [X], "start": data.outputs[:, :1]} | arguments
    with pytest.raises(ValueError, match=message):
        doubling(data, OneStep())(**given)


def test_data_of_another_meaning_are_refused():
    other = dataclasses.replace(powers(2.0), coordinates=("y",))
    with pytest.raises(ValueError, match="their coordinates are"):
        doubling(powers(2.0), OneStep()).errors(other)


def test_the_same_operator_elsewhere_has_weights_of_its_own(fno):
    there = fno.to("cpu")
    with torch.no_grad():
        next(there.network.parameters()).zero_()
    assert next(fno.network.parameters()).abs().sum().item() > 0


def test_batches_and_data_of_nothing_are_refused():
    data = powers(2.0)
    operator = doubling(data, OneStep())
    for call in (operator.predict, operator.errors, operator.evaluate, operator.seconds_per_query):
        with pytest.raises(ValueError, match="TrainedOperator: batch = 0; give"):
            call(data, batch=0)
    with pytest.raises(ValueError, match="TrainedOperator: batch = 0; give"):
        operator(data.inputs, [X], start=data.outputs[:, :1], batch=0)
    for call in (operator.evaluate, operator.seconds_per_query):
        with pytest.raises(ValueError, match=f"{call.__name__}: there are no samples in the data"):
            call(data[:0])
    assert operator.predict(data[:0]).shape == (0, 4, 1, 4)


def test_a_truth_that_is_zero_everywhere_has_no_relative_error():
    data = powers(2.0)
    operator, outputs = doubling(data, OneStep()), np.array(data.outputs)
    # Only the frame that is given is not zero.
    outputs[1, 1:] = 0
    with pytest.raises(ValueError, match="the truth of 1 of 3 samples is zero everywhere, number 1, so that"):
        operator.evaluate(dataclasses.replace(data, outputs=outputs))
