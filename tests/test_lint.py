from __future__ import annotations

import warnings

import pytest
import sympy as sp

from pinnlab import (
    Box,
    Condition,
    D,
    IncompatibleData,
    Problem,
    TimeInterval,
    dirichlet,
    initial,
    initial_rate,
    laplacian,
    neumann,
    parameter,
    robin,
)
from pinnlab.lint import derivative_order, did_you_mean
from pinnlab.symbols import unknown_function

t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
w = sp.Function("w")(x, y)
HEAT = D(u, t) - D(u, x, 2)
ENDS = ["left", "right"]


ZERO = (initial(u, 0), dirichlet(u, 0))


def declare(equations=HEAT, conditions=ZERO, **changes):
    settings = {"unknowns": [u], "domain": Box({t: (0, 1), x: (0, 1)}), "time": t} | changes
    return Problem("sample", equations, conditions=conditions, **settings)


def periodic(**changes):
    return declare(domain=Box({t: (0, 1), x: (0, 1)}, periodic=[x]), **changes)


def steady(equation, conditions):
    return Problem("steady", [equation], [w], Box({x: (0, 1), y: (0, 1)}), conditions)


def refusal(build) -> str:
    with pytest.raises(ValueError, match="problem '") as caught:
        build()
    return str(caught.value)


def test_a_sound_declaration_passes_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        declare()
        periodic(conditions=[initial(u, sp.sin(2 * sp.pi * x))])


def test_orders_count_nested_derivatives():
    assert derivative_order(D(u * D(u, x, 2), x), u, x) == 3
    assert derivative_order(D(u**2, x), u, t) == 0
    assert derivative_order(D(v, x), u, x) == -1


def test_did_you_mean_is_silent_without_a_near_name():
    assert did_you_mean("lft", ["left", "right"]) == " (did you mean 'left'?)"
    assert did_you_mean("zzz", ["left", "right"]) == ""


# -- shape ---------------------------------------------------------------------------------------------------


def test_the_domain_must_be_a_domain():
    text = refusal(lambda: declare(domain={x: (0, 1)}))
    assert "domain must be a Box" in text


def test_equations_and_unknowns_are_needed():
    assert "at least one equation" in refusal(lambda: declare(equations=[]))
    assert "at least one equation" in refusal(lambda: declare(unknowns=[]))


def test_an_unknown_is_an_applied_function():
    text = refusal(lambda: declare(unknowns=[sp.Function("u")]))
    assert "unknown u must be a function of the coordinates" in text


def test_unknowns_have_different_names():
    assert "same name" in refusal(lambda: declare(equations=[HEAT, HEAT], unknowns=[u, u]))


def test_there_are_as_many_equations_as_unknowns():
    text = refusal(lambda: declare(equations=[HEAT, D(v, t) - u]))
    assert "2 equations for 1 unknowns ('u(t, x)',)" in text
    assert "one equation for each unknown" in text


def test_time_is_a_coordinate_and_not_periodic():
    assert "time y is not a coordinate" in refusal(lambda: declare(time=y))
    text = refusal(lambda: declare(domain=Box({t: (0, 1), x: (0, 1)}, periodic=[t, x])))
    assert "time t cannot be periodic; take it out" in text


@pytest.mark.parametrize("wrong", [None, x])
def test_an_evolution_needs_its_own_time(wrong):
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)})
    assert "say time=t" in refusal(lambda: declare(domain=domain, time=wrong))


def test_an_unknown_depends_on_all_coordinates_of_the_domain():
    text = refusal(lambda: declare(domain=Box({t: (0, 1), x: (0, 1), y: (0, 1)})))
    assert "u(t, x) depends on (t, x)" in text
    assert "declare u(t, x, y)" in text


def test_a_domain_without_length_is_refused():
    with pytest.raises(ValueError, match=r"x runs from 1 to 1, which has no length; give lower < upper"):
        declare(domain=Box({t: (0, 1), x: (1, 1)}))


# -- symbols -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [sp.nan, sp.oo, sp.zoo])
def test_a_coefficient_that_is_not_finite_is_refused_where_it_stands(bad):
    text = refusal(lambda: declare(equations=sp.Add(HEAT, sp.Mul(bad, u, evaluate=False), evaluate=False)))
    assert "equation 0" in text
    assert "not finite" in text
    text = refusal(lambda: declare(conditions=[initial(u, 0), dirichlet(u, bad, on=ENDS)]))
    assert "condition on left, right" in text


def test_a_function_that_is_no_unknown_is_named_with_the_near_one():
    uu = sp.Function("uu")(t, x)
    text = refusal(lambda: declare(equations=HEAT + uu))
    assert "uu(t, x) is not among the unknowns ('u(t, x)',) (did you mean 'u'?)" in text


def test_a_delayed_argument_is_no_unknown():
    assert "u(t, x + 1) is not among" in refusal(lambda: declare(equations=HEAT + u.subs(x, x + 1)))


def test_a_bare_symbol_asks_for_a_parameter():
    nu = sp.Symbol("nu")
    text = refusal(lambda: declare(equations=D(u, t) - nu * D(u, x, 2)))
    assert "nu is neither a coordinate nor a parameter" in text
    assert "parameter('nu', value)" in text


def test_a_coordinate_with_other_assumptions_is_explained():
    text = refusal(lambda: declare(equations=HEAT + sp.Symbol("x")))
    assert "this x is not the coordinate x" in text
    assert "real=True" in text


def test_the_normal_belongs_to_conditions_only():
    from pinnlab import normal

    assert "n_x is neither" in refusal(lambda: declare(equations=HEAT + normal(x)))
    declare(conditions=[initial(u, 0), Condition(normal(x) * D(u, x))])


def test_one_parameter_name_has_one_value():
    text = refusal(lambda: declare(equations=HEAT + parameter("k", 1) * u + parameter("k", 2)))
    assert "parameter 'k' occurs with two different values" in text


def test_conserved_densities_are_checked_too():
    assert "conserved 'mass'" in refusal(lambda: periodic(conditions=[initial(u, 0)], conserved={"mass": v}))


def test_each_equation_and_each_unknown_takes_part():
    text = refusal(lambda: declare(equations=[HEAT, x**2], unknowns=[u, v]))
    assert "equation 1: x**2 holds no unknown" in text
    text = refusal(lambda: declare(equations=[HEAT, D(u, t) - u], unknowns=[u, v]))
    assert "unknown v(t, x) occurs in no equation" in text


# -- pieces --------------------------------------------------------------------------------------------------


def test_a_misspelt_side_is_refused_with_the_near_name():
    text = refusal(lambda: declare(conditions=[initial(u, 0), dirichlet(u, 0, on=["lefft", "right"])]))
    assert "no piece 'lefft' (did you mean 'left'?)" in text
    assert "the pieces are initial, left, right" in text


def test_a_periodic_side_takes_no_condition():
    text = refusal(lambda: periodic(conditions=[initial(u, 0), dirichlet(u, 0, on="left")]))
    assert "periodic along x and has no side 'left'" in text
    assert "take x out of periodic=" in text


def test_a_condition_on_no_boundary_is_refused():
    assert "has no boundary; drop it" in refusal(lambda: periodic(conditions=[initial(u, 0), dirichlet(u, 0)]))


def test_a_condition_speaks_of_an_unknown():
    assert "holds no unknown" in refusal(lambda: declare(conditions=[initial(u, 0), Condition(x, "left")]))


# -- counts --------------------------------------------------------------------------------------------------


def test_a_missing_initial_value_is_named():
    text = refusal(lambda: declare(conditions=[dirichlet(u, 0)]))
    assert "u(t, x) has order 1 in t, so it needs 1 initial condition, and 0 are given" in text
    assert "add initial(u, …)" in text


def test_a_surplus_initial_value_is_refused():
    text = refusal(lambda: declare(conditions=[initial(u, 0), initial(u, 0), dirichlet(u, 0)]))
    assert "2 are given; remove the surplus" in text


def test_second_order_in_time_needs_value_and_rate():
    wave = D(u, t, 2) - D(u, x, 2)
    declare(equations=wave, conditions=[initial(u, 0), initial_rate(u, 0), dirichlet(u, 0)])
    text = refusal(lambda: declare(equations=wave, conditions=[initial(u, 0), dirichlet(u, 0)]))
    assert "needs 2 initial conditions, and 1 is given; add initial(u, …) and initial_rate(u, …)" in text
    text = refusal(lambda: declare(equations=wave, conditions=[initial(u, 0), initial(u, 1), dirichlet(u, 0)]))
    assert "0 of its 2 initial conditions prescribe its rate" in text


def test_a_rate_does_not_replace_the_initial_value():
    text = refusal(lambda: declare(conditions=[initial_rate(u, 0), dirichlet(u, 0)]))
    assert "1 of its 1 initial condition prescribe its rate; give initial(u, …)" in text


@pytest.mark.parametrize(
    ("order", "good", "bad"),
    [
        (1, [dirichlet(u, 0, "left")], [dirichlet(u, 0, ENDS)]),
        (1, [dirichlet(u, 0, "right")], []),
        (
            2,
            [dirichlet(u, 0, "left"), neumann(u, 0, "right")],
            [dirichlet(u, 0, "left"), neumann(u, 0, "left")],
        ),
        (2, [robin(u, 1, 1, 0)], [dirichlet(u, 0), neumann(u, 0, "left")]),
        (3, [dirichlet(u, 0), neumann(u, 0, "right")], [dirichlet(u, 0)]),
        (3, [dirichlet(u, 0), neumann(u, 0, "left")], [dirichlet(u, 0), neumann(u, 0)]),
        (4, [dirichlet(u, 0), neumann(u, 0)], [dirichlet(u, 0), neumann(u, 0, "left")]),
        (4, [dirichlet(u, 0), Condition(D(u, x, 2))], [dirichlet(u, 0)]),
    ],
)
def test_boundary_conditions_match_the_order_in_space(order, good, bad):
    equation = D(u, t) + D(u, x, order)
    declare(equations=equation, conditions=[initial(u, 0), *good])
    text = refusal(lambda: declare(equations=equation, conditions=[initial(u, 0), *bad]))
    assert "the order of u(t, x) in x asks for" in text
    assert "remove the surplus" in text or "add one such as dirichlet(u, 0, on=" in text


def test_a_missing_condition_is_named_with_its_side():
    text = refusal(lambda: declare(conditions=[initial(u, 0), dirichlet(u, 0, "right")]))
    assert "asks for 1 condition on 'left', and 0 are given" in text
    assert "dirichlet(u, 0, on='left'), or make the axis periodic" in text


def test_odd_orders_are_counted_on_both_ends_together():
    text = refusal(lambda: declare(equations=D(u, t) + D(u, x), conditions=[initial(u, 0)]))
    assert "1 condition on 'left' and 'right' together, and 0 are given" in text


@pytest.mark.parametrize("sides", [[], ["left"], ["right"], ["left", "right"]])
def test_a_first_order_equation_that_steers_itself_takes_values_on_any_sides(sides):
    conditions = [initial(u, 0), *(dirichlet(u, 0, side) for side in sides)]
    declare(equations=D(u, t) + D(u**2 / 2, x), conditions=conditions)
    declare(equations=D(u, t) + u * D(u, x), conditions=conditions)


def test_a_first_order_equation_with_a_given_speed_takes_one_value():
    for linear in (D(u, t) + D(x * u, x), D(u, t) + x * D(u, x) + u**2):
        declare(equations=linear, conditions=[initial(u, 0), dirichlet(u, 0, "left")])
        for sides in ([], ["left", "right"]):
            conditions = [initial(u, 0), *(dirichlet(u, 0, side) for side in sides)]
            assert "1 condition on 'left' and 'right' together" in refusal(
                lambda c=conditions, e=linear: declare(equations=e, conditions=c)
            )


def test_every_unknown_of_a_system_is_counted():
    equations = [HEAT + v, D(v, t) - D(v, x, 2)]
    good = [initial(u, 0), initial(v, 0), dirichlet(u, 0), neumann(v, 0)]
    declare(equations=equations, unknowns=[u, v], conditions=good)
    text = refusal(lambda: declare(equations=equations, unknowns=[u, v], conditions=good[:3]))
    assert "the order of v(t, x) in x asks for 1 condition on 'left'" in text
    text = refusal(lambda: declare(equations=equations, unknowns=[u, v], conditions=[good[0], *good[2:]]))
    assert "v(t, x) has order 1 in t" in text


def test_an_unknown_without_rate_takes_no_initial_value():
    equations, conditions = [HEAT + v, D(v, x, 2) - u], [initial(u, 0), dirichlet(u, 0), dirichlet(v, 0)]
    declare(equations=equations, unknowns=[u, v], conditions=conditions)
    text = refusal(lambda: declare(equations=equations, unknowns=[u, v], conditions=[*conditions, initial(v, 0)]))
    assert "v(t, x) has order 0 in t, so it needs 0 initial conditions, and 1 is given" in text


def test_each_axis_of_a_steady_problem_is_counted():
    steady(laplacian(w, (x, y)), [dirichlet(w, 0)])
    text = refusal(lambda: steady(laplacian(w, (x, y)), [dirichlet(w, 0, ["left", "right", "top"])]))
    assert "in y asks for 1 condition on 'bottom'" in text
    text = refusal(lambda: steady(laplacian(w, (x, y)), [dirichlet(w, 0, "initial"), dirichlet(w, 0)]))
    assert "the problem has no time; pass time=" in text


def test_a_condition_that_couples_unknowns_is_not_counted():
    equations = [D(u, t) + D(v, x), D(v, t) + D(u, x)]
    conditions = [initial(u, 0), initial(v, 0), Condition(u - v, "left"), Condition(u + v, "right")]
    declare(equations=equations, unknowns=[u, v], conditions=conditions)


# -- corners -------------------------------------------------------------------------------------------------


def test_a_jump_between_initial_and_boundary_data_warns_with_its_size():
    with pytest.warns(IncompatibleData, match=r"'initial' and 'right' differ by 0\.25") as caught:
        declare(conditions=[initial(u, x / 4), dirichlet(u, 0)])
    assert len(caught) == 1


def test_a_jump_between_two_sides_warns():
    with pytest.warns(IncompatibleData, match="'left' and 'top' differ by 1 ") as caught:
        steady(laplacian(w, (x, y)), [dirichlet(w, y, "left"), dirichlet(w, 0, ["right", "bottom", "top"])])
    assert len(caught) == 1


def test_a_jump_across_a_periodic_end_warns():
    with pytest.warns(IncompatibleData, match="two ends of periodic x differ by 1 "):
        periodic(conditions=[initial(u, x)])


def test_a_jump_that_a_parameter_makes_is_seen():
    with pytest.warns(IncompatibleData, match=r"differ by 0\.5"):
        declare(conditions=[initial(u, parameter("a", 0.5)), dirichlet(u, 0)])


def test_corners_at_rounding_and_opposite_sides_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        declare(conditions=[initial(u, sp.sin(sp.pi * x) + x), dirichlet(u, 0, "left"), dirichlet(u, 1, "right")])
        declare(conditions=[initial(u, 1), neumann(u, 3)])


def test_an_unknown_function_is_no_undeclared_one():
    f = unknown_function("f", u, D(u, x))
    problem = declare(HEAT + f, conditions=[initial(u, f), dirichlet(u, unknown_function("g", t))])
    assert [str(h) for h in problem.unknown_functions] == [str(f), "g(t)"]


def test_one_unknown_function_has_one_number_of_arguments():
    with pytest.raises(ValueError, match=r"the unknown function 'f' occurs as .* give both the same number"):
        declare(HEAT + unknown_function("f", u) + unknown_function("f", u, x))
    with pytest.raises(ValueError, match="with other arguments or bounds"):
        declare(HEAT + unknown_function("f", u) + unknown_function("f", x, bounds=[(0, 1)]))
    declare(HEAT + unknown_function("f", u) + unknown_function("f", x))


def test_an_unknown_function_needs_a_name_of_its_own():
    for name in ("u", "x"):
        with pytest.raises(ValueError, match="has the name of something else; rename"):
            declare(HEAT + unknown_function(name, u))


def test_an_unknown_flux_is_declared_with_its_conditions():
    declare(D(u, t) + D(unknown_function("f", u), x), conditions=[initial(u, 0)])


def test_an_initial_condition_without_time_asks_for_time():
    assert "time=t" in refusal(lambda: declare(time=None))
