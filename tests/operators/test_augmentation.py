"""Symmetries of samples."""

from __future__ import annotations

import pytest
import torch

from pinnlab.operators.augmentation import PeriodicShift, Reflection, Transposition
from pinnlab.operators.layout import Layout

LAYOUT = Layout(("u", "a"), ("u",), ("x", "y"), (True, False), ((0, 1), (0, 1)), (4, 3), (0.0, 1.0), "float64")
GENERATOR = torch.Generator


def samples(n=200, grid=(4, 3), seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 2, *grid, generator=generator, dtype=torch.float64)
    # An operator that shifts and reflects with its input: the frames are u and u².
    return inputs, torch.stack([inputs[:, :1], inputs[:, :1] ** 2], dim=1)


def test_shifts_move_inputs_and_all_frames_alike_along_periodic_axes_only():
    inputs, outputs = samples()
    moved, answers = PeriodicShift()(inputs, outputs, LAYOUT, torch.Generator().manual_seed(1))
    torch.testing.assert_close(answers, torch.stack([moved[:, :1], moved[:, :1] ** 2], dim=1))
    found = [
        [s for s in range(4) if torch.equal(torch.roll(a, s, dims=1), b)] for a, b in zip(inputs, moved, strict=True)
    ]
    assert all(len(s) == 1 for s in found)
    counts = [sum(s == [k] for s in found) for k in range(4)]
    assert min(counts) > 25


def test_shifts_are_drawn_from_the_generator():
    inputs, outputs = samples(20)
    one, same, other = (PeriodicShift()(inputs, outputs, LAYOUT, GENERATOR().manual_seed(s))[0] for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_reflection_turns_half_of_the_samples_and_the_sign_of_what_is_odd():
    inputs, outputs = samples()
    turned, answers = Reflection("y", odd=("u",))(inputs, outputs, LAYOUT, torch.Generator().manual_seed(1))
    mirror = torch.flip(inputs, [3]) * torch.tensor([-1.0, 1.0], dtype=torch.float64).reshape(1, 2, 1, 1)
    chosen = [torch.equal(a, b) for a, b in zip(turned, mirror, strict=True)]
    assert 70 < sum(chosen) < 130
    kept = [torch.equal(a, b) for a, b in zip(turned, inputs, strict=True)]
    assert all(a != b for a, b in zip(chosen, kept, strict=True))
    # The first frame is u itself, odd as well.
    torch.testing.assert_close(answers[:, 0], turned[:, :1])


def test_a_reflected_period_keeps_its_first_node():
    inputs, outputs = samples(20)
    turned, _ = Reflection("x")(inputs, outputs, LAYOUT, torch.Generator().manual_seed(1))
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
        augmentation.require_fits(LAYOUT)


def test_shifts_need_a_period():
    PeriodicShift().require_fits(LAYOUT)
    with pytest.raises(ValueError, match="none of x is periodic"):
        PeriodicShift().require_fits(Layout((), (), ("x",), (False,), ((0, 1),), (4,), (), "float32"))


def square(grid=(3, 3), periodic=(False, False), box=((0, 1), (0, 1))):
    return Layout(("v", "w", "a"), ("u",), ("x", "y"), periodic, box, grid, (0.0, 1.0), "float64")


def test_a_transposition_exchanges_coordinates_and_velocities_in_half_of_the_samples():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 3, 3, 3, generator=generator, dtype=torch.float64)
    outputs = torch.stack([inputs[:, 2:], inputs[:, 2:] ** 2], dim=1)
    turned, answers = Transposition("x", "y", (("v", "w"),))(inputs, outputs, square(), generator)
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
    Transposition("x", "y", (("v", "w"),)).require_fits(square())
    with pytest.raises(ValueError, match=message):
        Transposition(*settings).require_fits(layout)
