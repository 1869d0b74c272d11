"""The small Darcy data of the neuraloperator library: how they are laid out, and what cheap classical solvers make of them.

Found on the training samples alone: node i of n along an axis is at about i/n (its values there are as small as 1/64 of a
step from the side would make them, 0.5/512), so that the far sides, where u = 0, are left out; and where all neighbours
are of one class, -Laplace u is 50.28 or 2.786, so that -div(a grad u) = 1 with a = 1/50.28 or 1/2.786.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter

from pinnlab.datasets.data import OperatorData
from pinnlab.operators.trained import TrainedOperator

LOW, HIGH = 1 / 50.28, 1 / 2.786
CLASS, COARSE = "class", "coarse"


def samples(path: Path, part: str, coarse: bool) -> OperatorData:
    """One part of the file on the closed grid of n + 1 nodes: u = 0 is added on the far sides.

    The class is 1 or -1, and 0 on the far sides, where it was left out.  With `coarse` the solution by five-point
    differences is an input too.
    """
    with h5py.File(path) as file:
        high, u = file[part]["x"][:], file[part]["y"][:]
    beyond = ((0, 0), (0, 1), (0, 1))
    channels = {CLASS: np.pad(2.0 * high - 1, beyond)}
    if coarse:
        channels[COARSE] = np.stack([five_point(permeability(one)) for one in high])
    nodes = np.linspace(0, 1, u.shape[-1] + 1)
    inputs = np.stack(list(channels.values()), axis=1).astype(np.float32)
    outputs = np.pad(u, beyond)[:, None, None].astype(np.float32)
    unknown = np.full(len(u), np.nan)
    return OperatorData(
        inputs, outputs, (nodes, nodes), [], unknown, tuple(channels), ("u",), ("x", "y"), (False, False)
    )


def shipped(closed: np.ndarray) -> np.ndarray:
    """Without what was added on the far sides, `(..., n, n)`."""
    return closed[..., :-1, :-1]


def permeability(high: np.ndarray) -> np.ndarray:
    """At the nodes of the closed grid; that of the last node but one on the far sides."""
    return np.pad(np.where(high, HIGH, LOW), ((0, 1), (0, 1)), mode="edge")


def sharpened(high: np.ndarray, times: int) -> np.ndarray:
    """The permeability on a grid `times` as fine: where a cubic spline through the classes, smoothed by a Gaussian of half a
    step, is positive.
    """
    signs = gaussian_filter(np.pad(2.0 * high - 1, ((0, 1), (0, 1)), mode="edge"), 0.5, mode="nearest")
    return np.where(prolonged(signs, times, 3) > 0, HIGH, LOW)


def five_point(a: np.ndarray) -> np.ndarray:
    """-div(a grad u) = 1, u = 0 on the sides of the unit square, by finite volumes around the nodes `(n + 1, n + 1)`.

    Fluxes between neighbours are with the harmonic mean of their a: second order where a is smooth.
    """
    steps = len(a) - 1
    inner = steps - 1
    across = 2 * a[1:] * a[:-1] / (a[1:] + a[:-1])
    along = 2 * a[:, 1:] * a[:, :-1] / (a[:, 1:] + a[:, :-1])
    band = np.zeros((inner + 1, inner * inner))
    band[inner] = (across[1:, 1:-1] + across[:-1, 1:-1] + along[1:-1, 1:] + along[1:-1, :-1]).ravel()
    next_to = -along[1:-1, :-1]
    next_to[:, 0] = 0
    band[inner - 1] = next_to.ravel()
    band[0] = -across[:-1, 1:-1].ravel()
    found = np.zeros_like(a)
    rhs = np.full(inner * inner, steps**-2.0)
    found[1:-1, 1:-1] = solveh_banded(band, rhs, check_finite=False).reshape(inner, inner)
    return found


def prolonged(values: np.ndarray, times: int, degree: int) -> np.ndarray:
    """Values on a closed grid `(n + 1, n + 1)` on one that is `times` as fine, by splines."""
    coarse, fine = (np.linspace(0, 1, times**k * (len(values) - 1) + 1) for k in (0, 1))
    return RectBivariateSpline(coarse, coarse, values, kx=degree, ky=degree, s=0)(fine, fine)


def through_coarse(coarse_answer: np.ndarray, high: np.ndarray, corrected: bool) -> np.ndarray:
    """An answer on the closed grid of half the resolution `(n/2 + 1, n/2 + 1)`, carried to the finer one `(n + 1, n + 1)`.

    By quadratic splines; or, if `corrected`, the five-point solution of the finer grid plus bilinearly what the answer
    differs from it at the nodes of both.
    """
    if not corrected:
        return prolonged(coarse_answer, 2, 2)
    fine = five_point(permeability(high))
    return fine + prolonged(coarse_answer - fine[::2, ::2], 2, 1)


def answered(operator: TrainedOperator, high: np.ndarray, every: int, coarse: bool) -> np.ndarray:
    """The answers on the closed grid `(k, n + 1, n + 1)` to fields of classes `(k, n, n)`.

    The operator is asked at every `every`-th node; with `coarse` it is given the five-point solutions there too.
    """
    some = high[:, ::every, ::every]
    channels = [np.pad(2.0 * some - 1, ((0, 0), (0, 1), (0, 1)))]
    if coarse:
        channels.append(np.stack([five_point(permeability(one)) for one in some]))
    nodes = np.linspace(0, 1, some.shape[-1] + 1)
    answers = operator(np.stack(channels, axis=1), (nodes, nodes))[:, 0, 0].astype(float)
    if every == 1:
        return answers
    return np.stack([through_coarse(answer, one, coarse) for answer, one in zip(answers, high, strict=True)])
