"""The last layer of a network by linear least squares, the layers before it as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.refusals import finite_norm, require_double, require_finite_loss, require_memory

# Of the step's length: a step that helps at none of these is none.
LENGTHS = tuple(0.5**k for k in range(12))
# Of what the linear model said of the whole step, times its length: a step that gains less has gone too far.
GAINED = 0.1


@dataclass(frozen=True)
class LastLayerState:
    """Steps taken, and whether the last one left nothing to gain."""

    taken: int
    settled: bool


@dataclass(frozen=True)
class LastLayer(Optimizer[LastLayerState]):
    """Gauss-Newton on the last layer alone: the physics-informed extreme learning machine [1].

    With the hidden layers as they are, the network is linear in the weights and biases c of its last layer.  A step
    solves

        min_d |r + J_c d|^2,    J_c = dr / dc,

    by a singular value decomposition and goes along d, halved until the loss falls by a tenth of what the linear model
    says.  For a linear problem the first step ends at the minimum; a nonlinear one takes several, and an initial
    condition that is built in helps.  As the first of several optimisers it starts the others from the best that random
    features give.

    A wide layer of sines whose wave numbers cover the solution's, `Siren(width=800, depth=1, first_frequency=2 * 1.4 *
    k)` for largest wave number k on two coordinates in [-1, 1], reaches many digits on smooth solutions in seconds.
    Not for sharp fronts, nor for narrow networks, whose few features span little, nor alone for inverse problems:
    unknown parameters stay as they are.  The cost is N columns^2.

    Args:
        steps: Largest number of Gauss-Newton steps.
        tolerance: A step has settled if it lowers the loss by less than this, relatively, or if the loss became what
            the linear model said to within this.
        truncation: Singular values below this, relative to the largest, count as zero.
        memory: Largest number of bytes.

    [1] V. Dwivedi, B. Srinivasan, Neurocomputing 391 (2020) 96-118.
    """

    steps: int = 30
    tolerance: float = 1e-3
    truncation: float = 1e-13
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps)
        require_positive(self, tolerance=self.tolerance, truncation=self.truncation, memory=self.memory)
        for name, value in (("tolerance", self.tolerance), ("truncation", self.truncation)):
            if value >= 1:
                raise ValueError(f"LastLayer: {name} = {value} is relative; give a number below 1")

    def start(self, theta: Tensor) -> LastLayerState:  # noqa: D102
        return LastLayerState(0, False)

    def step(
        self, objective: LeastSquares, theta: Tensor, state: LastLayerState
    ) -> tuple[Tensor, LastLayerState, dict[str, float]]:
        """One step, which may be shortened; the parameters stay where no length lowers the loss enough.

        Scalars: "loss" at the returned parameters, "before" the step, "length" taken of it, 0 for none, and "rank" of
        J_c.  On points that have just been drawn "before" tells what the last step was worth away from its own.

        Raises:
            ValueError: If `theta` is not float64, the objective knows no last layer or has too few residuals for it, or
                J_c takes too much memory.
            SolveFailed: If the loss at `theta` or a derivative is not finite.
        """
        require_double(self, theta)
        theta = theta.detach()
        layer = torch.cat([torch.arange(0), *(torch.arange(*run) for run in objective.last_layer)]).to(theta.device)
        columns = len(layer)
        if not columns:
            raise ValueError(
                "LastLayer: this network does not end in a linear layer that is known; "
                "use Mlp, ModifiedMlp, PirateNet or Siren, plain, embedded or separate"
            )
        if objective.count < columns:
            raise ValueError(
                f"LastLayer: {objective.count:,} residuals do not determine {columns:,} numbers; "
                "give more points or a narrower last layer"
            )
        self.require_columns(columns, objective.count)
        r, jacobian = _columns(objective, theta, layer)
        loss = float(r @ r)
        require_finite_loss(self, objective, theta, loss)
        finite_norm(self, jacobian)
        direction, rank = _minimiser(jacobian, r, self.truncation)
        known = {"before": loss, "rank": float(rank)}
        expected = float(torch.square(r + jacobian @ direction).sum())
        least_gain = GAINED * max(loss - expected, 0.0)
        for length in LENGTHS:
            trial = theta.clone()
            trial[layer] += length * direction
            with torch.no_grad():
                found = float(torch.square(objective.residuals(trial)).sum())
            if found < loss - length * least_gain:
                settled = loss - found < self.tolerance * loss or abs(found - expected) < self.tolerance * found
                scalars = known | {"loss": found, "length": length}
                return trial, LastLayerState(state.taken + 1, settled), scalars
        return theta.clone(), LastLayerState(state.taken + 1, True), known | {"loss": loss, "length": 0.0}

    def require_columns(self, columns: int, residuals: int) -> None:
        """Raise a ValueError if steps of so many columns of J_c and residuals take more than `memory`."""
        what = f"the Jacobian of {columns:,} parameters and {residuals:,} residuals"
        remedy = "use fewer points, or fewer features in the last layer"
        require_memory(self, what, 4.0 * columns * residuals, self.memory, remedy)

    def redrawn(self, state: LastLayerState) -> LastLayerState:  # noqa: D102
        return replace(state, settled=False)

    def finished(self, state: LastLayerState) -> bool:  # noqa: D102
        return state.settled or state.taken >= self.steps


def _columns(objective: LeastSquares, theta: Tensor, layer: Tensor) -> tuple[Tensor, Tensor]:
    """Residuals (N,) and their derivatives (N, c) by a part of theta."""
    blocks = [(r, block[:, layer]) for r, block in objective.blocks(theta)]
    return torch.cat([r for r, _ in blocks]), torch.cat([block for _, block in blocks])


def _minimiser(jacobian: Tensor, r: Tensor, truncation: float) -> tuple[Tensor, int]:
    """The shortest minimiser (c,) of |r + J d| with columns of equal length, and the rank of J."""
    # Columns of unit length make the truncation independent of the features' own sizes.
    lengths = jacobian.norm(dim=0).clamp(min=torch.finfo(jacobian.dtype).tiny)
    # gelsd: the features are nearly dependent, and only LAPACK on the processor has it.
    solved = torch.linalg.lstsq((jacobian / lengths).cpu(), -r[:, None].cpu(), rcond=truncation, driver="gelsd")
    return solved.solution[:, 0].to(r) / lengths, int(solved.rank)
