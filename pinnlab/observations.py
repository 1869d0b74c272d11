"""Measured values of unknowns at points, for inverse problems."""

from __future__ import annotations

import hashlib
import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pinnlab.admissible import is_number
from pinnlab.lint import did_you_mean
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, field_name


@dataclass(frozen=True, eq=False)
class Observations:
    """Noisy values of some unknowns at some points, which a solver fits together with the equations.

    The measurements d of u at x have independent errors of standard deviation sigma, and the equations hold exactly;
    the parameters of greatest likelihood then minimise sum ((u(x) - d) / sigma)^2 among solutions.  A network solves
    the equations only nearly, so the minimum of

        mean r^2  +  slack^2 s^2 sum ((u(x) - d) / sigma)^2,      s the geometric mean of sigma,

    is taken instead: a residual r of root mean square `slack` s costs as much as one value that is missed by one
    sigma.  For equal sigma this is mean r^2 + slack^2 sum (u - d)^2, so that the unit of sigma does not matter, only
    its ratios do, and `Pinn` estimates the size of the noise from the misfit.  A large slack lets the network follow
    the noise against the equations; a small one leaves the data without a say before the equations are solved to
    slack s, and then makes standard errors too small.  Data weigh the same whatever balances the other terms.

    `SpectralGp` and `EhrenpreisGp` have no slack, and take sigma at its word: noise that is stated too small makes
    deviations and standard errors too small.  `SpectralGp` says so where misfits are larger than the noise explains;
    of `EhrenpreisGp`, only `SparseMeasure` multiplies all noise by a factor from 1 on, found by the evidence.

    Compares by content.  A file or checkpoint holds the number of values and their SHA-256, not the data.

    Args:
        points: Where they were taken `(n, dim)`, columns as in `problem.coordinates`.
        values: What was found `(n, k)`, or `(n,)` for one unknown.
        noise: Standard deviations of the errors, positive: a number, one for each unknown `(k,)`, or in the shape
            of the values.
        unknowns: Which unknowns the columns are, functions or their names; all of the problem's if not said.
        slack: Of `Pinn`: the residual of the equations that counts as much as one standard deviation, in units of s.

    Raises:
        ValueError: If shapes do not agree, or a number is not finite or not positive.
    """

    points: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    noise: np.ndarray | float = field(repr=False)
    unknowns: tuple[str, ...] = ()
    slack: float = 0.1
    count: int = field(init=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        names = [self.unknowns] if isinstance(self.unknowns, str | Expr) else self.unknowns
        points, values, noise = (_array(name, getattr(self, name)) for name in ("points", "values", "noise"))
        noise = noise[:, None] if noise.shape == values.shape and values.ndim == 1 else noise
        values = values[:, None] if values.ndim == 1 else values
        noise = _like(values, noise)
        _check(points, values, noise, self.slack)
        for name, array in (("points", points), ("values", values), ("noise", noise)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "unknowns", tuple(n if isinstance(n, str) else field_name(n) for n in names))
        if self.unknowns and len(self.unknowns) != values.shape[1]:
            raise ValueError(f"Observations: {values.shape[1]} columns of values for the unknowns {self.unknowns}")
        object.__setattr__(self, "count", values.size)
        content = b"".join(a.tobytes() for a in (np.array(points.shape), points, values, noise))
        object.__setattr__(self, "sha256", hashlib.sha256(content).hexdigest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Observations) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, tuple[str, ...], float]:
        return self.sha256, self.unknowns, self.slack

    def columns(self, problem: Problem) -> tuple[int, ...]:
        """Which unknown of a problem each column of values is.

        Raises:
            ValueError: If the points or the unknowns are not those of the problem.
        """
        who = f"Observations of {problem.name!r}"
        names = self.unknowns or problem.names
        for name in names:
            if name not in problem.names:
                raise ValueError(f"{who}: there is no unknown {name!r}{did_you_mean(name, problem.names)}")
        if len(set(names)) < len(names) or len(names) != self.values.shape[1]:
            raise ValueError(
                f"{who}: {self.values.shape[1]} columns of values for {', '.join(names)}; name each column's unknown "
                "once with unknowns="
            )
        if self.points.shape[1] != len(problem.coordinates):
            raise ValueError(f"{who}: points have {self.points.shape[1]} columns; give {problem.coordinates}")
        outside = np.flatnonzero(~problem.spacetime.contains(self.points))
        if len(outside):
            raise ValueError(
                f"{who}: {len(outside)} of {len(self.points)} points lie outside the domain, the first at "
                f"{self.points[outside[0]].tolist()}; drop them"
            )
        return tuple(problem.names.index(name) for name in names)


def weights(observations: Sequence[Observations]) -> list[np.ndarray]:
    """Square roots of the weights of all values, slack s / sigma, `(n, k)` for each set.

    Raises:
        ValueError: If the slacks differ: they are one property of the equations.
    """
    if not observations:
        return []
    slacks = {o.slack for o in observations}
    if len(slacks) > 1:
        raise ValueError(f"Observations: several sets have the slacks {sorted(slacks)}; give all the same one")
    logarithms = np.concatenate([np.log(o.noise).ravel() for o in observations])
    unit = slacks.pop() * math.exp(float(logarithms.mean()))
    return [unit / np.asarray(o.noise) for o in observations]


def _array(name: str, given: object) -> np.ndarray:
    try:
        if np.asarray(given).dtype.kind in "USb":
            raise TypeError
        return np.array(given, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"Observations: {name} = {reprlib.repr(given)}; give an array of numbers") from None


def _like(values: np.ndarray, noise: np.ndarray) -> np.ndarray:
    try:
        return np.array(np.broadcast_to(noise, values.shape))
    except ValueError:
        raise ValueError(
            f"Observations: noise of shape {noise.shape} for values of shape {values.shape}; give a number, one for "
            "each column, or one for each value"
        ) from None


def _check(points: np.ndarray, values: np.ndarray, noise: np.ndarray, slack: float) -> None:
    if points.ndim != 2 or values.ndim != 2 or len(points) != len(values) or not values.size:
        raise ValueError(
            f"Observations: points of shape {points.shape} and values of shape {values.shape}; give (n, dim) and "
            "(n, k) with one n, not 0"
        )
    for name, array in (("points", points), ("values", values), ("noise", noise)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            row, column = bad[0]
            raise ValueError(
                f"Observations: {name} hold {array[row, column]} in row {row}, column {column}; drop what was not "
                "measured, and give unknowns seen at other points as Observations of their own"
            )
    if not (noise > 0).all():
        raise ValueError(f"Observations: noise of {noise.min()}; give positive standard deviations")
    if not (is_number(slack) and 0 < slack < math.inf):
        raise ValueError(f"Observations: slack = {slack!r}; give a positive number")
