import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import (
    Box,
    Condition,
    D,
    Problem,
    UnsupportedProblem,
    dirichlet,
    initial,
    initial_rate,
    neumann,
    robin,
)
from pinnlab.forms.deepxde_terms import PointOrder
from pinnlab.forms.pointwise import Pointwise
from pinnlab.solvers.deepxde_pinn import DeepxdePinn

t, x, y = sp.symbols("t x y", real=True)
TINY = DeepxdePinn(dtype="float64")


def plate(conditions) -> Problem:
    u = sp.Function("u")(x, y)
    box = Box({x: (0, 1), y: (0, 2)})
    return Problem(name="plate", equations=[D(u, x, 2) + D(u, y, 2)], unknowns=[u], domain=box, conditions=conditions)


def dispersion() -> Problem:
    u = sp.Function("u")(t, x)
    return Problem(
        name="dispersion",
        equations=[D(u, t) + D(u, x, 3)],
        unknowns=[u],
        domain=Box({t: (0, 1), x: (-20, 20)}, periodic=[x]),
        conditions=[initial(u, sp.sin(sp.pi * x / 20))],
        time=t,
    )


def test_time_goes_last_and_comes_back_first():
    u = sp.Function("u")(t, x, y)
    problem = Problem(
        name="heat",
        equations=[D(u, t) - D(u, x, 2) - D(u, y, 2)],
        unknowns=[u],
        domain=Box({t: (0, 1), x: (0, 1), y: (0, 1)}),
        conditions=[initial(u, 0), dirichlet(u, 0)],
        time=t,
    )
    order, points = PointOrder(problem), np.array([[0.1, 0.2, 0.3]])
    assert order.time_last(points).tolist() == [[0.2, 0.3, 0.1]]
    assert order.time_first(order.time_last(points)).tolist() == points.tolist()
    assert [order.column(i) for i in range(3)] == [2, 0, 1]


def test_steady_coordinates_stay_in_place():
    u = sp.Function("u")(x, y)
    order = PointOrder(plate([dirichlet(u, 0)]))
    assert order.time_last(np.array([[0.2, 0.3]])).tolist() == [[0.2, 0.3]]
    assert [order.column(i) for i in range(2)] == [0, 1]


def test_mixed_and_high_derivatives_are_those_of_the_outputs():
    u, v = (sp.Function(name)(t, x) for name in "uv")
    problem = Problem(
        name="mixed",
        equations=[D(u, t) + x * D(D(u, t), x) + D(v, x, 4), D(v, t) - t * D(u, x, 3)],
        unknowns=[u, v],
        domain=Box({t: (0, 1), x: (0, 1)}, periodic=[x]),
        conditions=[initial(u, 0), initial(v, 0)],
        time=t,
    )
    method = TINY.compile(problem)
    inputs = torch.tensor([[0.5, 2.0]], dtype=torch.float64, requires_grad=True)
    space, time = inputs[:, :1], inputs[:, 1:]
    # u = x³ t², v = x⁴ t at x = 1/2, t = 2: u_t = 1/2, u_tx = 3, v_xxxx = 48; v_t = 1/16, u_xxx = 24.
    outputs = torch.cat([space**3 * time**2, space**4 * time], dim=1)
    with method._globals():
        rows = method.terms.operator(Pointwise.of(problem).residuals)(inputs, outputs)
    assert [r.item() for r in rows] == pytest.approx([0.5 + 0.5 * 3 + 48, 1 / 16 - 2 * 24])


def test_the_initial_rate_is_prescribed_at_the_initial_time_only():
    u = sp.Function("u")(t, x)
    problem = Problem(
        name="string",
        equations=[D(u, t, 2) - D(u, x, 2)],
        unknowns=[u],
        domain=Box({t: (1, 2), x: (0, 1)}),
        conditions=[initial(u, 0), initial_rate(u, x), dirichlet(u, 0)],
        time=t,
    )
    method = TINY.compile(problem)
    with method._globals():
        rate = method.terms.conditions(method.terms.geometry())[1][1]
        rows = rate.collocation_points(np.array([[0.5, 1.0], [0.5, 1.5], [1.0, 1.0]]))
        inputs = torch.tensor(rows, requires_grad=True)
        values = inputs[:, :1] * inputs[:, 1:] ** 2
        residual = rate.error(rows, inputs, values, 0, 2)
    assert rows.tolist() == [[0.5, 1.0], [1.0, 1.0]]
    # u = x t² has u_t - x = 2 x t - x = x at t = 1.
    assert residual.flatten().tolist() == [0.5, 1.0]


def test_a_nonlinear_condition_is_taken_as_it_is():
    u = sp.Function("u")(x, y)
    method = TINY.compile(plate([dirichlet(u, 0, on=["left", "top", "bottom"]), Condition(D(u, x) + u**4, "right")]))
    inputs = torch.tensor([[1.0, 0.5]], dtype=torch.float64, requires_grad=True)
    with method._globals():
        (_, _), (_, radiation) = method.terms.conditions(method.terms.geometry())
        residual = radiation.error(inputs.detach().numpy(), inputs, 2 * inputs[:, :1], 0, 1)
    assert residual.item() == 2 + 2**4


def test_conditions_alike_on_several_pieces_are_one_term_of_the_loss():
    u = sp.Function("u")(x, y)
    sides = [dirichlet(u, 0, on=["left", "right"]), dirichlet(u, x * (1 - x), on=["top", "bottom"])]
    terms = TINY.compile(plate(sides)).terms
    labels = [label.split(" on ")[1] for label, _ in terms.conditions(terms.geometry())]
    assert labels == ["left, right", "top, bottom"]


def test_slopes_are_prescribed_inside_sides_only():
    u = sp.Function("u")(x, y)
    problem = plate([dirichlet(u, 0, on=["left", "bottom", "top"]), neumann(u, 1, on="right")])
    terms = TINY.compile(problem).terms
    (_, walls), (_, slope) = terms.conditions(terms.geometry())
    corners = np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 0.5], [0.0, 0.5]], dtype=np.float32)
    assert slope.collocation_points(corners).tolist() == [[1.0, 0.5]]
    assert walls.collocation_points(corners).tolist() == [[1.0, 0.0], [1.0, 2.0], [0.0, 0.5]]


def test_outward_derivatives_have_the_sign_of_the_side():
    u = sp.Function("u")(x)
    problem = Problem(
        name="line",
        equations=[D(u, x, 2)],
        unknowns=[u],
        domain=Box({x: (0, 1)}),
        conditions=[neumann(u, 5, on="left"), robin(u, 2, 4, 12, on="right")],
    )
    method = TINY.compile(problem)
    # u = 3 x + 7: n·∇u - 5 = -8 on the left, n·∇u - (12 - 2 u) / 4 = 3 + 2 on the right.
    points = torch.tensor([[0.0], [1.0]], dtype=torch.float64, requires_grad=True)
    values = 3 * points + 7
    with method._globals():
        found = method.terms.conditions(method.terms.geometry())
        rows = points.detach().numpy()
        slopes = [c.error(rows, points, values, i, i + 1).item() for i, (_, c) in enumerate(found)]
    assert slopes == [-8.0, 5.0]


def test_periodic_axes_match_every_derivative_below_the_order_of_the_equation():
    terms = TINY.compile(dispersion()).terms
    assert [(axis, jet.field, jet.orders) for axis, jet in terms.matched()] == [
        (0, "u", (0, 0)),
        (0, "u", (0, 1)),
        (0, "u", (0, 2)),
    ]


def test_periodicity_of_the_second_derivative_is_the_difference_between_the_ends():
    method = TINY.compile(dispersion())
    with method._globals():
        *_, (_, second) = method.terms.conditions(method.terms.geometry())
        ends = second.collocation_points(np.array([[-20.0, 0.3], [4.0, 0.5]]))
        assert ends.tolist() == [[-20.0, 0.3], [20.0, 0.3]]
        inputs = torch.tensor(ends, requires_grad=True)
        values = inputs[:, :1] ** 3 * inputs[:, 1:]
        # u = x³ t has u_xx = 6 x t: -36 at the one end, 36 at the other.
        assert second.error(ends, inputs, values, 0, 2).item() == pytest.approx(-72.0)


def test_regions_that_are_no_interval_rectangle_or_cuboid_are_refused():
    axes = sp.symbols("a b c d", real=True)
    u = sp.Function("u")(*axes)
    problem = Problem(
        "tesseract", [sum(D(u, a, 2) for a in axes)], [u], Box(dict.fromkeys(axes, (0, 1))), [dirichlet(u, 0)]
    )
    with pytest.raises(UnsupportedProblem, match="no interval, rectangle or cuboid"):
        TINY.compile(problem)
