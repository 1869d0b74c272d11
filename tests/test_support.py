"""Which solver takes which problem."""

from __future__ import annotations

import warnings

import pytest

from pinnlab import Collocation, Etdrk4, MethodOfLines, Pinn, SolveFailed, support
from pinnlab.candidates import candidates
from pinnlab.domain.shape import Shape
from pinnlab.solver import Solver, solver_name
from pinnlab.support import shipped_solvers


def test_every_exported_solver_is_listed_by_its_name_on_the_command_line():
    found = shipped_solvers()
    expected = {"collocation": Collocation, "etdrk4": Etdrk4, "method-of-lines": MethodOfLines, "pinn": Pinn}
    assert expected.items() <= found.items()
    assert list(found) == sorted(found)
    for name, kind in found.items():
        assert solver_name(kind) == name
        assert isinstance(kind(), Solver)


def test_names_of_classes_are_in_kebab_case():
    assert solver_name(MethodOfLines) == solver_name(MethodOfLines()) == "method-of-lines"
    assert solver_name(type("Etd2Rk", (), {})) == "etd2-rk"


def test_the_table_says_yes_or_the_reason_that_compile_gave(shipped):
    table = support(shipped["burgers"])
    assert list(table) == list(shipped_solvers())
    assert table["method-of-lines"] == table["pinn"] == "yes"
    assert table["etdrk4"].startswith("no: Etdrk4 on 'burgers': needs a box periodic along every axis, and x is not")
    assert table["collocation"].startswith("no: Collocation on 'burgers': it solves steady problems")


def test_every_shipped_problem_has_a_classical_solver(shipped):
    for problem in shipped.values():
        # Grids end at three dimensions of space, and nothing classical transports on a disc.
        taken = len(problem.space) <= 3 and problem.name != "rotating_cone"
        assert bool(candidates(problem)) == taken, problem.name


def test_networks_take_every_shipped_problem_on_boxes_and_shapes_and_say_why_not_the_others(shipped):
    for problem in shipped.values():
        answer = support(problem, {"pinn": Pinn})["pinn"]
        # The profile of Barenblatt is a power of a difference, which no network may differentiate at its foot.
        if isinstance(problem.region, Shape) and problem.name != "porous_medium":
            assert answer == "yes", problem.name
        else:
            assert answer.startswith("no: "), problem.name
            assert problem.name in answer


def test_the_caller_may_bring_solvers_of_its_own(shipped):
    assert support(shipped["heat"], {"mine": MethodOfLines}) == {"mine": "yes"}


def test_the_table_is_made_without_warnings_about_the_default_settings(shipped):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert support(shipped["allen_cahn"], {"pinn": Pinn}) == {"pinn": "yes"}


class _Refusing(MethodOfLines):
    """A solver whose compiler ends with an error of one kind."""

    error: type[Exception] = ValueError

    def compile(self, problem, device=None):
        raise self.error("the default of 15 nodes is too few")


@pytest.mark.parametrize("kind", [ValueError, SolveFailed])
def test_default_settings_that_do_not_fit_are_a_reason_and_leave_the_other_solvers_in_the_table(shipped, kind):
    refusing = type("Refusing", (_Refusing,), {"error": kind})
    table = support(shipped["heat"], {"mine": refusing, "lines": MethodOfLines})
    assert table == {"mine": "no: the default of 15 nodes is too few", "lines": "yes"}


def test_a_fault_of_a_solver_is_no_reason(shipped):
    with pytest.raises(TypeError, match="too few"):
        support(shipped["heat"], {"mine": type("Faulty", (_Refusing,), {"error": TypeError})})
