"""How well any map can do on the small Darcy data: classes at 16 x 16 nodes do not determine the solution.

The data were subsampled from finer fields.  Here such fields are drawn again: a Gaussian field N(0, (-Laplace + tau²)^-alpha)
with homogeneous Neumann conditions whose sign has the correlations of the classes along the axes is conditioned on the
classes of one sample (Gibbs sampling of its values at the nodes, then the field between them is normal), and each draw is
solved for on 128 x 128 cells.  The spread of the solutions about their mean is the error of the best guess, if the data
were made so; how far that mean is from the data's own solution tells whether they were.  Of the test samples nothing is used.

`python darcy_floor.py darcy.h5`
"""

from __future__ import annotations

import argparse
from pathlib import Path

import h5py
import numpy as np
from _darcy16 import HIGH, LOW, five_point
from _operators import relative
from _report import Report
from scipy.special import ndtr, ndtri

from pinnlab.random_functions import Cosines

N, FINE, MODES = 16, 128, 128
NODES, CLOSED = np.arange(N) / N, np.arange(FINE + 1) / FINE
EXPONENTS, INVERSE_LENGTHS = (2.0, 2.25, 2.5, 2.75, 3.0, 3.25), (5.0, 7.0, 8.0, 9.0, 10.0, 12.0)
# Beyond so many deviations a truncated normal is an exponential.
FAR = 6.0


class Field:
    """A Gaussian field with variance one in the mean over the nodes."""

    def __init__(self, alpha: float, tau: float) -> None:
        basis = Cosines(0.0, 1.0)
        self.at_nodes, self.at_fine = (basis.values(x, MODES, 0) for x in (NODES, CLOSED))
        frequencies = basis.frequencies(MODES)
        variances = (frequencies[:, None] ** 2 + frequencies**2 + tau**2) ** -alpha
        variances[0, 0] = 0.0
        self.variances = variances / self._covariance(variances).diagonal().mean()
        self.covariance = self._covariance(self.variances)

    def _covariance(self, variances: np.ndarray) -> np.ndarray:
        """Between the nodes of the data `(256, 256)`."""
        products = (self.at_nodes[:, None] * self.at_nodes[None]).reshape(N * N, -1)
        found = (products @ variances @ products.T).reshape(N, N, N, N)
        return found.transpose(0, 2, 1, 3).reshape(N * N, N * N)

    def correlations_of_signs(self) -> np.ndarray:
        deviations = np.sqrt(self.covariance.diagonal())
        return along_axes(2 / np.pi * np.arcsin(np.clip(self.covariance / np.outer(deviations, deviations), -1, 1)))

    def between(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A draw on the fine grid with these values `(256,)` at the nodes."""
        drawn = np.sqrt(self.variances) * rng.standard_normal(self.variances.shape)
        free, apart = (a @ drawn @ a.T for a in (self.at_fine, self.at_nodes))
        weights = np.linalg.solve(self.covariance + 1e-9 * np.eye(N * N), values - apart.ravel())
        # What the nodes' values add is a combination of covariances with them, which are sums of products too.
        spectral = self.variances * (self.at_nodes.T @ weights.reshape(N, N) @ self.at_nodes)
        return free + self.at_fine @ spectral @ self.at_fine.T


def along_axes(matrix: np.ndarray) -> np.ndarray:
    """The mean of a matrix over the nodes `(256, 256)` by the distance of two nodes on a line `(16,)`."""
    full = matrix.reshape(N, N, N, N)
    x, y = (np.einsum(path, full) / N for path in ("ijkj->ik", "jijk->ik"))
    return np.array([np.mean([np.diagonal(m, lag).mean() for m in (x, y)]) for lag in range(N)])


def conditioned(signs: np.ndarray, covariance: np.ndarray, sweeps: int, rng: np.random.Generator) -> np.ndarray:
    """Values at the nodes `(chains, 256)` with these signs, by Gibbs sampling, node after node."""
    precision = np.linalg.inv(covariance + 1e-9 * np.eye(N * N))
    values = signs * np.abs(rng.standard_normal(signs.shape)) / 2
    for _ in range(sweeps):
        for i, p in enumerate(precision.diagonal()):
            mean, deviation = values[:, i] - values @ precision[i] / p, p**-0.5
            least = -signs[:, i] * mean / deviation
            uniform = rng.random(len(values))
            normal = ndtri(np.clip(ndtr(least) + uniform * ndtr(-least), 1e-300, 1 - 1e-16))
            tail = least - np.log1p(-uniform) / np.maximum(least, 1.0)
            above = np.where(least > FAR, tail, normal) - least
            values[:, i] = signs[:, i] * np.maximum(above, 1e-9) * deviation
    return values


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("darcy", type=Path, help="darcy.h5 of the neuraloperator library")
    parser.add_argument("--samples", type=int, default=40, help="the last of those to train on")
    parser.add_argument("--draws", type=int, default=12, help="of each")
    parser.add_argument("--sweeps", type=int, default=300)
    args = parser.parse_args()
    report, rng = Report("darcy_floor"), np.random.default_rng(0)
    with h5py.File(args.darcy) as file:
        signs, labels = 2.0 * file["train_16"]["x"][:] - 1, file["train_16"]["y"][:].astype(float)
    flat = signs.reshape(len(signs), -1)
    measured = along_axes(flat.T @ flat / len(flat))
    fields = {(alpha, tau): Field(alpha, tau) for alpha in EXPONENTS for tau in INVERSE_LENGTHS}
    misfits = {key: np.abs(f.correlations_of_signs() - measured).max() for key, f in fields.items()}
    chosen = min(misfits, key=misfits.get)
    report.print(f"alpha = {chosen[0]:g}, tau = {chosen[1]:g}: correlations of signs within {misfits[chosen]:.3f}")
    field, k = fields[chosen], args.draws
    some, truth = flat[-args.samples :], labels[-args.samples :]
    values = conditioned(np.repeat(some, k, axis=0), field.covariance, args.sweeps, rng)
    every = FINE // N
    found = []
    for one in values:
        high = field.between(one, rng) >= 0
        found.append(five_point(np.where(high, HIGH, LOW))[:-1:every, :-1:every])
    found = np.stack(found).reshape(args.samples, k, N, N)
    mean = found.mean(axis=1)
    others = (k * mean[:, None] - found) / (k - 1)
    # The mean of k - 1 others is off by itself: the squares of both errors add up.
    floor = relative(others.reshape(-1, N, N), found.reshape(-1, N, N)) * np.sqrt((k - 1) / k)
    report.print(f"spread of the solution given the classes: {floor:.4f} of its norm")
    report.print(
        f"mean of {k} solutions against the data: {relative(mean, truth):.4f}; expected {floor * np.sqrt(1 + 1 / k):.4f}"
    )
    report.save()


if __name__ == "__main__":
    main()
