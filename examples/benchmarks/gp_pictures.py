"""Pictures: the spectrum that evidence finds, and what noisy values leave uncertain."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from _report import RESULTS, shipped
from gp_calibration import cases, truth

from pinnlab import Observations, SpectralGp, solve


def spectrum() -> None:
    """Variances of the lines of a problem of several frequencies, before and after steps of the evidence."""
    problem, true = shipped("poisson_hf_2"), (1, 20, 100)
    figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    for sweeps, style in ((0, "."), (2, "o"), (8, "s")):
        found = solve(problem, SpectralGp(sweeps=sweeps), device="cpu").checked().field
        (lines,) = found.features.lines
        variances = np.clip((lines.variances / lines.variances.max()).numpy(), 1e-16, None)
        ax.semilogy(lines.frequencies, variances, style, markersize=4, label=f"{sweeps} steps of the evidence")
    for k in true:
        ax.axvline(k, color="grey", linewidth=0.8, linestyle=":", label="in the solution" if k == true[0] else None)
    ax.set(xlabel="angular frequency", ylabel="variance, relative to the largest", title=problem.name)
    ax.legend(frameon=False)
    figure.savefig(RESULTS / "gp_spectrum.png", dpi=110)


def uncertainty() -> None:
    """A line with an unknown beginning, and a heat flow with unknown initial data."""
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    oscillator, heat = cases()["oscillator, initial"], cases()["heat, initial"]
    found, places, values = told(replace(oscillator, count=12, noise=0.3))
    at = np.linspace(0, 6, 400)[:, None]
    mean, deviation = found(at)[:, 0], found.deviation(at)[:, 0]
    axes[0].fill_between(at[:, 0], mean - 2 * deviation, mean + 2 * deviation, alpha=0.3, label="mean ± 2 deviations")
    axes[0].plot(at, mean, label="mean")
    axes[0].plot(at, truth(oscillator.problem, at), "k--", linewidth=1, label="truth")
    axes[0].plot(places[:, 0], values, "k.", label="noisy values")
    axes[0].set(xlabel="t", ylabel="u", title="oscillator, unknown beginning", ylim=(-1.6, 2.4))
    axes[0].legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    found, places, _ = told(heat)
    grids = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, np.pi, 101), indexing="ij")
    at = np.stack(grids, axis=-1).reshape(-1, 2)
    for ax, field, name in ((axes[1], found, "mean"), (axes[2], found.deviation, "standard deviation")):
        image = ax.pcolormesh(*grids, field(at)[:, 0].reshape(101, 101), shading="gouraud", rasterized=True)
        figure.colorbar(image, ax=ax)
        ax.plot(*places.T, "w.", markersize=4, markeredgecolor="k", markeredgewidth=0.4)
        ax.set(xlabel="t", ylabel="x", title=f"heat, unknown initial data: {name}")
    figure.savefig(RESULTS / "gp_uncertainty.png", dpi=110)


def told(case):
    """The posterior, the places and the noisy values of the first draw."""
    problem, rng = case.problem, np.random.default_rng(0)
    exact = truth(problem, problem.spacetime.sample(2000, rng))
    noise = case.noise * float(np.sqrt(np.mean(exact**2)))
    places = problem.spacetime.sample(case.count, rng)
    values = truth(problem, places) + noise * rng.standard_normal(case.count)
    data = Observations(places, values, noise)
    solver = SpectralGp(observations=data, uncertain=case.uncertain)
    return solve(problem, solver, device="cpu").checked().field, places, values


if __name__ == "__main__":
    spectrum()
    uncertainty()
