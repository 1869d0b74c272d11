"""Pulses at random places."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Etdrk4, MethodOfLines, Problem, initial, laplacian, solve
from pinnlab.catalog import load_family
from pinnlab.discretization.collocation import FiniteDifferences
from pinnlab.numerics.integrators import Dop853
from pinnlab.random_sources import GaussianPulse

t, x, y = sp.symbols("t x y", real=True)
PULSE = GaussianPulse({x: (0.2, 0.4), y: (1.0, 3.0)}, width=0.5)


def test_a_pulse_by_hand():
    found = PULSE.at({x: 0.25, y: 2.0})
    assert found.subs({x: 0.25, y: 2.0}) == 1
    # One width away along each axis: exp(-1/2 - 1/2).
    assert float(found.subs({x: 0.75, y: 1.5})) == pytest.approx(np.exp(-1))


def test_places_are_uniform_on_their_box_and_follow_from_the_generator():
    rng = np.random.default_rng(0)
    drawn = [PULSE.rvs(random_state=rng) for _ in range(60)]
    # The slope of the exponent at the origin is X / w².
    slopes = [[d.args[0].diff(c).subs(c, 0) for c in (x, y)] for d in drawn]
    places = 0.25 * np.array(slopes, float)
    assert (places.min(0) >= [0.2, 1.0]).all()
    assert (places.max(0) <= [0.4, 3.0]).all()
    assert places.mean(0) == pytest.approx([0.3, 2.0], abs=0.25)
    assert places.std(0) == pytest.approx([0.2 / 12**0.5, 2 / 12**0.5], rel=0.3)
    assert PULSE.rvs(random_state=np.random.default_rng(0)) == drawn[0] != drawn[1]


def test_what_is_no_pulse_is_refused_in_words():
    for places in ({}, {x: (1.0, 0.0)}, {x: (0.0, np.inf)}, {x: (np.nan, 1.0)}):
        with pytest.raises(ValueError, match=r"GaussianPulse: places .* finite and in order"):
            GaussianPulse(places, 1.0)
    with pytest.raises(ValueError, match="width = 0"):
        GaussianPulse({x: (0, 1)}, 0)
    with pytest.raises(ValueError, match="give a number for each of x, y"):
        PULSE.at({x: 0.25})


def test_the_shipped_room_sounds_as_its_mirror_images_do():
    # Walls without flux are planes of symmetry of a periodic room of twice the length.
    family = load_family("room_acoustics")
    p, v = (sp.Function(name)(t, x, y) for name in ("p", "v"))
    c = 1.1 - sp.cos(sp.pi * y) / 10
    lining = 4 * sum(sp.exp(-100 * (s - k) ** 2) for s in (x, y) for k in (-1, 0, 1))
    equations = [D(p, t) - v, D(v, t) + lining * v - c**2 * laplacian(p, (x, y))]
    box = Box({t: (0, 2), x: (-1, 1), y: (-1, 1)}, periodic=[x, y])
    conditions = [initial(p, sp.cos(sp.pi * x)), initial(v, 0)]
    mirrored = Etdrk4(points=64, steps=160, snapshots=2).compile(
        Problem("mirrored", equations, [p, v], box, conditions, t)
    )
    nodes = np.abs(np.arange(64) / 32 - 1)
    start = sp.lambdify((x, y), family.draw(3)["p0"])(nodes[:, None], nodes)
    expected = mirrored.evolve(torch.from_numpy(np.stack([start, 0 * start])[None]))[0, 1:, 0, 32:, 32:].numpy()
    lines = MethodOfLines(FiniteDifferences(64), Dop853(rtol=1e-4, atol=1e-6), snapshots=4)
    field = solve(family.member(3), lines, device="cpu").field
    places = np.stack(np.meshgrid([1.0, 2.0], nodes[32:], nodes[32:], indexing="ij"), -1).reshape(-1, 3)
    found = field(places).reshape(2, 32, 32)
    errors = np.linalg.norm(found - expected, axis=(1, 2)) / np.linalg.norm(expected, axis=(1, 2))
    assert errors[0] < 0.01
    assert errors[1] < 0.02
    # The lining takes sound away: without it the energy, and nearly the mean square, would stay.
    assert np.square(found[1]).mean() < 0.5 * np.square(found[0]).mean()
