import math

import pytest
import torch

from pinnlab.networks.architecture import Headed
from pinnlab.networks.embedding import FourierFeatures, HarmonicFeatures, Harmonics, RandomFourier, unit_box
from pinnlab.networks.inputs import Features, Inputs
from pinnlab.networks.mlp import Mlp

DOUBLE = torch.float64
BOX = Inputs((0.0, -1.0), (2.0, 1.0), (False, True))


def seeded():
    return torch.Generator().manual_seed(0)


def test_random_features_are_cosines_then_sines():
    module = RandomFourier(2, 2, 1.0, 0)
    module.frequencies.copy_(torch.tensor([[1.0, 2.0], [0.0, -1.0]]))
    found = module(torch.tensor([[0.5, 0.25]], dtype=DOUBLE))
    expected = [math.cos(1), math.cos(-0.25), math.sin(1), math.sin(-0.25)]
    assert found[0].tolist() == pytest.approx(expected, rel=1e-15)


def test_frequencies_have_the_deviation_asked_for_and_are_not_trained():
    network = FourierFeatures(Mlp(3, 1), count=3000, scale=4.0).build(BOX, 1, seeded())
    assert network.embedding[1].frequencies.std().item() == pytest.approx(4.0, rel=0.03)
    # (6000 + 1) 3 + (3 + 1) 1
    assert sum(p.numel() for p in network.parameters()) == 18007


def test_what_follows_an_embedding_sees_its_columns_as_they_are():
    network = FourierFeatures(Mlp(3, 1), count=2).build(BOX, 1, seeded())
    points = torch.tensor([[0.3, 0.4]], dtype=DOUBLE)
    inner, columns = network.network, network.embedding(points)
    (w, b), (v, c) = ((layer.weight, layer.bias) for layer in (*inner.layers, inner.head))
    torch.testing.assert_close(network(points)[0], v @ torch.tanh(w @ columns[0] + b) + c, rtol=1e-14, atol=0)


def test_overtones_are_cosines_and_sines_of_multiples():
    # w = 2 pi / 2; the angle of x = -1 + 0.25 is pi / 4.
    found = HarmonicFeatures(BOX, 3)(torch.tensor([[0.5, -0.75]], dtype=DOUBLE))[0]
    a = math.pi / 4
    expected = [-0.5, math.cos(a), math.sin(a), math.cos(2 * a), math.cos(3 * a), math.sin(2 * a), math.sin(3 * a)]
    assert found.tolist() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("box", [BOX, Inputs((0.0,), (1.0,), (False,))])
def test_one_harmonic_is_what_every_network_has(box):
    points = torch.rand(4, box.dim, dtype=DOUBLE, generator=seeded())
    torch.testing.assert_close(HarmonicFeatures(box, 1)(points), Features(box)(points), rtol=0, atol=0)


class Wave:
    def build(self, inputs, outputs, generator):
        return torch.nn.Sequential(torch.nn.Linear(inputs.dim, outputs, dtype=DOUBLE), torch.nn.Tanh())


@pytest.mark.parametrize("embedding", [FourierFeatures, Harmonics])
def test_a_network_that_does_not_end_in_a_linear_layer_may_follow_and_its_like_is_made(embedding):
    network = embedding(Wave(), 2).build(BOX, 1, seeded())
    assert not isinstance(network, Headed)
    assert isinstance(embedding(Mlp(3, 1), 2).build(BOX, 1, seeded()), Headed)
    points = torch.tensor([[0.3, 0.4]], dtype=DOUBLE)
    torch.testing.assert_close(network(points), network[1](network[0](points)), rtol=0, atol=0)


@pytest.mark.parametrize(
    "make",
    [lambda: FourierFeatures(count=0), lambda: FourierFeatures(scale=math.inf), lambda: Harmonics(count=0)],
)
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match=r"count|scale"):
        make()


@pytest.mark.parametrize("settings", [FourierFeatures, Harmonics])
@pytest.mark.parametrize("value", ["mlp", Mlp])
def test_what_is_no_architecture_is_refused(settings, value):
    with pytest.raises(ValueError, match=f"{settings.__name__}: network = .* is no architecture"):
        settings(value)


def test_frequencies_belong_to_the_settings_and_not_to_the_run():
    """A run that is resumed, on any device, finds the frequencies that its weights were trained with."""
    first, second, other = (
        architecture.build(unit_box(2), 1, torch.Generator().manual_seed(run)).embedding[1].frequencies
        for architecture, run in ((FourierFeatures(), 1), (FourierFeatures(), 2), (FourierFeatures(seed=1), 1))
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
