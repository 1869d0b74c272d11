"""Refusals of settings that are not the numbers they should be: the object, the setting, its value, what is admissible.

Text, None, True, lists and NaN are refused in words like any other wrong value, and not by a comparison that cannot
be made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any


def is_number(value: object) -> bool:
    """Whether a value is a real number, infinite ones among them; True, NaN, text and arrays are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)


def is_whole(value: object) -> bool:
    """Whether a number is of an integer type: 1e2 is not, since it cannot count or index."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def require_numbers(owner: object, **values: float) -> None:
    """Refuse what is no number, before it is compared with the limits of its setting.

    Raises:
        ValueError: If a value is no real number, or NaN.
    """
    for name, value in values.items():
        if not is_number(value):
            raise ValueError(f"{type(owner).__name__}: {name} = {value!r}; give a number")


def require_positive(owner: object, **values: float) -> None:
    """Refuse what is no positive, finite number.

    Raises:
        ValueError: If a value is none.
    """
    for name, value in values.items():
        if not (is_number(value) and 0 < value < math.inf):
            raise ValueError(f"{type(owner).__name__}: {name} = {value!r}; give a positive number")


def require_not_negative(owner: object, **values: float) -> None:
    """Refuse what is no finite number from 0 on.

    Raises:
        ValueError: If a value is none.
    """
    for name, value in values.items():
        if not (is_number(value) and 0 <= value < math.inf):
            raise ValueError(f"{type(owner).__name__}: {name} = {value!r}; give a number from 0 on")


def require_whole(owner: object, least: int, **values: int) -> None:
    """Refuse what is no whole number from `least` on.

    Raises:
        ValueError: If a value is none.
    """
    for name, value in values.items():
        if not is_whole(value) or value < least:
            wanted = "a positive whole number" if least == 1 else f"a whole number from {least} on"
            raise ValueError(f"{type(owner).__name__}: {name} = {value!r}; give {wanted}")


def require_counts(owner: object, **values: int) -> None:
    """Refuse what is no whole number from 1 on.

    Raises:
        ValueError: If a value is none.
    """
    require_whole(owner, 1, **values)


def require_seed(owner: object, seed: int) -> None:
    """Refuse a seed that is no whole number from 0 on.

    Raises:
        ValueError: If it is none.
    """
    require_whole(owner, 0, seed=seed)


def require_several(owner: object, **values: Iterable[float]) -> None:
    """Refuse what is no sequence of numbers, before they are compared with the limits of their setting.

    Raises:
        ValueError: If a value is none, or holds what is no real number, or NaN.
    """
    for name, value in values.items():
        if isinstance(value, str) or not isinstance(value, Iterable) or not all(is_number(v) for v in value):
            raise ValueError(f"{type(owner).__name__}: {name} = {value!r}; give a tuple of numbers")


def require_sizes(owner: object, least: int, **values: int | Sequence[int]) -> None:
    """Refuse what is neither a whole number from `least` on nor some of them, one per axis.

    Raises:
        ValueError: If a value is none.
    """
    for name, value in values.items():
        several = value if isinstance(value, tuple | list) else (value,)
        if not several or not all(is_whole(n) and n >= least for n in several):
            raise ValueError(
                f"{type(owner).__name__}: {name} = {value!r}; give a whole number from {least} on, or one for each axis"
            )


def finite_number(who: str, what: str, value: Any) -> float:
    """A finite number, given as one or as a constant of sympy.

    Args:
        who: Is given it.
        what: It is there.
        value: What was given.

    Raises:
        ValueError: If it is none.
    """
    try:
        number = math.nan if isinstance(value, str | bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{who}: {what} must be a finite number, got {value!r}")
    return number
