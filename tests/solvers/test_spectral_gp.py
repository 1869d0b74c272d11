"""SpectralGp: the contract, digits, ranges that widen, observations, windows, refusals."""

import math
import warnings

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    D,
    Disk,
    EqualWindows,
    FoundSpectrum,
    Matern,
    NodeGrid,
    Observations,
    Problem,
    SpectralGp,
    SpectralMixture,
    SquaredExponential,
    Uncertain,
    compare,
    dirichlet,
    initial,
    neumann,
    parameter,
    solve,
)
from pinnlab.catalog import load
from pinnlab.errors import UnsupportedProblem
from pinnlab.gps.gram import Dense
from pinnlab.solver import Status
from pinnlab.testing import SolverContract

t, x, y = sp.symbols("t x y", real=True)


def line(equation, exact=None, bounds=(0, 1), name="line"):
    return Problem(
        name=name,
        equations=[equation],
        unknowns=[u],
        domain=Box({x: bounds}),
        conditions=[dirichlet(u, 0 if exact is None else exact)],
        reference=exact,
    )


u = sp.Function("u")(x)
WAVE = sp.sin(17.3 * x) + x**2
NONLINEAR = line(D(u, x, 2) - u**3 - WAVE.diff(x, 2) + WAVE**3, WAVE)


class TestSpectralGp(SolverContract):
    tolerance = 1e-10

    def case(self):
        return NONLINEAR, SpectralGp()

    def refused(self):
        return load("poisson_10d")


def error(problem, solution):
    (row,) = (r for r in compare(problem, {"gp": solution}).rows if r.metric == "relative_l2")
    return row.value


def test_the_range_of_frequencies_is_found_where_the_data_hide_it():
    # A boundary layer: constant data, and a solution that asks for more than the first range has.
    layer = sp.sinh(60 * (1 - x)) / sp.sinh(60)
    hidden = line(D(u, x, 2) - 3600 * u, layer)
    narrow = solve(hidden, SpectralGp(kernel=FoundSpectrum(rounds=1), sweeps=0))
    found = solve(hidden, SpectralGp())
    assert error(hidden, found) < 1e-3 * error(hidden, narrow)
    assert error(hidden, found) < 1e-9
    assert found.note == ""


def test_frequencies_off_every_grid_are_met():
    wave = sp.sin(6.31 * x) * sp.cos(50.37 * x)
    problem = line(D(u, x, 2) - wave.diff(x, 2), wave, (0, 2 * sp.pi))
    assert error(problem, solve(problem, SpectralGp())) < 1e-9


def test_evidence_is_in_the_history_and_grows():
    wave = sp.sin(40 * x)
    problem = line(D(u, x, 2) + 1600 * wave, wave, (0, 2 * sp.pi))
    history = solve(problem, SpectralGp(sweeps=3)).history
    told = history["log_evidence"][~np.isnan(history["log_evidence"])]
    assert len(told) == 4
    assert (np.diff(told) > 0).all()


def test_a_given_kernel_and_a_shape_are_taken():
    v = sp.Function("v")(x, y)
    bump = sp.exp(x) * sp.cos(y) * (1 - x**2 - y**2)
    problem = Problem(
        name="disk",
        equations=[D(v, x, 2) + D(v, y, 2) - bump.diff(x, 2) - bump.diff(y, 2)],
        unknowns=[v],
        domain=Disk({x: 0, y: 0}, radius=1, name="rim"),
        conditions=[dirichlet(v, 0)],
        reference=bump,
    )
    found = solve(problem, SpectralGp(kernel=SquaredExponential(1.5), placement=NodeGrid(16)))
    assert error(problem, found) < 1e-6


def test_noisy_values_in_place_of_a_condition_give_the_deviation_of_least_squares():
    wave = sp.sin(6 * x)
    problem = line(D(u, x, 2) + 36 * u, wave)
    rng, places = np.random.default_rng(3), np.linspace(0.1, 0.9, 30)[:, None]
    data = Observations(places, np.sin(6 * places) + 0.05 * rng.standard_normal((30, 1)), 0.05)
    found = solve(problem, SpectralGp(observations=data, uncertain=Uncertain("right"))).field
    at = np.linspace(0.05, 0.95, 40)[:, None]
    # What is left is u = a sin(6 x): the deviation is that of an estimate of a.
    expected = 0.05 / math.sqrt(float(np.sum(np.sin(6 * places) ** 2))) * np.abs(np.sin(6 * at))
    np.testing.assert_allclose(found.deviation(at), expected, rtol=0.05, atol=1e-4)
    assert (np.abs(found(at) - np.sin(6 * at)) < 3.5 * found.deviation(at) + 1e-6).all()


def test_conditions_known_up_to_an_error_leave_just_that_open():
    # u = a + b x with u(0) exact and u(1) = 1 up to 0.1: the deviation is 0.1 x as long as the prior is wide.
    problem = line(D(u, x, 2), x)
    found = solve(problem, SpectralGp(kernel=SquaredExponential(3.0), uncertain=Uncertain("right", 0.1))).field
    at = np.linspace(0, 1, 11)[:, None]
    np.testing.assert_allclose(found.deviation(at), 0.1 * at, rtol=0.2, atol=1e-4)
    np.testing.assert_allclose(found(at), at, atol=0.05)


def test_an_unknown_parameter_is_learned():
    k = parameter("k", unknown=True, guess=1.0, bounds=(0.1, 10))
    problem = Problem(name="decay", equations=[D(u, x) + k * u], unknowns=[u], domain=Box({x: (0, 1)}),
                      conditions=[dirichlet(u, 1, on="left")])  # fmt: skip
    rng, places = np.random.default_rng(0), np.linspace(0.05, 1, 40)[:, None]
    data = Observations(places, np.exp(-2.5 * places) + 0.01 * rng.standard_normal((40, 1)), 0.01)
    told = solve(problem, SpectralGp(observations=data)).field.parameters["k"]
    assert abs(told.value - 2.5) < 3 * told.standard_error
    assert told.standard_error < 0.05


def heat():
    v = sp.Function("v")(t, x)
    exact = sp.exp(-t) * sp.sin(x) + sp.exp(-9 * t) * sp.sin(3 * x)
    return Problem(
        name="heat", equations=[D(v, t) - D(v, x, 2)], unknowns=[v], domain=Box({t: (0, 1), x: (0, sp.pi)}),
        conditions=[initial(v, exact.subs(t, 0)), dirichlet(v, 0)], time=t, reference=exact,
    )  # fmt: skip


def test_space_time_and_marching_agree():
    whole = solve(heat(), SpectralGp(kernel=FoundSpectrum(tolerance=1e-7), sweeps=0))
    marched = solve(heat(), SpectralGp(kernel=FoundSpectrum(tolerance=1e-7), sweeps=0, windows=EqualWindows(2)))
    assert error(heat(), whole) < 1e-6
    assert error(heat(), marched) < 1e-6


def test_what_is_not_resolved_is_said():
    v = sp.Function("v")(x)
    kink = Problem(name="kink", equations=[D(v, x) - sp.Abs(x - sp.Rational(1, 3))], unknowns=[v],
                   domain=Box({x: (0, 1)}), conditions=[dirichlet(v, 0, on="left")])  # fmt: skip
    found = solve(kink, SpectralGp(kernel=SquaredExponential(0.5), placement=NodeGrid(15)))
    assert "points not used" in found.note
    assert found.status is Status.DONE


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": 3}, "give FoundSpectrum"),
        ({"placement": 100}, "give NodeGrid"),
        ({"algebra": "dense"}, "give WeightSpace"),
        ({"nugget": 0.0}, "nugget = 0.0"),
        ({"iterations": 0}, "iterations"),
        ({"sweeps": -1}, "sweeps = -1; give a whole number from 0 on"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        SpectralGp(**settings)


def test_kernels_must_be_as_many_as_coordinates_and_smooth_enough():
    with pytest.raises(UnsupportedProblem, match="give one for each"):
        SpectralGp(kernel=(SquaredExponential(1.0),) * 3).compile(heat())
    with pytest.raises(UnsupportedProblem, match="smoother kernel"):
        SpectralGp(kernel=Matern(0.3, smoothness=1.5)).compile(heat())


def test_unknown_parameters_need_observations():
    k = parameter("k", unknown=True, guess=1.0)
    problem = Problem(name="decay", equations=[D(u, x) + k * u], unknowns=[u], domain=Box({x: (0, 1)}),
                      conditions=[dirichlet(u, 1, on="left")])  # fmt: skip
    with pytest.raises(UnsupportedProblem, match=r"parameter k is unknown.*give observations="):
        SpectralGp().compile(problem)


def test_windows_with_noisy_values_are_refused():
    data = Observations(np.array([[0.5, 1.0]]), np.array([0.5]), 0.1)
    for settings in ({"observations": data}, {"uncertain": Uncertain("initial", 0.1)}):
        with pytest.raises(UnsupportedProblem, match="leave windows out"):
            SpectralGp(windows=EqualWindows(2), **settings).compile(heat())


def test_intervals_hold_the_truth_as_often_as_they_say():
    # u' = -u on [0, 2] with u(0) unknown: nothing but its amplitude is left, seen through 15 values.
    problem = Problem(name="decay", equations=[D(u, x) + u], unknowns=[u], domain=Box({x: (0, 2)}),
                      conditions=[dirichlet(u, 1, on="left")])  # fmt: skip
    places = np.linspace(0, 2, 15)[:, None]
    distances = []
    for seed in range(25):
        values = np.exp(-places) + 0.1 * np.random.default_rng(seed).standard_normal((15, 1))
        data = Observations(places, values, 0.1)
        found = solve(problem, SpectralGp(observations=data, uncertain=Uncertain("left"))).field
        at = np.array([[1.0]])
        distances.append(float(((found(at) - math.exp(-1)) / found.deviation(at))[0, 0]))
    assert 0.6 < np.sqrt(np.mean(np.square(distances))) < 1.4


def test_data_of_a_piece_that_is_left_out_are_not_looked_at():
    def told(data):
        data_at_right = line(D(u, x, 2), data).conditions
        problem = Problem(name="line", equations=[D(u, x, 2)], unknowns=[u], domain=Box({x: (0, 1)}),
                          conditions=list(data_at_right))  # fmt: skip
        values = Observations(np.array([[0.4], [0.9]]), np.array([0.4, 0.9]), 0.01)
        return solve(problem, SpectralGp(observations=values, uncertain=Uncertain("right"))).field

    at = np.linspace(0, 1, 5)[:, None]
    np.testing.assert_array_equal(told(x)(at), told(5 * x)(at))


def test_a_run_that_is_cut_anywhere_ends_as_one_that_is_not(tmp_path):
    # Linear, with a range that is widened, widths that are compared and steps of the evidence.
    layer = line(D(u, x, 2) - 900 * u, sp.exp(-30 * x))
    whole = solve(layer, SpectralGp())
    at = np.linspace(0, 1, 9)[:, None]
    for cut in (2, 4, 7, 9, 11):
        path = tmp_path / f"{cut}.ckpt"
        solve(layer, SpectralGp(), max_steps=cut, checkpoint=path)
        rest = solve(layer, SpectralGp(), checkpoint=path, resume=True)
        np.testing.assert_array_equal(rest.field(at), whole.field(at))
        np.testing.assert_array_equal(rest.field.deviation(at), whole.field.deviation(at))
    assert len(whole.history["merit"]) > 11


def test_a_mixture_of_a_high_frequency_is_taken():
    wave = sp.sin(100 * x)
    problem = line(D(u, x, 2) + 10_000 * wave, wave)
    kernel = SpectralMixture(weights=(1.0,), frequencies=(100.0,), lengths=(1.0,))
    assert error(problem, solve(problem, SpectralGp(kernel=kernel, placement=NodeGrid(100)))) < 1e-9


def test_a_given_kernel_is_solved_with_once_where_nothing_is_noisy():
    problem = line(D(u, x, 2) + u, sp.cos(x))
    history = solve(problem, SpectralGp(kernel=SquaredExponential(1.0))).history
    assert int(np.isfinite(history["merit"]).sum()) == 1


def test_steps_that_do_not_suffice_are_said():
    assert "raise iterations" in solve(NONLINEAR, SpectralGp(iterations=2, sweeps=0)).note
    assert "raise iterations" not in solve(NONLINEAR, SpectralGp(sweeps=0)).note


def reaction():
    return line(D(u, x, 2) - u + 1)


@pytest.mark.parametrize("deviation", [0.01, 1.0])
def test_an_uncertain_condition_of_value_zero_stays_uncertain(deviation):
    found = solve(reaction(), SpectralGp(uncertain=Uncertain("right", deviation))).field
    told = float(found.deviation(np.array([[1.0]]))[0, 0])
    assert 0.5 * deviation < told <= deviation


def test_few_values_leave_the_far_end_open():
    # u = 1 + a exp(x) + b exp(-x) with u(0) = 0 and u(1) = 0.3.
    a, b = np.linalg.solve([[1, 1], [np.e, 1 / np.e]], [-1, -0.7])
    places, inside = np.linspace(0.1, 0.3, 5)[:, None], 0
    for seed in range(6):
        noise = 0.05 * np.random.default_rng(seed).standard_normal((5, 1))
        data = Observations(places, 1 + a * np.exp(places) + b * np.exp(-places) + noise, 0.05)
        found = solve(reaction(), SpectralGp(observations=data, uncertain=Uncertain("right"))).field
        end = np.array([[1.0]])
        deviation = float(found.deviation(end)[0, 0])
        # Least squares without a prior leave 0.12 open.
        assert 0.05 < deviation < 0.13
        inside += abs(float(found(end)[0, 0]) - 0.3) < 2 * deviation
    assert inside >= 5


def test_a_beam_asks_for_a_wider_range_than_its_data():
    bent = sp.sin(3 * x) * sp.exp(x)
    ends = [dirichlet(u, bent), neumann(u, bent.diff(x).subs(x, 1), on="right")]
    ends.append(neumann(u, -bent.diff(x).subs(x, 0), on="left"))
    beam = Problem(
        name="beam", equations=[D(u, x, 4) - bent.diff(x, 4)], unknowns=[u], domain=Box({x: (0, 1)}),
        conditions=ends, reference=bent,
    )  # fmt: skip
    found = solve(beam, SpectralGp())
    assert error(beam, found) < 1e-8
    assert found.note == ""


def resonant(frequency=math.pi):
    return line(D(u, x, 2) + frequency**2 * u - sp.sin(3 * sp.pi * x))


def slopes():
    return Problem(name="slopes", equations=[D(u, x, 2) - sp.cos(sp.pi * x)], unknowns=[u], domain=Box({x: (0, 1)}),
                   conditions=[neumann(u, 0)])  # fmt: skip


@pytest.mark.parametrize("problem", [resonant(), slopes()], ids=["resonance", "slopes"])
@pytest.mark.parametrize(
    "settings", [{}, {"kernel": SquaredExponential(0.3), "algebra": Dense()}], ids=["found", "dense"]
)
def test_a_solution_among_many_is_said_to_be_one(problem, settings):
    with pytest.warns(UserWarning, match="leave the solution open.*fix a value there") as told:
        found = solve(problem, SpectralGp(**settings))
    assert __file__ in {w.filename for w in told}
    assert "leave the solution open" in found.note


def test_a_value_pins_a_solution_among_many():
    one = Observations(np.array([[0.5]]), np.array([-3.0]), 1e-3)
    found = solve(resonant(), SpectralGp(observations=one))
    at = np.array([[0.25]])
    # u = -sin(3 pi x) / (8 pi^2) + a sin(pi x), and 1 / (8 pi^2) + a = -3.
    a = -3 - 1 / (8 * math.pi**2)
    assert found.note == ""
    assert float(found.field(at)[0, 0]) == pytest.approx((a - 1 / (8 * math.pi**2)) / math.sqrt(2), abs=5e-3)


@pytest.mark.parametrize("name", ["poisson_1d", "poisson_hf_2", "advection", "wave", "heat", "helmholtz_2d"])
def test_well_posed_problems_are_answered_without_a_remark(shipped, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert solve(shipped[name], SpectralGp()).note == ""


def test_an_answer_near_an_eigenvalue_and_one_with_no_curvature_are_answered_without_a_remark():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert solve(resonant(1.01 * math.pi), SpectralGp()).note == ""
        assert solve(line(D(u, x, 2), x), SpectralGp()).note == ""
        assert solve(line(D(u, x, 2) - 1e-10 * sp.sin(30 * x), x), SpectralGp()).note == ""


@pytest.mark.parametrize("spoilt", ["noise", "outlier", "nothing"])
def test_values_that_their_noise_does_not_explain_are_said(spoilt):
    problem = line(D(u, x, 2) + 9 * u, sp.sin(3 * x))
    rng, places = np.random.default_rng(0), np.linspace(0.02, 0.98, 30)[:, None]
    noise = 0.05 * rng.standard_normal((30, 1)) * (4 if spoilt == "noise" else 1)
    noise[7] += 0.6 if spoilt == "outlier" else 0
    data = Observations(places, np.sin(3 * places) + noise, 0.05)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        note = solve(problem, SpectralGp(observations=data, uncertain=Uncertain("right"))).note
    said = [w for w in told if "missed by more than its noise" in str(w.message)]
    assert len(said) == ("missed by more than its noise" in note) == (spoilt != "nothing")
    if spoilt == "outlier":
        assert f"at (x = {places[7, 0]:.6g})" in note


def test_an_uncertain_condition_that_values_contradict_is_said():
    problem = line(D(u, x, 2) + 9 * u, sp.sin(3 * x))
    places = np.linspace(0.1, 0.9, 20)[:, None]
    noise = 0.05 * np.random.default_rng(1).standard_normal((20, 1))
    data = Observations(places, 2 * np.sin(3 * places) + noise, 0.05)
    with pytest.warns(UserWarning, match="may contradict each other"):
        found = solve(problem, SpectralGp(observations=data, uncertain=Uncertain("right", 0.01)))
    assert found.note.count("contradict each other") == found.note.count("points not used") == 1
