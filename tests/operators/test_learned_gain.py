"""A gain: what its network sees, and what becomes of the answer."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.networks.operator import OperatorNetwork, Signature
from pinnlab.operators.assimilation import FreeRun, assimilate
from pinnlab.operators.corrections import CarriedCovariance, Direct, LowRank
from pinnlab.operators.learned_gain import Estimate, Gain, TrainedGain, gain_signature
from pinnlab.operators.normalisation import Scaling
from pinnlab.operators.sensors import SensorArray

# Four nodes, of which the first and the third have a sensor; the field has the mean 1 and the deviation 2.
SENSORS = SensorArray((4,), torch.tensor([0, 2]), torch.tensor([0.1]), torch.tensor([2.0]), torch.zeros(2, 4))
SCALING = Scaling(torch.tensor([[1.0]]), torch.tensor([[2.0]]))
FORECAST = torch.tensor([[[1.0, 3.0, 5.0, 1.0]]])


class Answering(OperatorNetwork):
    """Keeps what it sees and answers the same always."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer
        self.seen = None

    def forward(self, values, positions):
        self.seen = values
        return self.answer.expand(len(values), *self.answer.shape)


def gain(answer, largest=10.0):
    network = Answering(torch.tensor(answer))
    return Gain(network, Direct(), SENSORS, SCALING, torch.zeros(4, 1), len(answer) - 1, largest)


def trained_gain(of, forecast):
    return TrainedGain(None, Signature(4, 1, (4,), 1, (True,)), of, forecast)


def carrying(answer, largest=10.0):
    correction = CarriedCovariance(1, 2)
    return Gain(Answering(torch.tensor(answer)), correction, SENSORS, SCALING, torch.zeros(4, 1), 0, largest)


def test_the_network_sees_scaled_fields_and_innovations_of_unit_size():
    asked = gain([[0.0] * 4, [0.0] * 4])
    # Innovations 7 - 1 and 13 - 5 are 3 and 4 deviations, √12.5 in the mean.
    asked.corrected(asked.start(FORECAST), torch.tensor([[[7.0, 13.0]]]))
    size = math.sqrt(12.5)
    log = [math.log(size)] * 4
    expected = [[0.0, 1.0, 2.0, 0.0], [3 / size, 0, 4 / size, 0], [1.0, 0, 1, 0], log, [0.0] * 4]
    torch.testing.assert_close(asked.network.seen, torch.tensor([expected]))


def test_the_correction_is_in_units_of_the_innovations_and_the_memory_under_a_tanh():
    asked = gain([[1.0, 0.0, 0.0, -1.0], [0.5] * 4])
    after = asked.corrected(asked.start(FORECAST), torch.tensor([[[7.0, 13.0]]]))
    step = 2 * math.sqrt(12.5)
    torch.testing.assert_close(after.field, FORECAST + torch.tensor([step, 0, 0, -step]))
    torch.testing.assert_close(after.memory, torch.full((1, 1, 4), math.tanh(0.5)))


def test_estimates_are_cut_off_where_no_training_data_were():
    asked = gain([[100.0] * 4], largest=3.0)
    after = asked.corrected(asked.start(FORECAST), torch.tensor([[[7.0, 13.0]]]))
    # Three deviations of 2 from the mean 1.
    torch.testing.assert_close(after.field, torch.full((1, 1, 4), 7.0))


def test_readings_that_say_nothing_new_change_next_to_nothing():
    asked = gain([[1.0] * 4])
    after = asked.corrected(asked.start(FORECAST), SENSORS.read(FORECAST))
    torch.testing.assert_close(after.field, FORECAST, atol=1e-5, rtol=0)


def test_readings_of_other_sensors_are_refused():
    asked = gain([[1.0] * 4])
    with pytest.raises(ValueError, match="not of its 2 sensors"):
        asked.corrected(asked.start(FORECAST), torch.tensor([[[7.0]]]))


def test_a_gain_of_zero_is_the_free_run():
    trained = trained_gain(gain([[0.0] * 4]), lambda fields: fields.roll(1, -1))
    guesses, readings = torch.rand(2, 3, 1, 4), torch.rand(2, 5, 1, 2)
    free = assimilate(FreeRun(trained.forecast), guesses, readings)
    torch.testing.assert_close(assimilate(trained, guesses, readings).fields, free.fields, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("channels", "memory", "correction", "expected"),
    [(1, 0, Direct(), (4, 1)), (2, 3, LowRank(4), (9, 11)), (2, 3, CarriedCovariance(4, 5), (11, 12))],
)
def test_channels_of_the_network(channels, memory, correction, expected):
    like = Signature(1, 1, (4,), 1, (True,))
    found = gain_signature(channels, memory, correction, like)
    assert (found.inputs, found.outputs) == expected


def test_the_memory_is_empty_at_first_and_survives_a_forecast():
    trained = trained_gain(gain([[0.0] * 4, [1.0] * 4]), lambda fields: fields)
    state = trained.start(FORECAST[:, None], 0)
    assert torch.equal(state.memory, torch.zeros(1, 1, 4))
    later = trained.advanced(Estimate(FORECAST, torch.ones(1, 1, 4), torch.zeros(1, 0, 1, 4)))
    assert torch.equal(later.memory, torch.ones(1, 1, 4))


def test_the_network_sees_how_large_the_carried_directions_are():
    asked = carrying([[0.0] * 4] * 2)
    directions = torch.tensor([[[[6.0, 2.0, 0.0, 4.0]], [[8.0, 0.0, 0.0, 0.0]]]])
    asked.corrected(Estimate(FORECAST, torch.zeros(1, 0, 4), directions), torch.tensor([[[7.0, 13.0]]]))
    # In deviations of 2: √(3² + 4²), 1, nothing, 2.
    expected = torch.tensor([5.0, 1.0, 1e-6, 2.0]).log()
    torch.testing.assert_close(asked.network.seen[0, -1], expected)


def test_directions_are_carried_by_the_forecast_about_the_estimate():
    asked = carrying([[0.0] * 4] * 2)
    directions = torch.tensor([[[[0.1, 0.0, 0.0, 0.0]], [[0.0, 0.2, 0.0, 0.0]]]])
    later = asked.advanced(Estimate(FORECAST, torch.zeros(1, 0, 4), directions), lambda u: (u * u).roll(1, -1))
    torch.testing.assert_close(later.field, FORECAST.square().roll(1, -1))
    # (1 + 0.1)² − 1² and (3 + 0.2)² − 3².
    expected = torch.tensor([[[[0.0, 0.21, 0.0, 0.0]], [[0.0, 0.0, 1.24, 0.0]]]])
    torch.testing.assert_close(later.directions, expected, atol=1e-5, rtol=0)


def test_states_beyond_all_training_data_are_not_forecast():
    asked, seen = carrying([[0.0] * 4] * 2, largest=3.0), []

    def forecast(fields):
        seen.append(fields)
        return fields

    asked.advanced(Estimate(FORECAST, torch.zeros(1, 0, 4), torch.full((1, 2, 1, 4), 100.0)), forecast)
    # Three deviations of 2 from the mean 1.
    torch.testing.assert_close(seen[1], torch.full((2, 1, 4), 7.0))


def test_nothing_is_carried_at_first():
    started = carrying([[0.0] * 4] * 2).start(FORECAST)
    assert torch.equal(started.directions, torch.zeros(1, 2, 1, 4))
