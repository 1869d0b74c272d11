"""The origin of the members of a family, by which samples of another one are told apart."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.datasets.samples import blocks
from pinnlab.domain.box import Box
from pinnlab.family import Family
from pinnlab.operators.drawn import inputs_on_grid
from pinnlab.settings import describe

# Members that are drawn where descriptions leave something out, nodes along each coordinate, and decimals that count:
# other machines round the last ones differently.
DRAWN, NODES, DECIMALS = 3, 5, 6


def origin_of(family: Family, n: int, seed: int) -> Origin:
    """Of the first n members of the sample with this seed.

    Raises:
        ValueError: If the seed is too large for files, which hold whole numbers of 64 bits.
    """
    if seed >= 2**63:
        raise ValueError(
            f"family of {family.problem.name!r}: seed = {seed}; give one below 2**63, which files can hold"
        )
    told = hashlib.sha256(f"{family.problem.sha256} {digest_of_distributions(family)}".encode()).hexdigest()
    return Origin(family.problem.name, told, np.column_stack([np.full(n, int(seed)), np.arange(n)]))


def digest_of_distributions(family: Family) -> str:
    """SHA-256 of what the distributions say of themselves, and of some draws where one says but its address."""
    said = {str(name): _described(value) for name, value in family.distributions.items()}
    # Addresses differ from process to process.
    text, addresses = re.subn(r" at 0x[0-9a-fA-F]+", "", json.dumps(said, sort_keys=True))
    return hashlib.sha256(f"{text}{_some_draws(family) if addresses else ''}".encode()).hexdigest()


def require_members(family: Family, data: OperatorData) -> None:
    """Refuse samples that are known to be members of another family.

    Raises:
        ValueError: If declaration or distributions differ.
    """
    if data.origin is not None and data.origin.family != origin_of(family, 0, 0).family:
        raise ValueError(
            f"family of {family.problem.name!r}: the samples were generated from another family, of "
            f"{data.origin.problem!r}: its equations, domain, conditions, parameters or distributions differ; give the "
            "family that the data were made from"
        )


def require_unseen(who: str, data: OperatorData, validation: OperatorData) -> None:
    """Refuse validation data that share samples with those to train on.

    Raises:
        ValueError: If samples are the same members of a family, or have the same outputs.
    """
    known = 0 if data.origin is None or validation.origin is None else validation.origin.common(data.origin)
    seen = set(_digests(data))
    shared = max(known, sum(d in seen for d in _digests(validation)))
    if shared:
        raise ValueError(
            f"{who}: {shared} of the {len(validation)} samples in validation are trained on; generate them with "
            "another seed, or split one set of data"
        )


def doubts(trained_on: Origin | None, data: OperatorData) -> list[str]:
    """Why errors on some samples may not be those on unseen members of the family, in words.

    Args:
        trained_on: Of the samples that an operator has seen in training; None where it is not known.
        data: The samples.
    """
    if trained_on is None or data.origin is None:
        return []
    if data.origin.family != trained_on.family:
        return [
            f"the samples are of another family, of {data.origin.problem!r}, than those that the operator was trained "
            f"on, of {trained_on.problem!r}"
        ]
    seen = data.origin.common(trained_on)
    if not seen:
        return []
    return [
        f"{seen} of the {len(data)} samples are members that the operator has seen in training; generate test data "
        "with another seed"
    ]


def _digests(data: OperatorData) -> Iterator[bytes]:
    """Of the outputs of each sample, in double precision."""
    for block in blocks(data.outputs):
        for sample in np.asarray(data.outputs[block], float):
            yield hashlib.sha256(np.ascontiguousarray(sample).data).digest()


def _some_draws(family: Family) -> list[float]:
    """Rounded values of some members on a coarse grid.

    Raises:
        ValueError: If space is no box.
    """
    region = family.problem.region
    if not isinstance(region, Box):
        raise ValueError(
            f"family of {family.problem.name!r}: a distribution does not say what it is, and its draws are compared on "
            "boxes only; make it a frozen dataclass"
        )
    # Away from ends and middles, where functions often vanish.
    axes = [a + (b - a) * (np.arange(NODES) + 0.37) / NODES for a, b in region.bounds.values()]
    found = inputs_on_grid(family, [family.draw(i) for i in range(DRAWN)], axes)
    size = np.abs(found).max(axis=(0, *range(2, found.ndim)), keepdims=True)
    shares = np.divide(found, size, out=np.zeros_like(found), where=size > 0)
    digits = [float(f"{s:.{DECIMALS}g}") for s in size.ravel()]
    # Zero has no sign.
    return [*digits, *(shares.round(DECIMALS) + 0.0).ravel().tolist()]


def _described(distribution: Any) -> Any:
    frozen = getattr(distribution, "dist", None)
    if frozen is None or getattr(distribution, "kwds", None) is None:
        return describe(distribution)
    # The text of a frozen distribution of SciPy says nothing but its address.
    return [str(getattr(frozen, "name", frozen)), describe(distribution.args), describe(distribution.kwds)]
