"""Every error a user can act on.  The message names the object, the offending term and the way out."""

from __future__ import annotations


class UnsupportedProblem(ValueError):
    """A form or a solver cannot represent this problem, although the problem is well posed."""


class SolveFailed(RuntimeError):
    """A solve ended without an answer that may be used."""


class IncompatibleData(UserWarning):
    """Initial and boundary data disagree where they meet, so the solution is not smooth there."""


class KeptKink(UserWarning):
    """Data with a kink are built into an ansatz, which keeps it although the solution is smooth there."""
