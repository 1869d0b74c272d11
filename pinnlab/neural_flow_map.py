"""Flow maps as neural networks: all trajectories between all times of an interval, learned from the velocity alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import is_number, is_whole
from pinnlab.flow import Velocity
from pinnlab.lcs import FlowMap, checked_positions
from pinnlab.networks.architecture import Architecture
from pinnlab.networks.flow_map import Displacement, DisplacementNetwork
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.taylor import JetPlan
from pinnlab.pinns.residual_rows import Trained
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.parameters import Parameters
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.row_jacobian import LayerOuterProducts, RowJacobian
from pinnlab.training.sampled_residual import SampledResidual
from pinnlab.training.samplers import Region, Sampler, Sobol

# Points at which the network is evaluated at once.
CHUNK = 20_000
# Points at which the velocity is asked for its size.
PROBES = 1024
# Of the region's lengths: so far beyond its sides the network is trained too.  Particles along a wall would else come
# to places that it knows nothing of by the smallest error.
MARGIN = 0.05


@dataclass(frozen=True)
class NeuralFlowMap(FlowMap):
    """A learned flow map between any two times of the interval, from any point of the box.

    The network spans at most `reach` of time; longer ways are made of equal steps, F(t0, t2) = F(t1, t2) o F(t0, t1).

    Attributes:
        velocity: What it was learned from.
        network: Psi(t, s, x).
        theta: Its parameters `(P,)`.
        reach: Largest |s|.
        history: Of each step of training the scalars of the optimiser.
    """

    velocity: Velocity
    network: DisplacementNetwork = field(repr=False)
    theta: Tensor = field(repr=False)
    reach: float
    history: tuple[Mapping[str, float], ...] = field(repr=False, default=())

    def __call__(self, points: np.ndarray, start: float, end: float) -> np.ndarray:
        """The positions `(n, d)` at the time `end` of the particles that are at `points (n, d)` at `start`.

        Raises:
            ValueError: If a time is outside the interval, or points are no matrix with a column for each coordinate.
        """
        points = checked_positions(points, self.velocity)
        for at, duration in self._steps(start, end):
            points = self._moved(points, at, duration)[0]
        return points

    def gradient(self, points: np.ndarray, start: float, end: float) -> np.ndarray:
        """The derivatives `(n, d, d)` of the network, exact; of several steps by the chain rule."""
        points = checked_positions(points, self.velocity)
        total = np.broadcast_to(np.eye(points.shape[1]), (len(points), *[points.shape[1]] * 2))
        for at, duration in self._steps(start, end):
            points, slopes = self._moved(points, at, duration)
            total = slopes @ total
        return total

    def _steps(self, start: float, end: float) -> Iterator[tuple[float, float]]:
        """Where each step starts and how far it goes."""
        self.velocity.require_times(start, end)
        count = max(1, math.ceil(abs(end - start) / self.reach * (1 - 1e-12)))
        duration = (end - start) / count
        return ((start + k * duration, duration) for k in range(count))

    @cached_property
    def _plan(self) -> JetPlan:
        d = len(self.velocity.region.coordinates)
        return JetPlan([(0,) * (2 + d), *(tuple(int(i == 2 + j) for i in range(2 + d)) for j in range(d))])

    def _moved(self, points: np.ndarray, at: float, duration: float) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n, d) after one step, and their derivatives (n, d, d)."""
        columns = np.column_stack([np.full(len(points), at), np.full(len(points), duration), points])
        network, parts = Parameters(self.network).bind(self.theta), []
        value, *slopes = self._plan.orders
        for i in range(0, max(len(columns), 1), CHUNK):
            with torch.no_grad():
                x = torch.as_tensor(columns[i : i + CHUNK], dtype=torch.float64, device=self.theta.device)
                jets = self._plan.evaluate(network, x)
            parts.append((jets[value].cpu().numpy(), torch.stack([jets[o] for o in slopes], dim=2).cpu().numpy()))
        return np.concatenate([p for p, _ in parts]), np.concatenate([g for _, g in parts])


@dataclass(frozen=True)
class CharacteristicRows:
    """What a flow map misses: `(theta, points (n, 2 + d) of t, s, x, extras) -> (n, 2 d)`.

    With V the typical speed and h the largest |s|, the transport and the cycle,

        (d/ds Psi(t, s, x) - v(t + s, Psi)) / V,        (Psi(t + s, -s, Psi(t, s, x)) - x) / (V h),

    the second of which counts only where Psi(t, s, x) is in the box, since the network knows nothing beyond.

    Attributes:
        network: Psi.
        velocity: v.
        inputs: The box of t, s, x.
    """

    network: Parameters
    velocity: Velocity
    inputs: Inputs

    def __call__(self, theta: Tensor, points: Tensor, extras: Tensor) -> Tensor:
        """The rows."""
        at, duration, x = points[:, :1], points[:, 1:2], points[:, 2:]
        psi = self.network.bind(theta)
        value, rate = self._plan.orders
        jets = self._plan.evaluate(psi, points)
        arrived = jets[value]
        transport = jets[rate] - self.velocity.on_tensors(torch.cat([at + duration, arrived], dim=1))
        back = psi(torch.cat([at + duration, -duration, arrived], dim=1)) - x
        length = self._speed * self.inputs.upper[1]
        return torch.cat([transport / self._speed, back / length * self._inside(arrived.detach())], dim=1)

    @property
    def _speed(self) -> Tensor:
        speed = self.network.network.speed
        assert isinstance(speed, Tensor)  # a buffer
        return speed

    @cached_property
    def _plan(self) -> JetPlan:
        return JetPlan([(0,) * self.inputs.dim, tuple(int(i == 1) for i in range(self.inputs.dim))])

    def _inside(self, positions: Tensor) -> Tensor:
        lower, upper = positions.new_tensor(self.inputs.lower[2:]), positions.new_tensor(self.inputs.upper[2:])
        periodic = torch.tensor(self.inputs.periodic[2:], device=positions.device)
        return (periodic | ((positions >= lower) & (positions <= upper))).all(dim=1, keepdim=True).to(positions)


def learn_flow_map(
    velocity: Velocity,
    *,
    reach: float | None = None,
    network: Architecture | None = None,
    optimizer: Optimizer | tuple[Optimizer, ...] | None = None,
    sampler: Sampler | None = None,
    cycle: float = 1.0,
    differentiation: RowJacobian | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Callable[[int, Mapping[str, float]], None] | None = None,
) -> NeuralFlowMap:
    """Train a network Psi(t, s, x) to be the flow map of a velocity from any time t to t + s with |s| <= reach [1].

    Transport, d/ds Psi = v(t + s, Psi), and cycle, Psi(t + s, -s, Psi(t, s, x)) = x, are minimised as mean squares
    over points (t, s, x); Psi(t, 0, x) = x holds exactly.  No trajectory is integrated.  Afterwards few evaluations
    take a particle from any time to any other, forward or backward, and their derivatives are exact.

    A long reach saves evaluations, but the network must then resolve the filaments into which the flow draws out the
    particles: take a reach in which neighbours part by no more than a factor of two or three.  Where trajectories
    leave the box, the ways behind it are made up.

    Args:
        velocity: `Flow` or `FieldFlow`, known on a finite interval of time.
        reach: Largest |s|; None is the whole interval.
        network: Architecture of the mean velocity N in Psi = x + s N; None is `Mlp(24, 3)`.
        optimizer: One or several that follow one another; None is `LevenbergMarquardt(steps=150)`.
        sampler: Of points (t, s, x); None is `Sobol(2048, every=25)`.
        cycle: Weight of the cycle's mean square beside the transport's, from 0 on.
        differentiation: How Jacobians by the parameters are computed; None is `LayerOuterProducts()`, the one for
            `FieldFlow`.
        seed: Of weights and points.
        device: Of torch.
        progress: Called after every step with its number, from 1, and the scalars of the optimiser.

    Raises:
        ValueError: If a setting is out of range, or the velocity is known at all times: give it an interval.
        SolveFailed: If the loss is not finite.

    [1] Y. Wang, S. Tang, M. Chu, ACM SIGGRAPH 2024 Conf. Papers (arXiv:2407.09679): trajectories with cycle and
        transport losses, there for smoke seen in videos.
    """
    if not is_whole(seed) or seed < 0:
        raise ValueError(f"learn_flow_map: seed = {seed!r}; give a whole number from 0 on")
    if not (is_number(cycle) and 0 <= cycle < math.inf):
        raise ValueError(f"learn_flow_map: cycle = {cycle}; give a weight from 0 on")
    chosen = sampler or Sobol(2048, every=25)
    jacobian = differentiation or LayerOuterProducts()
    phases = optimizer if isinstance(optimizer, tuple) else (optimizer or LevenbergMarquardt(steps=150),)
    _require_parts(velocity, chosen, phases)
    rng, inputs = np.random.default_rng(seed), _inputs(velocity, reach)
    region, settings = _region(inputs), Displacement(network or Mlp(24, 3), _speeds(velocity, inputs, rng))
    module = settings.build(inputs, inputs.dim - 2, torch.Generator(device).manual_seed(seed))
    trained = Trained.of(Parameters(module.network), {}, ())
    rows, theta = CharacteristicRows(Parameters(module), velocity, inputs), Parameters(module).flatten()
    history: list[Mapping[str, float]] = []
    points, drawn = None, -1
    for phase in phases:
        state = phase.start(theta)
        while not phase.finished(state):
            if points is None or (chosen.every and len(history) - drawn >= chosen.every):
                points, drawn = chosen.draw(rng, region, _residual(rows, theta, jacobian), points), len(history)
                state = phase.redrawn(state)
            objective = _objective(rows, theta, points, cycle, jacobian, trained)
            theta, state, scalars = phase.step(objective, theta, state)
            history.append(scalars)
            if progress is not None:
                progress(len(history), scalars)
    return NeuralFlowMap(velocity, module, theta, inputs.upper[1], tuple(history))


def _require_parts(velocity: object, sampler: object, phases: tuple[object, ...]) -> None:
    if not isinstance(velocity, Velocity):
        raise ValueError(f"learn_flow_map: velocity must be a Flow or a FieldFlow, got {velocity!r}")
    if not isinstance(sampler, Sampler):
        raise ValueError(f"learn_flow_map: sampler must be a Sampler such as Sobol(2048), got {sampler!r}")
    if not phases or not all(isinstance(o, Optimizer) for o in phases):
        raise ValueError(f"learn_flow_map: optimizer must be one or several optimisers, got {phases!r}")


def _objective(
    rows: CharacteristicRows, theta: Tensor, points: np.ndarray, cycle: float, jacobian: RowJacobian, trained: Trained
) -> PointwiseLeastSquares:
    x = torch.as_tensor(points, dtype=theta.dtype, device=theta.device)
    d = x.shape[1] - 2
    weights = torch.cat([x.new_ones(d), x.new_full((d,), cycle)])
    group = Group(rows, x, x.new_zeros(len(x), 0), x.new_ones(len(x), 2 * d), "trajectory")
    return PointwiseLeastSquares((group.weighted(weights),), jacobian, trained.shapes, trained.last_layer)


def _residual(rows: CharacteristicRows, theta: Tensor, jacobian: RowJacobian) -> SampledResidual:
    return SampledResidual(rows, lambda x: x.new_zeros(len(x), 0), theta, jacobian)


def _inputs(velocity: Velocity, reach: float | None) -> Inputs:
    """The box of t, s, x, with a margin around the region."""
    (first, last), box = velocity.interval, velocity.region
    if not math.isfinite(last - first):
        raise ValueError(
            f"learn_flow_map: {type(velocity).__name__} is known at all times; give it an interval, as "
            "Flow(velocity, Box({t: (0, 1), …}), t) has"
        )
    far = last - first if reach is None else float(reach)
    if not 0 < far <= last - first:
        raise ValueError(f"learn_flow_map: reach = {reach}; give a duration up to the {last - first:g} of the interval")
    periodic = tuple(c in box.periodic for c in box.coordinates)
    margin = np.where(periodic, 0.0, MARGIN * (box.upper - box.lower))
    lower, upper = (tuple(b.tolist()) for b in (box.lower - margin, box.upper + margin))
    return Inputs((first, -far, *lower), (last, far, *upper), (False, False, *periodic))


def _region(inputs: Inputs) -> Region:
    """The points (t, s, x) of the box with t + s in the interval."""
    lower, upper = np.array(inputs.lower), np.array(inputs.upper)

    def contains(points: np.ndarray) -> np.ndarray:
        end = points[:, 0] + points[:, 1]
        return np.all((points >= lower) & (points <= upper), axis=1) & (end >= lower[0]) & (end <= upper[0])

    def sample(n: int, rng: np.random.Generator) -> np.ndarray:
        # Half of the box or more is inside.
        points = lower + (upper - lower) * rng.random((4 * n + 64, inputs.dim))
        return points[contains(points)][:n]

    return Region(inputs.dim, sample, None, (lower, upper), contains)


def _speeds(velocity: Velocity, inputs: Inputs, rng: np.random.Generator) -> tuple[float, ...]:
    """The root mean square of each component of the velocity; of one that vanishes that of the largest."""
    points = np.delete(_region(inputs).sample(PROBES, rng), 1, axis=1)
    sizes = np.sqrt(np.mean(np.square(velocity(points)), axis=0))
    largest = float(sizes.max()) or 1.0
    return tuple(float(s) if s > 1e-3 * largest else largest for s in sizes)
