"""The physics-informed network of DeepXDE on the same declaration: a peer to measure against."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import require_positive, require_whole
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import Field
from pinnlab.forms.deepxde_terms import DeepxdeTerms, PointOrder
from pinnlab.forms.jumps import require_continuous_fluxes
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Solver, Status, require_known_parameters

ACTIVATIONS = ("elu", "gelu", "relu", "selu", "sigmoid", "silu", "sin", "swish", "tanh")
PRECISIONS = {"float32": 32, "float64": 64}
# DeepXDE's settings of torch.optim.LBFGS and its evaluations of the loss per iteration; a short chunk has as
# many to spare as one line search may want.
HISTORY, GRADIENT_TOLERANCE, CHANGE_TOLERANCE = 100, 1e-8, 0
EVALUATIONS, SPARE_EVALUATIONS = 1.25, 25
_CHUNK = 1 << 14


@dataclass
class DeepxdeState:
    """A training run between two chunks.

    Attributes:
        iteration: Iterations done, those of Adam first, then those of L-BFGS.
        converged: Whether L-BFGS found no way down any more.
        points: The collocation points `(n, dim)` in DeepXDE's order of coordinates, time last.
        parameters: The network's parameters by name.
        optimizer: What the optimiser of the present phase remembers; None before its first iteration.
    """

    iteration: int
    converged: bool
    points: np.ndarray
    parameters: dict[str, Tensor]
    optimizer: dict[int, dict[str, Any]] | None


@dataclass(frozen=True)
class DeepxdePinn(Solver):
    """A physics-informed neural network [1] trained by DeepXDE [2] on PyTorch: Adam, then L-BFGS.

    The loss is the sum of the mean squares of every equation and of every condition, all of weight one, on
    Hammersley points that stay the same.  Periodicity is such a condition too: each unknown and its
    derivatives below the order of the equation agree at both ends.  The defaults are those of DeepXDE's own
    example of the Burgers equation.  Not for stiff or chaotic problems, on which this loss misleads.

    Args:
        width: Units per hidden layer.
        depth: Hidden layers.
        activation: A name that DeepXDE knows: elu, gelu, relu, selu, sigmoid, silu, sin, swish or tanh.
        domain_points: Points inside the domain.
        boundary_points: Points on the whole boundary in space; in one dimension in all, its two ends.
        initial_points: Points at the initial time, for problems in space and time.
        adam_steps: Iterations of Adam.
        learning_rate: Of Adam.
        lbfgs_steps: Iterations of L-BFGS at most; in single precision it often stops early.
        chunk: Iterations per step of the run, after each of which there may be a checkpoint.
        dtype: "float32" or "float64".

    Raises:
        ValueError: If a setting is out of its range.

    [1] M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019) 686-707.
    [2] L. Lu, X. Meng, Z. Mao, G. E. Karniadakis, SIAM Rev. 63 (2021) 208-228.
    """

    width: int = 20
    depth: int = 3
    activation: str = "tanh"
    domain_points: int = 2540
    boundary_points: int = 80
    initial_points: int = 160
    adam_steps: int = 15000
    learning_rate: float = 1e-3
    lbfgs_steps: int = 15000
    chunk: int = 500
    dtype: str = "float32"

    def __post_init__(self) -> None:
        least = dict.fromkeys(("width", "depth", "domain_points", "chunk"), 1)
        least |= dict.fromkeys(("boundary_points", "initial_points", "adam_steps", "lbfgs_steps"), 0)
        for name, low in least.items():
            require_whole(self, low, **{name: getattr(self, name)})
        if self.adam_steps + self.lbfgs_steps == 0:
            raise ValueError("DeepxdePinn: adam_steps and lbfgs_steps are both 0; nothing would be trained")
        require_positive(self, learning_rate=self.learning_rate)
        for name, known in (("activation", ACTIVATIONS), ("dtype", tuple(PRECISIONS))):
            if getattr(self, name) not in known:
                raise ValueError(f"DeepxdePinn: {name} {getattr(self, name)!r} is none of {', '.join(known)}")

    def compile(self, problem: Problem, device: torch.device = CPU) -> DeepxdeMethod:
        """Translate the problem into DeepXDE's geometry, residual and conditions.

        Raises:
            UnsupportedProblem: If the region is no box of at most three dimensions, if a parameter is
                unknown, or if DeepXDE is not installed or runs on another backend than PyTorch.
        """
        require_known_parameters(self, problem)
        require_continuous_fluxes("DeepxdePinn", problem)
        terms = DeepxdeTerms.of(problem, _deepxde())
        terms.conditions(terms.geometry())
        return DeepxdeMethod(problem, self, terms, device, self.dtype)


@dataclass(frozen=True)
class DeepxdeMethod(Method[DeepxdeState]):
    """`DeepxdePinn` compiled.

    DeepXDE's objects are built anew for every step, which takes milliseconds: they cache by the identity of
    arrays, and hold what belongs to a state.
    """

    problem: Problem
    settings: DeepxdePinn
    terms: DeepxdeTerms = field(repr=False)
    device: torch.device
    dtype: str

    def init(self, seed: int) -> DeepxdeState:
        """The points and weights that a DeepXDE script with this random seed starts from.

        Raises:
            ValueError: If a condition has no point, or the seed is outside [0, 2³²).
        """
        if not 0 <= seed < 2**32:
            raise ValueError(f"DeepxdePinn: the seed must be in [0, 2**32), got {seed}")
        with self._globals():
            self.terms.dde.config.set_random_seed(seed)
            points = self.terms.data(self._counts()).train_x_all
            parameters = self._network().state_dict()
        return DeepxdeState(0, False, points, _detached(parameters), None)

    def step(self, state: DeepxdeState) -> tuple[DeepxdeState, dict[str, float]]:
        """One chunk of Adam, or of L-BFGS after it; reports the loss at its end and the iterations done."""
        adam = state.iteration < self.settings.adam_steps
        with self._globals():
            network = self._network()
            network.load_state_dict(state.parameters)
            model = self.terms.dde.Model(self.terms.data({"anchors": state.points}), network)
            done, loss = (self._adam if adam else self._lbfgs)(state, model)
        iteration = state.iteration + done
        memory = model.opt.state_dict()["state"]
        after = DeepxdeState(
            iteration,
            not adam and done < 2 and done < self._chunk(state),
            state.points,
            _detached(network.state_dict()),
            None if adam and iteration == self.settings.adam_steps else memory,
        )
        return after, {"loss": loss, "iterations": float(iteration)}

    def status(self, state: DeepxdeState) -> Status:
        """DONE after both phases, or when L-BFGS converged."""
        total = self.settings.adam_steps + self.settings.lbfgs_steps
        return Status.DONE if state.converged or state.iteration >= total else Status.RUNNING

    def field(self, state: DeepxdeState) -> DeepxdeField:
        """The network; its derivatives are exact."""
        with self._globals():
            network = self._network()
            network.load_state_dict(state.parameters)
        return DeepxdeField(self.problem, network.requires_grad_(False).eval())

    # -- training ------------------------------------------------------------------------------------------

    def _adam(self, state: DeepxdeState, model: Any) -> tuple[int, float]:
        iterations = self._chunk(state)
        model.compile("adam", lr=self.settings.learning_rate, verbose=0)
        return iterations, _trained(model, state.optimizer, iterations)

    def _lbfgs(self, state: DeepxdeState, model: Any) -> tuple[int, float]:
        iterations = self._chunk(state)
        optimizer = torch.optim.LBFGS(
            model.net.parameters(),
            lr=1,
            max_iter=iterations,
            max_eval=max(int(EVALUATIONS * iterations), iterations + SPARE_EVALUATIONS),
            tolerance_grad=GRADIENT_TOLERANCE,
            tolerance_change=CHANGE_TOLERANCE,
            history_size=HISTORY,
            line_search_fn="strong_wolfe",
        )
        model.compile(optimizer, verbose=0)
        # One call of this optimiser is a whole chunk; its state counts the iterations done since its start.
        loss = _trained(model, state.optimizer, 1)
        before = 0 if state.optimizer is None else state.optimizer[0]["n_iter"]
        return model.opt.state_dict()["state"][0]["n_iter"] - before, loss

    def _chunk(self, state: DeepxdeState) -> int:
        adam = self.settings.adam_steps
        end = adam if state.iteration < adam else adam + self.settings.lbfgs_steps
        return min(self.settings.chunk, end - state.iteration)

    # -- DeepXDE's objects ---------------------------------------------------------------------------------

    def _network(self) -> Any:
        s = self.settings
        sizes = [len(self.problem.coordinates), *[s.width] * s.depth, len(self.problem.unknowns)]
        return self.terms.dde.nn.FNN(sizes, s.activation, "Glorot normal")

    def _counts(self) -> dict[str, int]:
        s, space = self.settings, self.problem.space
        if len(self.problem.coordinates) == 1:
            return {"num_domain": s.domain_points, "num_boundary": min(2, s.boundary_points)}
        counts = {"num_domain": s.domain_points, "num_boundary": s.boundary_points}
        return counts | {"num_initial": s.initial_points} if self.problem.interval and space else counts

    @contextlib.contextmanager
    def _globals(self) -> Iterator[None]:
        """DeepXDE's global settings and generators as this method needs them, put back afterwards."""
        config = self.terms.dde.config
        wanted = {"real": self.terms.dde.real.Real(PRECISIONS[self.dtype]), "mixed": False}
        wanted |= {"autodiff": "reverse", "random_seed": config.random_seed}
        kept = {name: getattr(config, name) for name in wanted}
        generators = random.getstate(), np.random.get_state()  # noqa: NPY002 - DeepXDE draws from this one
        elsewhere = torch.get_default_device() != self.device
        try:
            for name, value in wanted.items():
                setattr(config, name, value)
            with (
                torch.random.fork_rng(range(torch.cuda.device_count())),
                self.device if elsewhere else contextlib.nullcontext(),
            ):
                yield
        finally:
            for name, value in kept.items():
                setattr(config, name, value)
            random.setstate(generators[0])
            np.random.set_state(generators[1])  # noqa: NPY002


@dataclass(frozen=True)
class DeepxdeField(Field):
    """A network of DeepXDE as a field.

    Attributes:
        network: Takes points with time as their last column.
        orders: The order of differentiation along each coordinate.
    """

    problem: Problem
    network: torch.nn.Module = field(repr=False, compare=False)
    orders: tuple[int, ...] = ()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at `points (n, dim)`."""
        parts = [self._values(points[i : i + _CHUNK]) for i in range(0, len(points), _CHUNK)]
        return np.concatenate([np.empty((0, len(self.problem.unknowns))), *parts])

    def derivative(self, orders: Sequence[int]) -> DeepxdeField:
        """The partial derivative by automatic differentiation."""
        before = self.orders or (0,) * len(orders)
        return replace(self, orders=tuple(a + b for a, b in zip(orders, before, strict=True)))

    def _values(self, points: np.ndarray) -> np.ndarray:
        weight, order = next(self.network.parameters()), PointOrder(self.problem)
        x = torch.tensor(order.time_last(points), dtype=weight.dtype, device=weight.device)
        x.requires_grad_(any(self.orders))
        columns = list(self.network(x).unbind(dim=1))
        for i, n in enumerate(self.orders):
            for _ in range(n):
                columns = [self._slope(c, x, order.column(i)) for c in columns]
        return torch.stack(columns, dim=1).detach().cpu().double().numpy()

    def _slope(self, values: Tensor, x: Tensor, column: int) -> Tensor:
        return torch.autograd.grad(values.sum(), x, create_graph=True)[0][:, column]


def _trained(model: Any, remembered: dict[int, dict[str, Any]] | None, iterations: int) -> float:
    """Train on from what the optimiser remembers; the loss afterwards."""
    if remembered is not None:
        groups = model.opt.state_dict()["param_groups"]
        model.opt.load_state_dict({"state": copy.deepcopy(remembered), "param_groups": groups})
    history, _ = model.train(iterations=iterations, display_every=iterations, verbose=0)
    return float(np.sum(history.loss_train[-1]))


def _detached(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in parameters.items()}


def _deepxde() -> Any:
    """The module on PyTorch, without what else its import does: to print, and to make CUDA torch's default.

    With the backend named in the environment it writes no file in the home directory either.

    Raises:
        UnsupportedProblem: If it is not installed, or already runs on another backend.
    """
    device, backend = torch.get_default_device(), os.environ.get("DDE_BACKEND")
    os.environ["DDE_BACKEND"] = "pytorch"
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            import deepxde
    except ImportError as error:
        raise UnsupportedProblem(
            f'DeepxdePinn: DeepXDE cannot be imported ({error}); pip install "pinnlab-pde[deepxde]"'
        ) from error
    finally:
        os.environ.pop("DDE_BACKEND")
        if backend is not None:
            os.environ["DDE_BACKEND"] = backend
        if torch.get_default_device() != device:
            # None rather than "cpu", which would intercept every call of torch from then on.
            torch.set_default_device(None if device.type == "cpu" else device)
    if deepxde.backend.backend_name != "pytorch":
        raise UnsupportedProblem(
            f"DeepxdePinn: deepxde was imported with the backend {deepxde.backend.backend_name}; "
            "set DDE_BACKEND=pytorch before its first import"
        )
    return deepxde
