"""Small families that the tests of spectral operators share."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
import sympy as sp
import torch

from pinnlab import Box, D, Family, Problem, TimeInterval, dirichlet, initial, laplacian, neumann, parameter
from pinnlab.datasets.data import OperatorData
from pinnlab.forms.operator_form import OperatorForm
from pinnlab.networks.fno import Fno
from pinnlab.operators.drawn import inputs_on_grid
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.open_members import functions_and_numbers, opened
from pinnlab.operators.spectral_system import SpectralSystem
from pinnlab.training.adam_w import AdamW

t, x, y = sp.symbols("t x y", real=True)


@dataclass(frozen=True)
class Combination:
    """A sum of functions with normal factors."""

    functions: tuple[sp.Expr, ...]
    size: float = 1.0

    def rvs(self, *, random_state):
        return sp.Add(*(sp.Float(self.size * float(random_state.normal())) * f for f in self.functions))


def poisson():
    """Of a periodic square; the mean is free."""
    u, f = sp.Function("u")(x, y), parameter("f", sp.sin(x) * sp.cos(2 * y))
    box = Box({x: (0, 2 * sp.pi), y: (0, 2 * sp.pi)}, periodic=[x, y])
    waves = Combination((sp.sin(x), sp.cos(3 * x + y), sp.sin(2 * x - 2 * y)))
    return Family(Problem("poisson", [laplacian(u, (x, y)) + f], [u], box), {f: waves})


def reaction_diffusion():
    """In one dimension, periodic, from values around 1/2, with a random rate."""
    u, start, rho = sp.Function("u")(t, x), parameter("g", sp.S.Half), parameter("rho", 3.0)
    waves = Combination((sp.sin(x), sp.cos(x), sp.cos(2 * x)), 0.1)
    box = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    equation = D(u, t) - D(u, x, 2) / 10 - rho * u * (1 - u)
    problem = Problem("reaction_diffusion", [equation], [u], box, [initial(u, sp.S.Half + start)], t)
    return Family(problem, {start: waves, rho: scipy.stats.uniform(2, 2)})


def plate():
    """Nonlinear, on a square with Dirichlet data, random on one side, and a Neumann side."""
    u, g = sp.Function("u")(x, y), parameter("g", x * (1 - x))
    sides = [dirichlet(u, 0, on=["left", "right"]), dirichlet(u, g, on="bottom"), neumann(u, 0, on="top")]
    problem = Problem("plate", [laplacian(u, (x, y)) - u**3 + 1], [u], Box({x: (0, 1), y: (0, 1)}), sides)
    return Family(problem, {g: Combination((x * (1 - x), sp.sin(sp.pi * x)))})


def system_of(family, counts, samples, padding=1.5):
    """A system, and the members with these values."""
    form = OperatorForm.of(family.problem, *functions_and_numbers(family, samples))
    system = SpectralSystem(form, counts, padding, torch.device("cpu"))
    members = opened(form, system.nodes, samples)
    system.linearise(members)
    return system, system.prepared(members)


@pytest.fixture
def spectral():
    """The families above, and `system_of`."""
    return SimpleNamespace(poisson=poisson, reaction_diffusion=reaction_diffusion, plate=plate, system_of=system_of)


def heat():
    """u_t = k u_xx / (4 pi²) with period 1: wave j decays like exp(-j² k t); k and the initial values are random."""
    u, u0, k = sp.Function("u")(t, x), parameter("u0", sp.sin(2 * sp.pi * x)), parameter("k", 0.5)
    waves = Combination((sp.sin(2 * sp.pi * x), sp.cos(2 * sp.pi * x), sp.sin(4 * sp.pi * x)))
    law = D(u, t) - k * D(u, x, 2) / (4 * sp.pi**2)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    problem = Problem("heat", [law], [u], domain, [initial(u, u0)], t)
    return Family(problem, {u0: waves, k: scipy.stats.uniform(0.2, 0.6)})


def heat_data(family, n, times, nodes=16, seed=0):
    """Exact solutions of members."""
    axis = np.arange(nodes) / nodes
    draws = [family.draw(i, seed) for i in range(n)]
    inputs = inputs_on_grid(family, draws, [axis])
    modes = np.fft.rfft(inputs[:, 0])
    rates = np.array([d["k"] for d in draws])[:, None, None] * np.arange(modes.shape[1]) ** 2
    decay = np.exp(-rates * np.asarray(times)[:, None])
    outputs = np.fft.irfft(modes[:, None] * decay, nodes)[:, :, None]
    return OperatorData(inputs, outputs, (axis,), times, [np.nan] * n, family.things, ["u"], ["x"], [True])


@pytest.fixture(scope="session")
def heated():
    """The heat family, data of it, `heat_data`, and an operator that was trained a little."""
    family = heat()
    data = heat_data(family, 60, np.linspace(0.125, 1, 8))
    learning = OperatorLearning(Fno(modes=3, width=8, depth=2), epochs=25, optimizer=AdamW(1e-2))
    operator = train(data, learning, family=family, validation=0.2, device="cpu")
    return SimpleNamespace(family=family, data=data, exact=heat_data, operator=operator)
