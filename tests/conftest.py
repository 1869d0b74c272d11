"""What many tests share: the problems of `problems/`, loaded by path, and random PDEs."""

from __future__ import annotations

import importlib.util
import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import strategies as st

from pinnlab import Box, D, Problem, initial, parameter
from pinnlab.forms.evaluate import Program
from pinnlab.numerics.gaussian_weights import GaussianWeights
from pinnlab.posterior import WeightPosterior

PROBLEMS = Path(__file__).parents[1] / "problems"
NAMES = sorted(path.stem for path in PROBLEMS.glob("*.py"))


def load_module(name: str):
    spec = importlib.util.spec_from_file_location(f"shipped_{name}", PROBLEMS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def shipped_modules():
    """Every module of `problems/` by name."""
    return {name: load_module(name) for name in NAMES}


@pytest.fixture(scope="session")
def shipped(shipped_modules):
    """Every shipped problem by name."""
    return {name: module.problem for name, module in shipped_modules.items()}


@pytest.fixture(scope="session", params=NAMES)
def shipped_problem(request, shipped):
    """Each shipped problem in turn."""
    return shipped[request.param]


@dataclass(frozen=True)
class Monomials:
    """The features x^p of each unknown, for all powers p of its coordinates up to a total degree."""

    unknowns: int
    powers: tuple[tuple[int, ...], ...]

    def rows(self, points, orders):
        columns = []
        for powers in self.powers:
            column = torch.ones(len(points), dtype=points.dtype)
            for x, p, n in zip(points.T, powers, orders, strict=True):
                column = column * (math.perm(p, n) * x ** max(p - n, 0))
            columns.append(column)
        block = torch.stack(columns, dim=1)
        return torch.stack([torch.kron(row, block) for row in torch.eye(self.unknowns, dtype=points.dtype)])


@pytest.fixture(scope="session")
def polynomials():
    """A function of a problem and a degree: polynomials with independent standard normal coefficients."""

    def posterior(problem, degree, learned=None):
        dim, unknowns = len(problem.coordinates), len(problem.unknowns)
        powers = tuple(p for p in itertools.product(range(degree + 1), repeat=dim) if sum(p) <= degree)
        scales = torch.ones(unknowns * len(powers), dtype=torch.float64)
        return WeightPosterior(
            problem, GaussianWeights.prior(scales), Monomials(unknowns, powers), learned=learned or {}
        )

    return posterior


@pytest.fixture(scope="session")
def random_problems():
    """A strategy: evolution problems of one or two unknowns in one to three periodic dimensions."""
    return evolution_problems()


@pytest.fixture(scope="session")
def largest_difference():
    """A function of two tuples of expressions: their largest difference at random values of all symbols."""
    return difference


def difference(left, right) -> float:
    assert len(left) == len(right)
    symbols = sorted({s for e in (*left, *right) for s in e.free_symbols}, key=lambda s: (s.name, str(type(s))))
    values = np.random.default_rng(7).uniform(0.3, 1.4, (len(symbols), 6))
    program = Program([*left, *right], symbols)
    numbers = [np.broadcast_to(v, 6) for v in program(*values)]
    gaps = [
        np.abs(a - b).max() / (1 + np.abs(a).max())
        for a, b in zip(numbers[: len(left)], numbers[len(left) :], strict=True)
    ]
    return max(gaps)


@st.composite
def evolution_problems(draw) -> Problem:
    t = sp.Symbol("t", real=True)
    space = sp.symbols("x y z", real=True)[: draw(st.integers(1, 3))]
    unknowns = [sp.Function(name)(t, *space) for name in "uv"[: draw(st.integers(1, 2))]]
    c = parameter("c", draw(st.sampled_from([sp.Rational(3, 2), sp.pi / 7, sp.Float(0.3)])))
    coefficients = st.sampled_from([1, -2, sp.Rational(1, 3), c, c**2, sp.sin(space[0]), 1 + t**2, sp.Float(0.7)])
    axes, fields = st.sampled_from(space), st.sampled_from(unknowns)

    def factor():
        u, axis = draw(fields), draw(axes)
        kinds = [u, u**2, sp.sin(u), D(u, axis), D(u, axis, 2), D(u, draw(axes)), u**3 + u]
        return draw(st.sampled_from(kinds))

    def flux():
        return draw(coefficients) * draw(st.sampled_from([1, draw(fields)])) * factor() + draw(coefficients) * factor()

    def term():
        shapes = [
            lambda: factor() * factor(),
            lambda: D(flux(), draw(axes)),
            lambda: D(D(factor(), draw(axes)), draw(axes)) + draw(fields),
            lambda: sp.Mul(draw(coefficients), D(flux(), draw(axes)) + D(factor(), draw(axes)), evaluate=False),
            lambda: sp.cos(space[-1]) * sp.exp(-t),
        ]
        return draw(coefficients) * draw(st.sampled_from(shapes))()

    equations = []
    for u in unknowns:
        terms = [term() for _ in range(draw(st.integers(1, 3)))]
        equations.append(draw(st.sampled_from([1, 3, c, 2 + sp.cos(space[0])])) * D(u, t) + sp.Add(*terms))
    box = Box({t: (0, 1)} | dict.fromkeys(space, (0, 2)), periodic=space)
    return Problem("random", equations, unknowns, box, [initial(u, 0) for u in unknowns], time=t)
