"""Symmetries of samples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import sympy as sp
import torch

from pinnlab import Box, D, Family, Problem, dirichlet, initial, laplacian, neumann, parameter
from pinnlab.networks.fno import Fno
from pinnlab.operators.augmentation import PeriodicShift, Reflection, Transposition
from pinnlab.operators.layout import Layout
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.pairs import Batch

LAYOUT = Layout(("u", "a"), ("u",), ("x", "y"), (True, False), ((0, 1), (0, 1)), (4, 3), (0.0, 1.0), "float64")
AXES = np.arange(4) / 4, np.linspace(0, 1, 3)
GENERATOR = torch.Generator


def samples(n=200, grid=(4, 3), seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 2, *grid, generator=generator, dtype=torch.float64)
    # An operator that shifts and reflects with its input: the frames are u and u².
    return inputs, torch.stack([inputs[:, :1], inputs[:, :1] ** 2], dim=1)


def mapped(augmentation, inputs, outputs, layout, generator):
    """Inputs and outputs after the augmentation."""
    found = augmentation(Batch(inputs, outputs, torch.zeros(outputs.shape[:2]), layout), generator)
    return found.inputs, found.outputs


def test_shifts_move_inputs_and_all_frames_alike_along_periodic_axes_only():
    inputs, outputs = samples()
    moved, answers = mapped(PeriodicShift(), inputs, outputs, LAYOUT, torch.Generator().manual_seed(1))
    torch.testing.assert_close(answers, torch.stack([moved[:, :1], moved[:, :1] ** 2], dim=1))
    found = [
        [s for s in range(4) if torch.equal(torch.roll(a, s, dims=1), b)] for a, b in zip(inputs, moved, strict=True)
    ]
    assert all(len(s) == 1 for s in found)
    counts = [sum(s == [k] for s in found) for k in range(4)]
    assert min(counts) > 25


def test_shifts_are_drawn_from_the_generator():
    inputs, outputs = samples(20)
    one, same, other = (
        mapped(PeriodicShift(), inputs, outputs, LAYOUT, GENERATOR().manual_seed(s))[0] for s in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_reflection_turns_half_of_the_samples_and_the_sign_of_what_is_odd():
    inputs, outputs = samples()
    turned, answers = mapped(Reflection("y", odd=("u",)), inputs, outputs, LAYOUT, torch.Generator().manual_seed(1))
    mirror = torch.flip(inputs, [3]) * torch.tensor([-1.0, 1.0], dtype=torch.float64).reshape(1, 2, 1, 1)
    chosen = [torch.equal(a, b) for a, b in zip(turned, mirror, strict=True)]
    assert 70 < sum(chosen) < 130
    kept = [torch.equal(a, b) for a, b in zip(turned, inputs, strict=True)]
    assert all(a != b for a, b in zip(chosen, kept, strict=True))
    # The first frame is u itself, odd as well.
    torch.testing.assert_close(answers[:, 0], turned[:, :1])


def test_a_reflected_period_keeps_its_first_node():
    inputs, outputs = samples(20)
    turned, _ = mapped(Reflection("x"), inputs, outputs, LAYOUT, torch.Generator().manual_seed(1))
    changed = [i for i in range(20) if not torch.equal(turned[i], inputs[i])]
    assert changed
    torch.testing.assert_close(turned[changed], inputs[changed][:, :, [0, 3, 2, 1]])


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        (Reflection("z"), "no coordinate 'z' among x, y"),
        (Reflection("x", ("v",)), "odd names 'v', which is none of a, u"),
    ],
)
def test_what_does_not_fit_the_data_is_refused(augmentation, message):
    with pytest.raises(ValueError, match=message):
        augmentation.require_fits(LAYOUT, AXES)


def test_shifts_need_a_period():
    PeriodicShift().require_fits(LAYOUT, AXES)
    with pytest.raises(ValueError, match="none of x is periodic"):
        PeriodicShift().require_fits(Layout((), (), ("x",), (False,), ((0, 1),), (4,), (), "float32"), AXES)


def square(grid=(3, 3), periodic=(False, False), box=((0, 1), (0, 1))):
    return Layout(("v", "w", "a"), ("u",), ("x", "y"), periodic, box, grid, (0.0, 1.0), "float64")


def test_a_transposition_exchanges_coordinates_and_velocities_in_half_of_the_samples():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 3, 3, 3, generator=generator, dtype=torch.float64)
    outputs = torch.stack([inputs[:, 2:], inputs[:, 2:] ** 2], dim=1)
    turned, answers = mapped(Transposition("x", "y", (("v", "w"),)), inputs, outputs, square(), generator)
    # v at (x, y) becomes w at (y, x), and a stays a.
    mirror = inputs.transpose(2, 3)[:, [1, 0, 2]]
    chosen = [torch.equal(a, b) for a, b in zip(turned, mirror, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(turned, inputs, strict=True)]
    assert 70 < sum(chosen) < 130
    assert all(a != b for a, b in zip(chosen, kept, strict=True))
    torch.testing.assert_close(answers, torch.stack([turned[:, 2:], turned[:, 2:] ** 2], dim=1))


@pytest.mark.parametrize(
    ("layout", "settings", "message"),
    [
        (square((3, 4)), ("x", "y"), "there are 3 and 4"),
        (square(periodic=(True, False)), ("x", "y"), "True and False"),
        (square(box=((0, 1), (0, 2))), ("x", "y"), r"\(0, 1\) and \(0, 2\)"),
        (square(), ("x", "x"), "not two of the coordinates x, y"),
        (square(), ("x", "z"), "not two of the coordinates x, y"),
        (square(), ("x", "y", (("v", "u"),)), "not two inputs or two outputs"),
    ],
)
def test_a_transposition_needs_a_square(layout, settings, message):
    Transposition("x", "y", (("v", "w"),)).require_fits(square(), AXES)
    with pytest.raises(ValueError, match=message):
        Transposition(*settings).require_fits(layout, AXES)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Reflection, ("x", "uv"), "odd = 'uv'; give a tuple of names"),
        (Transposition, ("x", "y", "uv"), "exchanged = 'uv'; give pairs"),
        (Transposition, ("x", "y", ("vw",)), "exchanged = 'vw'; give a tuple of names"),
        (Transposition, ("x", "y", (("v", "w", "a"),)), "give pairs of two names"),
        # Where the third would come from v as well, w would be lost.
        (Transposition, ("x", "y", (("v", "w"), ("v", "a"))), "each name in one of them"),
    ],
)
def test_names_are_checked(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(*settings)


def test_a_reflection_needs_nodes_that_are_their_own_mirror_image():
    Reflection("y").require_fits(LAYOUT, AXES)
    with pytest.raises(ValueError, match="nodes along y are not their own mirror image"):
        Reflection("y").require_fits(LAYOUT, (AXES[0], np.array([0.0, 0.3, 1.0])))


t, x, y = sp.symbols("t x y", real=True)
HALF = scipy.stats.uniform(0, 1)


class Drawn:
    """A distribution of functions of all the coordinates it is given."""

    def __init__(self, *coordinates):
        self.coordinates = coordinates

    def rvs(self, *, random_state):
        return sp.Add(*(sp.sin(c) for c in self.coordinates)) * float(random_state.normal())


def moving(source=0, speed=1):
    """u_t + c u_x = source on a ring, from random initial values."""
    u, u0 = sp.Function("u")(t, x), parameter("u0", sp.sin(x))
    box = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    return Problem("moving", [D(u, t) + speed * D(u, x) - source], [u], box, [initial(u, u0)], t), u0


def test_shifts_are_for_equations_that_do_not_name_places():
    problem, u0 = moving()
    PeriodicShift().require_symmetry_of(Family(problem, {u0: Drawn(x)}))
    problem, u0 = moving(sp.cos(x))
    with pytest.raises(ValueError, match=r"an equation of 'moving' depends on x by itself, changing by sin\(x\)"):
        PeriodicShift().require_symmetry_of(Family(problem, {u0: Drawn(x)}))
    # As an input the source is shifted as well.
    f = parameter("f", sp.cos(x))
    problem, u0 = moving(f)
    PeriodicShift().require_symmetry_of(Family(problem, {u0: Drawn(x), f: Drawn(x)}))
    with pytest.raises(ValueError, match="depends on x by itself"):
        PeriodicShift().require_symmetry_of(Family(problem, {u0: Drawn(x)}))
    with pytest.raises(ValueError, match="does not carry the condition"):
        PeriodicShift().require_symmetry_of(Family(problem, {f: Drawn(x)}))


def test_a_wave_that_is_reflected_goes_the_other_way():
    c = parameter("c", 1)
    problem, u0 = moving(speed=c)
    family = Family(problem, {u0: Drawn(x), c: HALF})
    Reflection("x", odd=("c",)).require_symmetry_of(family)
    Reflection("x", odd=("c", "u", "u0")).require_symmetry_of(family)
    for odd in ((), ("c", "u")):
        with pytest.raises(ValueError, match=r"Reflection of x is not seen to be a symmetry of 'moving'"):
            Reflection("x", odd).require_symmetry_of(family)


def darcy(width=1, **sides):
    """-div(a grad u) = 1 with zero all around but for what is said."""
    u, a = sp.Function("u")(x, y), parameter("a", 1)
    equation = -D(a * D(u, x), x) - D(a * D(u, y), y) - 1
    values = {name: sides.get(name, 0) for name in ("left", "right", "bottom", "top")}
    conditions = [dirichlet(u, value, on=name) for name, value in values.items()]
    return Family(Problem("darcy", [equation], [u], Box({x: (0, width), y: (0, 1)}), conditions), {a: Drawn(x, y)})


def test_sides_change_places():
    skew = x**2 * (1 - x)
    for augmentation in (Reflection("x"), Reflection("y"), Transposition("x", "y")):
        augmentation.require_symmetry_of(darcy())
    Reflection("y").require_symmetry_of(darcy(bottom=skew, top=skew))
    Reflection("x").require_symmetry_of(darcy(bottom=x * (1 - x)))
    Transposition("x", "y").require_symmetry_of(darcy(bottom=skew, left=skew.xreplace({x: y})))
    for augmentation, family in (
        (Reflection("x"), darcy(left=y * (1 - y))),
        (Reflection("x"), darcy(bottom=skew)),
        (Reflection("y"), darcy(bottom=skew)),
        (Transposition("x", "y"), darcy(bottom=skew)),
    ):
        with pytest.raises(ValueError, match="which is no condition there"):
            augmentation.require_symmetry_of(family)
    with pytest.raises(ValueError, match="x and y of 'darcy' have not the same ends and period"):
        Transposition("x", "y").require_symmetry_of(darcy(width=2))


def test_velocities_change_places_with_their_coordinates_and_slopes_their_signs():
    u, v = (sp.Function(name)(t, x, y) for name in "uv")
    starts = [parameter(f"{name}0", sp.sin(x)) for name in "uv"]
    equations = [D(w, t) + u * D(w, x) + v * D(w, y) - laplacian(w, (x, y)) for w in (u, v)]
    domain = Box({t: (0, 1), x: (0, 1), y: (0, 1)})
    conditions = [initial(w, w0) for w, w0 in zip((u, v), starts, strict=True)] + [neumann(w, 0) for w in (u, v)]
    family = Family(Problem("burgers", equations, [u, v], domain, conditions, t), {p: Drawn(x, y) for p in starts})
    Transposition("x", "y", (("u", "v"), ("u0", "v0"))).require_symmetry_of(family)
    Reflection("x", odd=("u", "u0")).require_symmetry_of(family)
    for wrong in (Transposition("x", "y"), Reflection("x"), Reflection("y", odd=("u", "u0"))):
        with pytest.raises(ValueError, match="which is none of its equations"):
            wrong.require_symmetry_of(family)
    with pytest.raises(ValueError, match="'z' is no coordinate of space of 'burgers'"):
        Reflection("z").require_symmetry_of(family)


def test_training_for_a_family_asks_whether_it_has_the_symmetry(heated):
    def settings(odd):
        return OperatorLearning(Fno(3, 8, 2), augmentations=(Reflection("x", odd),), epochs=1)

    train(heated.data, settings(()), family=heated.family, device="cpu")
    # With a negative conductivity time would run backwards.
    with pytest.raises(ValueError, match="Reflection of x is not seen to be a symmetry of 'heat'"):
        train(heated.data, settings(("k",)), family=heated.family, device="cpu")
