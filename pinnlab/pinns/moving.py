"""Which of a network's weights move in time."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch

from pinnlab.admissible import require_counts, require_numbers
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import jet_symbols
from pinnlab.forms.semi_explicit import SemiExplicit
from pinnlab.networks.architecture import Headed
from pinnlab.numerics.additive_runge_kutta import Implicit, Scheme
from pinnlab.pinns.fitted_motion import FittedMotion
from pinnlab.pinns.linear_motion import LinearMotion
from pinnlab.pinns.motion import Motion, Places
from pinnlab.pinns.residual_rows import linear_runs
from pinnlab.pinns.tangent_motion import TangentMotion
from pinnlab.training.parameters import Parameters


class Moving(abc.ABC):
    """A frozen dataclass of settings: which numbers of a network follow the evolution, and how they are found."""

    @abc.abstractmethod
    def motion(
        self, form: SemiExplicit, network: torch.nn.Module, places: Places, scheme: Scheme, weight: float
    ) -> Motion:
        """The system that the scheme advances.

        Raises:
            UnsupportedProblem: If the scheme, the network and the problem do not go together so.
        """

    @abc.abstractmethod
    def numbers(self, network: torch.nn.Module) -> int:
        """How many numbers move."""


def _require_truncation(owner: Moving, truncation: float) -> None:
    require_numbers(owner, truncation=truncation)
    if not 0 <= truncation < 1:
        raise ValueError(f"{type(owner).__name__}: truncation = {truncation}; give a number in [0, 1), such as 1e-12")


@dataclass(frozen=True)
class OutputLayer(Moving):
    """The last, linear layer moves, the features before it stay: all that is fitted in time is fitted exactly.

    Schemes that are explicit, or implicit in linear terms only, then solve with the same matrix in all steps of one
    length.  Those that are implicit in all terms take Gauss-Newton steps where one is nonlinear, or has
    a coefficient that depends on time.

    Args:
        truncation: Directions of the features below this share of the strongest are left out, in [0, 1).
    """

    truncation: float = 1e-12

    def __post_init__(self) -> None:
        _require_truncation(self, self.truncation)

    def numbers(self, network: torch.nn.Module) -> int:  # noqa: D102
        return sum(after - first for first, after in linear_runs(Parameters(network)))

    def motion(  # noqa: D102
        self, form: SemiExplicit, network: torch.nn.Module, places: Places, scheme: Scheme, weight: float
    ) -> Motion:
        if not isinstance(network, Headed):
            raise UnsupportedProblem(
                f"NeuralGalerkin on {form.problem.name!r}: {type(network).__name__} does not end in a linear layer; "
                "use Siren, Mlp or PeriodicWaves, or moving=AllParameters()"
            )
        rows = (*form.rates, *form.constraints, *(r.residual for r in form.boundary))
        if scheme.implicit is Implicit.ALL and any(form.split(e).symbols for e in rows):
            parameters = Parameters(network)
            (moved,) = linear_runs(parameters)
            return FittedMotion(form, parameters, moved, places, self.truncation, weight)
        return LinearMotion(form, network, places, scheme.implicit, self.truncation, weight)


@dataclass(frozen=True)
class AllParameters(Moving):
    """Every weight moves: the features follow the solution, as narrow fronts or pulses want.

    Explicit schemes advance theta along theta' that minimises |J theta' - f|, the Dirac-Frenkel principle [1, 2];
    implicit ones solve each stage by Gauss-Newton steps.  J is nearly singular always, and `truncation` leaves out
    what it hardly sees [2].  A step costs a factorisation of J; for smooth solutions `OutputLayer` has more digits
    sooner.

    Args:
        truncation: Singular values of J below this share of the largest are left out, in [0, 1).
        fit_steps: Levenberg-Marquardt steps for the initial condition, at least 1.

    [1] Y. Du, T. A. Zaki, Phys. Rev. E 104 (2021) 045303.
    [2] J. Bruna, B. Peherstorfer, E. Vanden-Eijnden, J. Comput. Phys. 496 (2024) 112588.
    """

    truncation: float = 1e-6
    fit_steps: int = 200

    def __post_init__(self) -> None:
        _require_truncation(self, self.truncation)
        require_counts(self, fit_steps=self.fit_steps)

    def numbers(self, network: torch.nn.Module) -> int:  # noqa: D102
        return Parameters(network).size

    def motion(  # noqa: D102
        self, form: SemiExplicit, network: torch.nn.Module, places: Places, scheme: Scheme, weight: float
    ) -> Motion:
        who = f"NeuralGalerkin on {form.problem.name!r}: AllParameters"
        if scheme.implicit is Implicit.LINEAR:
            raise UnsupportedProblem(
                f"{who} makes no term linear; use Sdirk() or ImplicitMidpoint(), an explicit integrator, or "
                "moving=OutputLayer()"
            )
        parameters = Parameters(network)
        if scheme.implicit is Implicit.ALL:
            moved = (0, parameters.size)
            return FittedMotion(form, parameters, moved, places, self.truncation, weight, self.fit_steps)
        if jet_symbols(*form.constraints) or len(form.quantities) > form.states:
            raise UnsupportedProblem(
                f"{who} with an explicit integrator needs a rate of every unknown, and "
                f"{form.quantities[-1].field} has none; use Sdirk(), or moving=OutputLayer()"
            )
        return TangentMotion(form, parameters, places, self.truncation, weight, self.fit_steps)
