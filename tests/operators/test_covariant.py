"""Samples in other coordinates."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Family, Problem, dirichlet, initial, neumann, parameter
from pinnlab.operators.covariant import Covariant
from pinnlab.operators.layout import Layout
from pinnlab.operators.pairs import Batch

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")
ROD = Covariant({"x": "k"}, densities=("f",))


class Smooth:
    """A distribution of functions."""

    def __init__(self, *coordinates):
        self.coordinates = coordinates

    def rvs(self, *, random_state):
        return 2 + sp.Add(*(sp.sin(c) for c in self.coordinates)) * float(random_state.uniform())


def rod(equation=None, condition=dirichlet, value=0):
    k, f = parameter("k", 1 + x), parameter("f", 1)
    w = u(x)
    equation = -D(k * D(w, x), x) - f if equation is None else equation(w, k, f)
    problem = Problem("rod", [equation], [w], Box({x: (0, 2)}), [condition(w, value)])
    return Family(problem, {k: Smooth(x), f: Smooth(x)})


def layout(coordinates=("x",), names=("k", "f"), nodes=129, periodic=False):
    d = len(coordinates)
    return Layout(names, ("u",), coordinates, (periodic,) * d, ((0, 2),) * d, (nodes,) * d, (), "float64")


def batch(made, *functions, samples=2):
    """Inputs and then the output as functions of the nodes."""
    axes = [np.linspace(a, b, n + p)[:n] for (a, b), n, p in zip(made.box, made.grid, made.periodic, strict=True)]
    nodes = np.meshgrid(*axes, indexing="ij")
    values = [torch.from_numpy(np.broadcast_to(f(*nodes), made.grid).copy()) for f in functions]
    inputs = torch.stack(values[:-1])[None].repeat(samples, *[1] * (1 + len(axes)))
    outputs = values[-1][None, None, None].repeat(samples, *[1] * (2 + len(axes)))
    return Batch(inputs, outputs, torch.zeros(samples, 1), made)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_flux_is_the_same_at_every_point_and_sources_keep_what_they_hold_in_all():
    # With u = x the map itself is seen, and with f = 1 its derivative.
    made = layout()
    found = ROD(batch(made, np.exp, np.ones_like, lambda z: z), generator())
    at, slope = found.outputs[:, 0, 0], found.inputs[:, 1]
    assert (slope > 0.5).all()
    assert (slope - 1).abs().max() > 0.05
    assert (at[:, [0, -1]] == torch.tensor([0.0, 2.0])).all()
    nodes = torch.linspace(0, 2, 129, dtype=torch.float64)
    torch.testing.assert_close(
        torch.gradient(at, spacing=(nodes,), dim=1)[0][:, 5:-5], slope[:, 5:-5], rtol=0, atol=2e-3
    )
    torch.testing.assert_close(torch.trapezoid(slope, nodes, dim=1), torch.full((2,), 2.0, dtype=torch.float64))
    torch.testing.assert_close(found.inputs[:, 0], torch.exp(at) / slope, rtol=0, atol=1e-12)


@pytest.mark.parametrize("periodic", [False, True])
def test_mapped_samples_solve_the_same_equation(periodic):
    # Manufactured: u and k of waves, f = -(k u')', and the residual after the map by accurate derivatives.
    z = sp.Symbol("z")
    k, w = 2 + sp.cos(sp.pi * z), sp.sin(sp.pi * z)
    source = -sp.diff(k * sp.diff(w, z), z)
    made = layout(nodes=256 + (not periodic), periodic=periodic)
    given = batch(made, *(sp.lambdify(z, e, "numpy") for e in (k, source, w)))
    found = Covariant({"x": "k"}, ("f",), size=0.3, waves=2)(given, generator(1))
    values, diffusion, f = found.outputs[:, 0, 0], found.inputs[:, 0], found.inputs[:, 1]
    if periodic:
        waves = torch.fft.rfftfreq(256, 2 / 256, dtype=torch.float64) * 2 * torch.pi
        slope = lambda v: torch.fft.irfft(1j * waves * torch.fft.rfft(v), n=256)  # noqa: E731
        residual = -slope(diffusion * slope(values)) - f
        assert residual.abs().max() < 1e-8
    else:
        from pinnlab.numerics.axes import StencilAxis

        matrix = torch.from_numpy(StencilAxis(np.linspace(0, 2, 257), 10).differentiation(1).toarray())
        residual = -(diffusion * (values @ matrix.T)) @ matrix.T - f
        assert residual[:, 8:-8].abs().max() < 1e-7
    assert (found.inputs - given.inputs).abs().max() > 0.1


def test_each_diffusion_of_a_plane_changes_in_its_own_way():
    names = ("k_x", "k_y", "b", "f", "g")
    made = layout(("x", "y"), names, nodes=33)
    one = lambda p, q: np.ones_like(p)  # noqa: E731
    plane = Covariant({"x": "k_x", "y": "k_y"}, ("f",), {"x": "b"}, ("g",))
    found = plane(batch(made, one, one, one, one, one, lambda p, q: p), generator())
    k_x, k_y, b, f, g = found.inputs.unbind(1)
    # With the slopes p along x and q along y: q / p, p / q, q, p q and 1.
    torch.testing.assert_close(k_x * k_y, torch.ones_like(f), rtol=0, atol=1e-12)
    torch.testing.assert_close(k_x * f, b**2, rtol=0, atol=1e-12)
    torch.testing.assert_close(g, torch.ones_like(g), rtol=0, atol=1e-12)
    q = b[:, :1, :]
    torch.testing.assert_close(b, q.expand_as(b), rtol=0, atol=1e-12)
    p = (f / b)[:, :, :1]
    torch.testing.assert_close(k_x, q / p, rtol=0, atol=1e-12)
    assert (p - 1).abs().max() > 0.05 < (q - 1).abs().max()


def test_draws_come_from_the_generator_one_for_each_sample():
    given = batch(layout(), np.exp, np.ones_like, lambda z: z, samples=3)
    one, same, other = (ROD(given, generator(s)) for s in (0, 0, 1))
    assert torch.equal(one.inputs, same.inputs)
    assert not torch.equal(one.inputs, other.inputs)
    assert not torch.equal(one.inputs[0], one.inputs[1])


def test_diffusion_with_zero_or_fixed_ends_is_covariant():
    ROD.require_symmetry_of(rod())
    ROD.require_symmetry_of(rod(value=3))
    ROD.require_symmetry_of(rod(condition=neumann))
    ROD.require_symmetry_of(rod(lambda w, k, f: -D(k * D(w, x), x) - f * sp.sin(w)))
    upstream = lambda w, value: dirichlet(w, value, on="left")  # noqa: E731
    carried = rod(lambda w, k, f: k * D(w, x) + f * w**2, upstream)
    Covariant({}, ("f",), {"x": "k"}).require_symmetry_of(carried)
    with pytest.raises(ValueError, match="not seen to be a symmetry"):
        ROD.require_symmetry_of(carried)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (rod(lambda w, k, f: -D(k * D(w, x), x) - f + w), r"not seen to be a symmetry of 'rod': .* leaves"),
        (rod(lambda w, k, f: -k * D(w, x, 2) - f), "not seen to be a symmetry"),
        (rod(lambda w, k, f: -D(k * D(w, x), x) - f * x), "not seen to be a symmetry"),
        (rod(condition=neumann, value=1), "does not carry the condition"),
    ],
)
def test_what_changes_its_form_is_refused(family, message):
    with pytest.raises(ValueError, match=message):
        ROD.require_symmetry_of(family)


def test_everything_random_must_be_named_and_everything_named_random():
    with pytest.raises(ValueError, match="f is either random in 'rod' or named here"):
        Covariant({"x": "k"}).require_symmetry_of(rod())
    with pytest.raises(ValueError, match="c is either random"):
        Covariant({"x": "k"}, ("f", "c")).require_symmetry_of(rod())
    with pytest.raises(ValueError, match="'y' is no coordinate of space of 'rod'"):
        Covariant({"y": "k"}, ("f",)).require_symmetry_of(rod())


def plane(first, second, things):
    w, f = u(x, y), parameter("f", 1)
    equation = -D(first * D(w, x), x) - D(second * D(w, y), y) - f
    problem = Problem("plane", [equation], [w], Box({x: (0, 2), y: (0, 2)}), [dirichlet(w, 0)])
    return Family(problem, {p: Smooth(x, y) for p in (*things, f)})


def test_a_scalar_diffusion_in_a_plane_does_not_stay_one():
    k_x, k_y = parameter("k_x", 1), parameter("k_y", 1)
    Covariant({"x": "k_x", "y": "k_y"}, ("f",)).require_symmetry_of(plane(k_x, k_y, (k_x, k_y)))
    with pytest.raises(ValueError, match="not seen to be a symmetry of 'plane'"):
        Covariant({"x": "k_x"}, ("f",)).require_symmetry_of(plane(k_x, k_x, (k_x,)))
    with pytest.raises(ValueError, match="'k' stands in two places"):
        Covariant({"x": "k", "y": "k"})


def test_heat_needs_its_capacity_and_keeps_its_initial_values():
    w, m, k, u0 = u(t, x), parameter("m", 1), parameter("k", 1), parameter("u0", sp.sin(sp.pi * x))
    box = Box({t: (0, 1), x: (0, 1)})
    problem = Problem("heat", [m * D(w, t) - D(k * D(w, x), x)], [w], box, [initial(w, u0), dirichlet(w, 0)], t)
    family = Family(problem, {p: Smooth(x) for p in (m, k, u0)})
    Covariant({"x": "k"}, ("m",), scalars=("u0",)).require_symmetry_of(family)
    with pytest.raises(ValueError, match="does not carry the condition"):
        Covariant({"x": "k"}, ("m", "u0")).require_symmetry_of(family)
    with pytest.raises(ValueError, match="not seen to be a symmetry"):
        Covariant({"x": "k"}, scalars=("m", "u0")).require_symmetry_of(family)


def test_data_that_do_not_fit_are_refused():
    axes = (np.linspace(0, 2, 129),)
    ROD.require_fits(layout(), axes)
    with pytest.raises(ValueError, match="no coordinate 'z' among x"):
        Covariant({"z": "k"}, ("f",)).require_fits(layout(), axes)
    with pytest.raises(ValueError, match="names the inputs k, f, and the data have k, f, c"):
        ROD.require_fits(layout(names=("k", "f", "c")), axes)
    with pytest.raises(ValueError, match="along x the 129 nodes must be 8 or more and equally far apart"):
        ROD.require_fits(layout(), (axes[0] ** 2,))
    with pytest.raises(ValueError, match="along x the 7 nodes"):
        ROD.require_fits(layout(nodes=7), (np.linspace(0, 2, 7),))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"diffusion": "k"}, "diffusion = 'k'"),
        ({"densities": "f"}, "densities = 'f'; give a tuple"),
        ({"scalars": 5}, "scalars = 5; give a tuple"),
        ({"size": 1.0}, "size = 1.0; give a number between 0 and 1"),
        ({"waves": 0}, "waves = 0"),
        ({"diffusion": {"x": "k"}, "scalars": ("k",)}, "'k' stands in two places"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        Covariant(**settings)
