"""Flows of symmetries as maps of samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import sympy as sp
import torch

from pinnlab import Box, D, Family, PeriodicField, Problem, dirichlet, initial, parameter
from pinnlab.forms.point_symmetry import PointSymmetry
from pinnlab.operators.generate import generate
from pinnlab.operators.layout import Layout
from pinnlab.operators.lie_symmetry import LieSymmetry
from pinnlab.operators.pairs import Batch
from pinnlab.solvers.etdrk4 import Etdrk4

t, x, y = sp.symbols("t x y", real=True)
u, v = (sp.Function(name)(t, x) for name in "uv")
BOOST = PointSymmetry({x: t, u: 1})
ROTATION = PointSymmetry({u: v, v: -u})
LAYOUT = Layout(("u0", "nu"), ("u",), ("x",), (True,), ((0, 1),), (16,), (0.5, 1.0), "float64")


def ring(equation, start=None, *, at=0, unknowns=(u,)):
    """An equation on a period 1, from random initial values u0 at t = at."""
    u0 = parameter("u0", sp.sin(2 * sp.pi * x))
    box = Box({t: (at, at + 1), x: (0, 1)}, periodic=[x])
    conditions = [initial(u, u0 if start is None else start)]
    conditions += [initial(w, 0) for w in unknowns[1:]]
    return Problem("ring", [equation] if len(unknowns) == 1 else equation, unknowns, box, conditions, t), u0


def kdv(at=0):
    problem, u0 = ring(D(u, t) + D(u**2 / 2, x) + sp.Rational(1, 2000) * D(u, x, 3), at=at)
    return Family(problem, {u0: PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=4)})


def batch(n=3, nodes=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 2, nodes, generator=generator, dtype=torch.float64)
    outputs = torch.randn(n, 2, 1, nodes, generator=generator, dtype=torch.float64)
    return Batch(inputs, outputs, torch.tensor([0.5, 1.0], dtype=torch.float64).expand(n, 2), LAYOUT)


def test_a_boosted_wave_moves_and_rises():
    nodes = torch.arange(16, dtype=torch.float64) / 16
    wave = lambda z: torch.sin(2 * math.pi * z)  # noqa: E731
    given = batch(1)
    given.inputs[:, 0], given.outputs[:] = wave(nodes), wave(nodes)
    found = LieSymmetry(BOOST, 0.3, {"u0": "u"})(given, torch.Generator().manual_seed(4))
    (e,) = (found.inputs[:, 0] - given.inputs[:, 0]).mean(1)
    assert 0 < abs(float(e)) < 0.3
    for frame, time in enumerate((0.5, 1.0)):
        torch.testing.assert_close(found.outputs[0, frame, 0], wave(nodes - e * time) + e, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.inputs[0, 0], wave(nodes) + e, rtol=0, atol=1e-12)
    assert torch.equal(found.inputs[:, 1], given.inputs[:, 1])


def test_initial_values_at_another_time_move_too():
    given = batch(1)
    given.inputs[:, 0] = torch.cos(2 * math.pi * torch.arange(16, dtype=torch.float64) / 16)
    found = LieSymmetry(BOOST, 0.3, {"u0": "u"}, start=2.0)(given, torch.Generator().manual_seed(0))
    (e,) = found.inputs[:, 0].mean(1)
    wanted = torch.cos(2 * math.pi * (torch.arange(16, dtype=torch.float64) / 16 - 2 * e)) + e
    torch.testing.assert_close(found.inputs[0, 0], wanted, rtol=0, atol=1e-12)


def test_a_rotation_turns_two_unknowns_by_the_angle_that_is_drawn():
    layout = Layout(("u0", "v0"), ("u", "v"), ("x",), (True,), ((0, 1),), (16,), (1.0,), "float64")
    inputs = torch.zeros(200, 2, 16, dtype=torch.float64)
    inputs[:, 0] = 1.0
    given = Batch(inputs, inputs[:, None].clone(), torch.ones(200, 1), layout)
    rotation = LieSymmetry(ROTATION, math.pi, {"u0": "u", "v0": "v"})
    rotation.require_fits(layout, ())
    found = rotation(given, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.inputs.square().sum(1), torch.ones(200, 16, dtype=torch.float64))
    torch.testing.assert_close(found.outputs[:, 0], found.inputs)
    angles = torch.atan2(-found.inputs[:, 1, 0], found.inputs[:, 0, 0])
    assert -math.pi < angles.min() < -3
    assert 3 < angles.max() < math.pi
    with pytest.raises(ValueError, match="u changes with v, whose initial values are in no input"):
        LieSymmetry(ROTATION, 1.0, {"u0": "u"}).require_fits(layout, ())


def test_a_boosted_solution_is_the_solution_from_boosted_initial_values():
    family, solver = kdv(), Etdrk4(points=256, steps=2000)
    data = generate(family, 2, solver, nodes=128, times=(0.05, 0.1), seed=3, device="cpu")
    given = Batch(
        torch.from_numpy(data.inputs), torch.from_numpy(data.outputs), torch.tensor([[0.05, 0.1]] * 2), Layout.of(data)
    )
    symmetry = LieSymmetry(BOOST, 1.0, {"u0": "u"})
    symmetry.require_symmetry_of(family)
    found = symmetry(given, torch.Generator().manual_seed(0))
    lifts = (found.inputs - given.inputs).mean((1, 2))
    problem = family.problem
    for i, lift in enumerate(lifts):
        start = family.draw(i, 3)["u0"] + sp.Float(float(lift))
        again = generate(
            Family(problem, {problem.parameters[0]: Always(start)}),
            1,
            solver,
            nodes=128,
            times=(0.05, 0.1),
            device="cpu",
        )
        np.testing.assert_allclose(found.outputs[i].numpy(), again.outputs[0], rtol=0, atol=1e-6)
        assert np.abs(given.outputs[i].numpy() - again.outputs[0]).max() > 1e-2


class Always:
    """A distribution of one function."""

    def __init__(self, value):
        self.value = value

    def rvs(self, *, random_state):
        return self.value


def test_draws_come_from_the_generator_and_leave_what_was_given():
    given = batch()
    kept = given.inputs.clone(), given.outputs.clone()
    symmetry = LieSymmetry(BOOST, 0.3, {"u0": "u"})
    one, same, other = (symmetry(given, torch.Generator().manual_seed(s)).outputs for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(given.inputs, kept[0])
    assert torch.equal(given.outputs, kept[1])
    without = LieSymmetry(BOOST, 0.3)(given, torch.Generator().manual_seed(1))
    assert torch.equal(without.inputs, given.inputs)
    assert torch.equal(without.outputs, one)


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        ({t: 1}, "t changes, so that frames would be at other times"),
        ({t: 2 * t, x: x, u: -u}, "t changes, so that frames"),
        ({x: x}, "x changes with x, which does not fit the box"),
        ({x: u}, "x changes with u, which does not fit"),
        ({x: t, u: x}, "u changes with x, which does not fit"),
        ({x: t**2, u: 2 * t}, "x changes by what is not affine"),
        ({v: 1}, "v changes, and the outputs of the data are u"),
        ({u: sp.I * u}, "with real factors"),
        ({x: t + y}, "holds t, y, and besides the coordinates x there is time alone"),
        ({x: parameter("c", unknown=True, guess=1.0) * t}, "holds c, t, and besides"),
        ({u: v}, "changes with v, which is no output of the data"),
    ],
)
def test_what_moves_frames_or_box_is_refused(generator, message):
    LieSymmetry(BOOST, 0.3, {"u0": "u"}).require_fits(LAYOUT, ())
    with pytest.raises(ValueError, match=message):
        LieSymmetry(PointSymmetry(generator), 0.3).require_fits(LAYOUT, ())


def test_layouts_that_do_not_fit_are_refused():
    wall = Layout(("u0",), ("u",), ("x",), (False,), ((0, 1),), (16,), (0.5, 1.0), "float64")
    with pytest.raises(ValueError, match="x changes, and is not periodic, so that the box would move"):
        LieSymmetry(BOOST, 0.3).require_fits(wall, ())
    steady = Layout(("f",), ("u",), ("x",), (True,), ((0, 1),), (16,), (), "float64")
    with pytest.raises(ValueError, match="the data are steady"):
        LieSymmetry(BOOST, 0.3).require_fits(steady, ())
    for initial_values in ({"u1": "u"}, {"u0": "v"}):
        with pytest.raises(ValueError, match="the inputs are u0, nu and the outputs u"):
            LieSymmetry(BOOST, 0.3, initial_values).require_fits(LAYOUT, ())


def test_families_without_the_symmetry_are_refused():
    boost = LieSymmetry(BOOST, 0.3, {"u0": "u"})
    boost.require_symmetry_of(kdv())
    heat, u0 = ring(D(u, t) - D(u, x, 2))
    with pytest.raises(ValueError, match=r"not seen to be a symmetry of 'ring': .* leaves -Derivative\(u"):
        boost.require_symmetry_of(Family(heat, {u0: Always(sp.sin(x))}))
    with pytest.raises(ValueError, match="start = 0, and 'ring' begins at 2"):
        boost.require_symmetry_of(kdv(at=2))
    LieSymmetry(BOOST, 0.3, {"u0": "u"}, start=2.0).require_symmetry_of(kdv(at=2))
    with pytest.raises(ValueError, match="u0 of 'ring' is a function that stays where it is"):
        LieSymmetry(BOOST, 0.3).require_symmetry_of(kdv())


def test_what_is_random_must_be_known_to_the_symmetry():
    c, nu = parameter("c", 2), parameter("nu", sp.Rational(1, 10))
    law = D(u, t) + c * D(u**2 / 2, x) - nu * D(u, x, 2)
    problem, u0 = ring(law)
    boost = LieSymmetry(PointSymmetry({x: c * t, u: 1}), 0.3, {"u0": "u"})
    # For any viscosity, and the one speed that was declared.
    boost.require_symmetry_of(Family(problem, {u0: Always(sp.sin(x)), nu: scipy.stats.uniform(0.1, 1)}))
    with pytest.raises(ValueError, match="holds c, which differs from sample to sample"):
        boost.require_symmetry_of(Family(problem, {u0: Always(sp.sin(x)), c: scipy.stats.uniform(0.1, 1)}))
    two = LieSymmetry(PointSymmetry({x: 2 * t, u: 1}), 0.3, {"u0": "u"})
    with pytest.raises(ValueError, match="not seen to be a symmetry"):
        two.require_symmetry_of(Family(problem, {u0: Always(sp.sin(x)), c: scipy.stats.uniform(0.1, 1)}))
    f = parameter("f", sp.cos(2 * sp.pi * x))
    problem, u0 = ring(law - f)
    with pytest.raises(ValueError, match="f of 'ring' is a function that stays"):
        boost.require_symmetry_of(Family(problem, {u0: Always(sp.sin(x)), f: Always(sp.cos(x))}))


def test_a_random_function_of_time_does_not_stand_still():
    f = parameter("f", sp.cos(2 * sp.pi * x + t))
    problem, u0 = ring(D(u, t) - D(u, x, 2) - D(f, t))
    growing = LieSymmetry(PointSymmetry({u: u}), 0.3, {"u0": "u"})
    # With a function of space in its place nothing would be forced.
    with pytest.raises(ValueError, match="not seen to be a symmetry"):
        growing.require_symmetry_of(Family(problem, {u0: Always(sp.sin(x)), f: Always(sp.cos(x + t))}))


def test_conditions_must_be_carried_along():
    nu = parameter("nu", sp.Rational(1, 10))
    problem, _ = ring(D(u, t) + D(u**2 / 2, x) - nu * D(u, x, 2), start=sp.Integer(0))
    with pytest.raises(ValueError, match=r"does not carry the condition .* to itself, but leaves 1"):
        LieSymmetry(BOOST, 0.3).require_symmetry_of(Family(problem, {nu: scipy.stats.uniform(0.1, 1)}))
    growing = LieSymmetry(PointSymmetry({u: u}), 0.3, {"u0": "u"})
    for end in (0, 1):
        u0 = parameter("u0", end * x)
        conditions = [initial(u, u0), dirichlet(u, 0, on="left"), dirichlet(u, end, on="right")]
        bar = Problem("bar", [D(u, t) - D(u, x, 2)], [u], Box({t: (0, 1), x: (0, 1)}), conditions, t)
        family = Family(bar, {u0: Always(end * x + sp.sin(sp.pi * x))})
        if end:
            with pytest.raises(ValueError, match=r"does not carry the condition .* on right to itself, but leaves 1"):
                growing.require_symmetry_of(family)
        else:
            growing.require_symmetry_of(family)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((3, 0.3), "symmetry = 3"),
        ((BOOST, 0.0), "largest = 0.0; give a positive number"),
        ((BOOST, 1.0, "u0"), "initial = 'u0'"),
        ((BOOST, 1.0, {}, None), "start must be a finite number, got None"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        LieSymmetry(*settings)
