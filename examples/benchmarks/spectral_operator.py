"""SpectralOperator: operators trained without data, against exact solutions and references of our own.

Periodic Poisson: the source is a Gaussian process with the periodic kernel exp(-2 sin²(pi d) / l²), l = 0.2, along each
axis, without its mean; the exact solution is that of the same Fourier series.  Reaction-diffusion: u_t = nu u_xx +
rho u (1 - u), the initial value from the same process, scaled to [0, 1]; the reference is Etdrk4, and its own error is
measured by doubling nodes and steps.  Members for testing have a seed of their own.  The modes (20, 64) were taken after
(16, 48) had been seen to leave an error of 1.7e-4 on members of yet another seed; the steps fit the time.

'Without network' are as many corrections with a network that gives 0, which is Picard's iteration with the mean linear
part: what the learning adds is the difference.  A linear equation with constant coefficients leaves nothing to learn.

The table of costs: a query of the operator starts from a member, those of the classical solvers from the values of its
source, or initial value, at the 128 nodes; all end with values at the nodes, and the 33 times.  Etdrk4 is compiled once; with
fewer steps than times its answer is interpolated in time by quintic splines.  Poisson's equation is divided by its symbol.
"""

from __future__ import annotations

import argparse
import functools
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
import torch
from _operators import MANY, ONE, Asked, Costs, asked_alike, keep, relative, together, with_nodes
from _report import Report
from rich.table import Table
from scipy.interpolate import make_interp_spline

from pinnlab import Box, D, Family, Problem, initial, laplacian, parameter, solve
from pinnlab.datasets.data import OperatorData
from pinnlab.forms.evaluate import evaluate
from pinnlab.known import known
from pinnlab.operators.drawn import inputs_on_grid
from pinnlab.operators.payoff import Timing, timed
from pinnlab.operators.spectral_operator import SpectralOperator, train_without_data
from pinnlab.plots.samples import plot_answer
from pinnlab.random_functions import Series, Waves
from pinnlab.solvers import Etdrk4

t, x, y = sp.symbols("t x y", real=True)
TEST_SEED = 1_000_003
GRID = np.arange(128) / 128
TIMES = np.linspace(0, 1, 33)
# Seconds of training, which leave some of the ten minutes for drawing and testing.
ALLOWED = 540.0
# Single queries that are timed.
ASKED = 8


@dataclass(frozen=True)
class PeriodicProcess:
    """A Gaussian process on the unit torus, with the kernel exp(-2 sin²(pi d) / length²) along each axis."""

    coordinates: tuple[sp.Symbol, ...]
    length: float = 0.2
    modes: int = 16
    mean: bool = False
    scaled: bool = False

    def rvs(self, *, random_state: np.random.Generator) -> sp.Expr:
        from scipy.special import ive

        # Its Fourier coefficients are exp(-z) I_k(z), z = 1 / length².
        k = np.repeat(np.arange(self.modes + 1), 2)[1:]
        line = np.sqrt(ive(k, 1 / self.length**2))
        deviations = line if len(self.coordinates) == 1 else np.multiply.outer(line, line)
        coefficients = deviations * random_state.standard_normal(deviations.shape)
        if not self.mean:
            coefficients.flat[0] = 0.0
        field = Series(tuple(Waves(0.0, 1.0) for _ in self.coordinates), coefficients)
        drawn = known("g", field, 0, *self.coordinates)
        if not self.scaled:
            return drawn
        values = field.on_grid([np.linspace(0, 1, 512)])
        low, high = float(values.min()), float(values.max())
        return (drawn - low) / (high - low)


def poisson() -> Family:
    u, f = sp.Function("u")(x, y), parameter("f", sp.sin(2 * sp.pi * x))
    box = Box({x: (0, 1), y: (0, 1)}, periodic=[x, y])
    return Family(Problem("poisson_periodic", [laplacian(u, (x, y)) + f], [u], box), {f: PeriodicProcess((x, y))})


def reaction_diffusion(nu: float, rho: float) -> Family:
    u, start = sp.Function("u")(t, x), parameter("g", (1 + sp.cos(2 * sp.pi * x)) / 2)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    equation = D(u, t) - nu * D(u, x, 2) - rho * u * (1 - u)
    problem = Problem("reaction_diffusion", [equation], [u], box, [initial(u, start)], t)
    return Family(problem, {start: PeriodicProcess((x,), mean=True, scaled=True)})


def poisson_solution(member: Problem) -> np.ndarray:
    """On the grid, from the Fourier series of the source."""
    (f,) = member.parameters
    mesh = [m.ravel() for m in np.meshgrid(GRID, GRID, indexing="ij")]
    modes = np.fft.fft2(f.value.values(*mesh).reshape(len(GRID), -1))
    k = 2 * np.pi * np.fft.fftfreq(len(GRID), 1 / len(GRID))
    square = k[:, None] ** 2 + k**2
    square[0, 0] = 1.0
    modes[0, 0] = 0.0
    return np.fft.ifft2(modes / square).real


def on_grid(field) -> np.ndarray:
    """Values `(33, 128)` over time and space, or `(128, 128)` over x and y."""
    evolving = field.problem.time is not None
    values = field.on_axes([TIMES if evolving else GRID, GRID]).values["u"]
    # Grids have y before x.
    return values if evolving else values.T


def classical_poisson(members) -> tuple[np.ndarray, dict[str, Asked]]:
    """Sources on the grid, and ways to solve for them: by transforms of all values, or of every other one."""
    mesh = np.meshgrid(GRID, GRID, indexing="ij")
    given = np.stack([evaluate(m.parameters[0].value, {x: mesh[0], y: mesh[1]}) for m in members])
    return given, {f"fft, {n} x {n}": functools.partial(divided_by_symbol, n=n) for n in (32, 64, 128)}


def divided_by_symbol(given: np.ndarray, n: int) -> np.ndarray:
    """-Laplace u = f `(k, 128, 128)` with period 1 from n x n of its values."""
    every, held = len(GRID) // n, len(GRID)
    modes = np.fft.rfft2(given[:, ::every, ::every])
    k = 2 * np.pi * np.fft.fftfreq(n, 1 / n)
    square = k[:, None] ** 2 + k[: n // 2 + 1] ** 2
    # The source has no mean, and the solution is taken without.
    square[0, 0] = np.inf
    modes /= square
    if every == 1:
        return np.fft.irfft2(modes, s=(held, held))
    wide = np.zeros((len(given), held, held // 2 + 1), complex)
    wide[:, : n // 2, : n // 2] = modes[:, : n // 2, : n // 2]
    wide[:, -(n // 2 - 1) :, : n // 2] = modes[:, -(n // 2 - 1) :, : n // 2]
    return np.fft.irfft2(wide, s=(held, held)) * every**2


def classical_reaction_diffusion(members) -> tuple[np.ndarray, dict[str, Asked]]:
    """Initial values on the grid, and Etdrk4 with several numbers of nodes and steps."""
    given = np.stack([evaluate(m.parameters[0].value, {x: GRID}) for m in members])
    ways = {}
    for points in (32, 48, 64, 96):
        for steps in (8, 12, 16, 24, 32, 64):
            method = Etdrk4(points=points, steps=steps, snapshots=min(steps, len(TIMES) - 1)).compile(members[0])
            ways[f"Etdrk4(points={points}, steps={steps})"] = functools.partial(stepped, method, points)
    return given, ways


def stepped(method, points: int, given: np.ndarray) -> np.ndarray:
    """From initial values `(k, 128)` to values `(k, 33, 128)`."""
    states = method.evolve(torch.from_numpy(with_nodes(given, points))[:, None])[:, :, 0].numpy()
    frames = np.linspace(0, 1, states.shape[1])
    if len(frames) != len(TIMES):
        states = make_interp_spline(frames, states, k=5, axis=1)(TIMES)
    return with_nodes(states, len(GRID))


CASES = {
    "poisson": (poisson(), SpectralOperator(modes=48, members=32), 1e-2, 5e-4),
    "reaction-diffusion": (
        reaction_diffusion(nu=0.01, rho=5.0),
        SpectralOperator(modes=(20, 64), steps=400, members=512),
        2e-2,
        2e-3,
    ),
}


def truths(name: str, members) -> tuple[np.ndarray, str]:
    """Solutions on the grid, and what is known of their errors."""
    if name == "poisson":
        return np.stack([poisson_solution(m) for m in members]), "exact, by the Fourier series of the source"
    fine, coarse = (
        [on_grid(solve(m, Etdrk4(points=n, steps=2 * n, snapshots=64), device="cpu").field) for m in members]
        for n in (256, 128)
    )
    return np.stack(fine), f"{relative(coarse, fine):.1e} from that of half the resolution"


def show_costs(costs: Costs, name: str, operator, members, truth: np.ndarray) -> None:
    """Single queries and many at once, of the operator and of every classical way."""
    solvers = {"poisson": classical_poisson, "reaction-diffusion": classical_reaction_diffusion}
    given, ways = solvers[name](members)
    one = timed("operator", lambda i: on_grid(operator.answers([members[i]])[0].field), list(truth[:ASKED]), repeats=1)
    many = together("operator", lambda: np.stack([on_grid(a.field) for a in operator.answers(members)]), truth)
    rivals = [asked_alike(way, ask, given, truth, ASKED, len(members)) for way, ask in ways.items()]
    single = Timing("operator", one.seconds, many.error)
    costs.add(name, "128 nodes", ONE, single, [r[ONE] for r in rivals], operator.seconds)
    costs.add(name, "128 nodes", f"{len(members)} {MANY}", many, [r[MANY] for r in rivals], operator.seconds)


def picture(name: str, family: Family, members, truth: np.ndarray, answers: np.ndarray) -> None:
    """Of the member whose error is the median."""
    errors = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(answers, truth, strict=True)]
    number = int(np.argsort(errors)[len(errors) // 2])
    evolving = family.problem.time is not None
    axes = (GRID,) * len(family.problem.space)
    inputs = inputs_on_grid(family, [{family.things[0]: m.parameters[0].value} for m in members], axes)
    outputs, answer = truth[:, :, None] if evolving else truth[:, None, None], answers[number]
    data = OperatorData(
        inputs, outputs, axes, TIMES if evolving else [], [np.nan] * len(members), family.things, ("u",),
        [c.name for c in family.problem.space], (True,) * len(axes),
    )  # fmt: skip
    answer = answer[:, None] if evolving else answer[None, None]
    keep(plot_answer(data, answer, number), f"spectral_operator_{name.replace('-', '_')}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--tests", type=int, default=32, help="members for testing")
    parser.add_argument("--steps", type=int, default=None, help="of training, for a trial")
    args = parser.parse_args()
    torch.set_num_threads(1)
    report, costs = Report("spectral_operator"), Costs()
    columns = ("case", "seed", "required", "goal", "error", "residual said", "without network", "training s", "steps")
    table = Table(*columns, title="SpectralOperator, no data: mean relative L2 error of new members, cpu")
    for name, (family, settings, required, goal) in CASES.items():
        if args.only not in name:
            continue
        settings = settings if args.steps is None else replace(settings, steps=args.steps)
        members = family.sample(args.tests, TEST_SEED)
        truth, quality = truths(name, members)
        report.print(f"{name}: the reference is {quality}")
        for seed in range(args.seeds):
            operator = train_without_data(family, settings, seed=seed, device="cpu", max_seconds=ALLOWED)
            answers = operator.answers(members)
            found = np.stack([on_grid(a.field) for a in answers])
            fresh = train_without_data(family, settings, seed=seed, device="cpu", max_steps=0)
            plain = relative([on_grid(a.field) for a in fresh.answers(members)], truth)
            said = np.mean([a.residual for a in answers])
            numbers = (required, goal, relative(found, truth), said, plain)
            steps = str(len(operator.history.get("step", ())))
            table.add_row(name, str(seed), *(f"{n:.1e}" for n in numbers), f"{operator.seconds:.0f}", steps)
            if operator.note:
                report.print(f"{name}, seed {seed}: {operator.note}")
            if not seed:
                picture(name, family, members, truth, found)
        # Of the last seed.
        show_costs(costs, name, operator, members, truth)
    report.print(table)
    report.print(costs.table)
    report.save()


if __name__ == "__main__":
    main()
