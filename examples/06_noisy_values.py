"""A bar that loses heat to the air, where the temperature at one end is unknown and noisy values are known inside.

A Gaussian process solves the equation, finds the loss coefficient and the unknown end from the values, and says how far
each can be trusted.  Run time: a few seconds.
"""

from pathlib import Path

import numpy as np
import sympy as sp

from pinnlab import Box, D, Observations, Problem, SpectralGp, Uncertain, dirichlet, parameter, solve

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
loss = parameter("loss", unknown=True, guess=1.0, bounds=(0.01, 100))

problem = Problem(
    name="bar",
    equations=[D(u, x, 2) - loss * u],
    unknowns=[u],
    domain=Box({x: (0, 1)}),
    conditions=[dirichlet(u, 1, on="left"), dirichlet(u, 0, on="right")],
)


def truth(at: np.ndarray) -> np.ndarray:
    """What makes the values: a loss of 9, and 0.4 at the end that the solver does not know."""
    return np.cosh(3 * at) + (0.4 - np.cosh(3)) / np.sinh(3) * np.sinh(3 * at)


def main(folder: Path) -> tuple[float, float]:
    rng, places = np.random.default_rng(0), np.linspace(0.05, 0.95, 25)[:, None]
    values = Observations(places, truth(places) + 0.02 * rng.standard_normal(places.shape), 0.02)
    found = solve(problem, SpectralGp(observations=values, uncertain=Uncertain("right")))
    told = found.field.parameters["loss"]
    print(f"loss {told.value:.2f} ± {told.standard_error:.2f}; 9 made the values")
    at = np.linspace(0, 1, 101)[:, None]
    mean, deviation = found.field(at), found.field.deviation(at)
    print(f"temperature at the unknown end: {mean[-1, 0]:.3f} ± {deviation[-1, 0]:.3f}; 0.4 made the values")
    inside = np.abs(mean - truth(at))[1:] < 1.645 * deviation[1:]
    print(f"the truth lies in the 90 % interval at {100 * inside.mean():.0f} % of the points")
    found.to_hdf5(folder / "bar.hdf")  # u and u_std
    found.plot().savefig(folder / "bar.png")
    return told.value, float(mean[-1, 0])


if __name__ == "__main__":
    main(Path("."))
