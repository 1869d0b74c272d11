"""Pictures: a chaotic evolution and its error, and characteristics that a viscous front draws together."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from _report import RESULTS, shipped
from time_and_transport import cases

from pinnlab import LevenbergMarquardt, reference, solve


def chaos() -> None:
    """Kuramoto-Sivashinsky: the network's answer, and its distance to the reference."""
    problem = shipped("kuramoto_sivashinsky_chaotic")
    found = solve(problem, cases()["kuramoto_sivashinsky_chaotic"].solver)
    truth = reference(problem, 1e-7)
    values, known = (s.field.on_grid((201, 512)).values["u"] for s in (found, truth))
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    extent = (0, 0.5, 0, 2 * np.pi)
    error = np.log10(np.abs(values - known).T + 1e-16)
    drawn = [
        axes[0].imshow(values.T, origin="lower", aspect="auto", extent=extent, cmap="RdBu_r"),
        axes[1].imshow(error, origin="lower", aspect="auto", extent=extent),
    ]
    relative = np.linalg.norm(values - known) / np.linalg.norm(known)
    titles = ("u by NeuralGalerkin", f"log10 of its error; relative L2 {relative:.1e}, bound {truth.error_bound:.0e}")
    for ax, image, title in zip(axes, drawn, titles, strict=True):
        ax.set(xlabel="t", ylabel="x", title=title)
        figure.colorbar(image, ax=ax)
    figure.savefig(RESULTS / "kuramoto_sivashinsky_chaotic.png", dpi=110)
    print(f"kuramoto_sivashinsky_chaotic: {relative:.1e} after {found.seconds:.0f} s")


def front() -> None:
    """Viscous Burgers: characteristics of every window, each of which begins with equal labels."""
    problem = shipped("burgers_transport")
    solver = replace(cases()["burgers_transport, T = 1.5"].solver, optimizer=LevenbergMarquardt(steps=40))
    # Eight windows are enough for the picture.
    found = solve(problem, solver, max_steps=8 * 40)
    edges, fields = found.field.edges, found.field.fields
    figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
    labels = np.linspace(0, 2 * np.pi, 61)[:, None]
    for start, end, field in zip(edges, edges[1:], fields[:8], strict=False):
        times = np.linspace(start, end, 21)
        positions = field.characteristics(times, labels)[..., 0]
        ax.plot(positions, times, color="C0", linewidth=0.5)
        ax.axhline(start, color="grey", linewidth=0.3)
    ax.set(xlabel="x", ylabel="t", title="characteristics, with new labels where a window begins", xlim=(0, 2 * np.pi))
    figure.savefig(RESULTS / "characteristics.png", dpi=110)


if __name__ == "__main__":
    front()
    chaos()
