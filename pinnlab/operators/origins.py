"""The origin of the members of a family, by which samples of another one are told apart."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import numpy as np

from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.family import Family
from pinnlab.settings import describe


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
    """SHA-256 of what the distributions say of themselves."""
    said = {str(name): _described(value) for name, value in family.distributions.items()}
    # Addresses differ from process to process.
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", json.dumps(said, sort_keys=True))
    return hashlib.sha256(text.encode()).hexdigest()


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


def _described(distribution: Any) -> Any:
    frozen = getattr(distribution, "dist", None)
    if frozen is None or getattr(distribution, "kwds", None) is None:
        return describe(distribution)
    # The text of a frozen distribution of SciPy says nothing but its address.
    return [str(getattr(frozen, "name", frozen)), describe(distribution.args), describe(distribution.kwds)]
