"""Settings that are no numbers are refused in words, by every class of settings that pinnlab exports."""

import dataclasses
import inspect
import math

import numpy as np
import pytest
import sympy as sp
import torch

import pinnlab
from pinnlab.admissible import (
    finite_number,
    is_number,
    is_whole,
    require_counts,
    require_not_negative,
    require_numbers,
    require_positive,
    require_seed,
    require_several,
    require_sizes,
    require_whole,
)

x, y, z, t = sp.symbols("x y z t")

# What a run hands back or a problem is made of, and no settings: nobody types their numbers.
NO_SETTINGS = {
    "Certificate",
    "Comparison",
    "ErrorBound",
    "Estimate",
    "ExactField",
    "Grid",
    "MeshField",
    "NeuralFlowMap",
    "OperatorSolver",
    "Origin",
    "Progress",
    "ResidualLoss",
    "Signature",
    "Solution",
    "SparseModel",
    "TrainedOperator",
}
# Settings that have no defaults.
EXAMPLES = {
    "AdaptiveWindows": lambda: pinnlab.AdaptiveWindows(0.5),
    "Ball": lambda: pinnlab.Ball({x: 0, y: 0, z: 0}, 1.0),
    "Disk": lambda: pinnlab.Disk({x: 0, y: 0}, 1.0),
    "GaussianPulse": lambda: pinnlab.GaussianPulse({x: (0, 1)}, 0.1),
    "GivenPoints": lambda: pinnlab.GivenPoints(np.zeros((1, 1))),
    "GivenWindows": lambda: pinnlab.GivenWindows((0.5, 1.0)),
    "Integral": lambda: pinnlab.Integral("u", np.zeros((2, 1)), np.ones(2), 1.0),
    "Layer": lambda: pinnlab.Layer("x", 0.0, 0.1),
    "LieSymmetry": lambda: pinnlab.LieSymmetry(pinnlab.PointSymmetry({x: 1}), 1.0),
    "Matern": lambda: pinnlab.Matern(1.0),
    "NeumannField": lambda: pinnlab.NeumannField({x: (0, 1)}, 2.0, 3.0),
    "OperatorLearning": lambda: pinnlab.OperatorLearning(pinnlab.Fno()),
    "PeriodicField": lambda: pinnlab.PeriodicField({x: (0, 1)}, 2.0, 3.0),
    "SumOfLosses": lambda: pinnlab.SumOfLosses((1.0,), (pinnlab.RelativeL2(),)),
    "TravellingSines": lambda: pinnlab.TravellingSines(t, {x: (0, 1)}),
    "TwoPhase": lambda: pinnlab.TwoPhase(pinnlab.NeumannField({x: (0, 1)}, 2.0, 3.0)),
    "WindowedSines": lambda: pinnlab.WindowedSines({x: (0, 1)}),
    "ModifiedSinglyTase": lambda: pinnlab.ModifiedSinglyTase(2, 0.1),
    "MultiStage": lambda: pinnlab.MultiStage(pinnlab.Mlp(), torch.zeros(3), pinnlab.Mlp(), (1.0,), (1.0,)),
    "Observations": lambda: pinnlab.Observations([[0.0]], [1.0], 0.1),
    "SinglyTase": lambda: pinnlab.SinglyTase(2, 0.1),
    "SpectralMixture": lambda: pinnlab.SpectralMixture((1.0,), (1.0,), (1.0,)),
    "SquaredExponential": lambda: pinnlab.SquaredExponential(1.0),
    "StudentMixture": lambda: pinnlab.StudentMixture((1.0,), (1.0,), (1.0,)),
    "TimeInterval": lambda: pinnlab.TimeInterval(t, 0.0, 1.0),
    "Uncertain": lambda: pinnlab.Uncertain("left"),
}
NUMBERS = {"int", "float", "int | None", "float | None"}
SEVERAL = {f"tuple[{kind}, ...]" for kind in ("int", "float")}
ONE_OR_SEVERAL = {f"{kind} | tuple[{kind}, ...]{end}" for kind in ("int", "float") for end in ("", " | None")}


def _settings():
    """(class, field) of all numbers, and of tuples of numbers."""
    for name in dir(pinnlab):
        kind = getattr(pinnlab, name)
        if inspect.isclass(kind) and dataclasses.is_dataclass(kind) and name not in NO_SETTINGS:
            for field in dataclasses.fields(kind):
                if field.init and field.type in NUMBERS | SEVERAL | ONE_OR_SEVERAL:
                    yield name, field


def _example(name):
    return EXAMPLES[name]() if name in EXAMPLES else getattr(pinnlab, name)()


def _changed(example, field, value):
    given = {f.name: getattr(example, f.name) for f in dataclasses.fields(example) if f.init}
    return type(example)(**given | {field.name: value})


def _wrong(field):
    yield from ("5", "a", math.nan, True, ["a"], object())
    if "None" not in field.type:
        yield None
    if "float" not in field.type:
        yield from (math.inf, 1.5)
    if "tuple" in field.type:
        yield from (("a",), (math.nan,), (True,))
    else:
        yield [1]


@pytest.mark.parametrize(("name", "field"), [pytest.param(n, f, id=f"{n}.{f.name}") for n, f in _settings()])
def test_every_setting_refuses_what_is_no_number_of_its_kind_and_names_itself(name, field):
    example = _example(name)
    assert _changed(example, field, getattr(example, field.name)) is not None
    for value in _wrong(field):
        with pytest.raises(ValueError, match=field.name):
            _changed(example, field, value)


def test_the_table_covers_settings_of_all_kinds():
    found = {f"{name}.{field.name}" for name, field in _settings()}
    assert {"Sobol.points", "Adam.steps", "SpectralGp.nugget", "NodeGrid.counts", "Matern.length"} <= found
    assert {"Bdf.rtol", "TimeInterval.end", "Chebyshev.points", "GivenWindows.ends", "Pinn.condition_points"} <= found
    assert len(found) > 200


@pytest.mark.parametrize("value", ["5", None, True, math.nan, [1.0], np.array([1.0]), torch.ones(1), 1j])
def test_text_truth_values_arrays_and_nan_are_no_numbers(value):
    assert not is_number(value)
    for require in (require_numbers, require_positive, require_not_negative, require_counts):
        with pytest.raises(ValueError, match=r"list: steps = .*; give a "):
            require([], first=1, steps=value)


@pytest.mark.parametrize("value", [1, 0.5, math.inf, np.float64(2), np.int64(3), sp.Rational(1, 2)])
def test_numbers_of_python_numpy_and_sympy_are_numbers(value):
    assert is_number(value)
    require_numbers([], value=value)


def test_whole_numbers_are_of_an_integer_type():
    assert is_whole(3)
    assert is_whole(np.int64(3))
    assert not any(is_whole(v) for v in (1e2, True, "3", None))


def test_limits_are_told_in_words():
    with pytest.raises(ValueError, match="list: a = inf; give a positive number"):
        require_positive([], a=math.inf)
    with pytest.raises(ValueError, match="list: a = 0; give a positive number"):
        require_positive([], a=0)
    require_not_negative([], a=0)
    with pytest.raises(ValueError, match="list: a = -1; give a number from 0 on"):
        require_not_negative([], a=-1)
    require_whole([], 8, a=8)
    with pytest.raises(ValueError, match="list: a = 7; give a whole number from 8 on"):
        require_whole([], 8, a=7)
    require_seed([], 0)
    with pytest.raises(ValueError, match="list: seed = -1; give a whole number from 0 on"):
        require_seed([], -1)


def test_sizes_are_one_number_or_one_for_each_axis():
    require_sizes([], 4, points=4)
    require_sizes([], 4, points=(4, 8))
    for bad in (3, (4, 3), (), "4", None, (4, None)):
        with pytest.raises(ValueError, match=r"list: points = .*; give a whole number from 4 on, or one for each axis"):
            require_sizes([], 4, points=bad)


def test_several_numbers_may_come_as_any_sequence_but_text():
    require_several([], widths=(1.0, math.inf))
    require_several([], widths=np.array([1.0, 2.0]))
    for bad in ("12", 1.0, None, (1.0, "2")):
        with pytest.raises(ValueError, match=r"list: widths = .*; give a tuple of numbers"):
            require_several([], widths=bad)


def test_constants_of_sympy_become_finite_numbers():
    assert finite_number("Disk", "radius", sp.pi) == math.pi
    for bad in ("1", None, True, math.inf, sp.oo, x, [1.0], 10**400):
        with pytest.raises(ValueError, match="Disk: radius must be a finite number, got"):
            finite_number("Disk", "radius", bad)
