"""Which solver takes which problem."""

from __future__ import annotations

from pinnlab import Collocation, Etdrk4, MethodOfLines, Pinn, support
from pinnlab.solver import Solver, solver_name
from pinnlab.support import shipped_solvers


def test_every_exported_solver_is_listed_by_its_name_on_the_command_line():
    found = shipped_solvers()
    expected = {"collocation": Collocation, "etdrk4": Etdrk4, "method-of-lines": MethodOfLines, "pinn": Pinn}
    assert expected.items() <= found.items()
    assert list(found) == sorted(found)
    for name, kind in found.items():
        assert solver_name(kind) == name
        assert issubclass(kind, Solver)


def test_names_of_classes_are_in_kebab_case():
    assert solver_name(MethodOfLines) == solver_name(MethodOfLines()) == "method-of-lines"
    assert solver_name(type("Etd2Rk", (), {})) == "etd2-rk"


def test_the_table_says_yes_or_the_reason_that_compile_gave(shipped):
    table = support(shipped["burgers"])
    assert list(table) == list(shipped_solvers())
    assert table["method-of-lines"] == table["pinn"] == "yes"
    assert table["etdrk4"].startswith("no: Etdrk4 on 'burgers': needs a box periodic along every axis, and x is not")
    assert table["collocation"].startswith("no: Collocation on 'burgers': it solves steady problems")


def test_every_shipped_problem_has_a_classical_and_a_neural_solver(shipped):
    classical = {"collocation": Collocation, "etdrk4": Etdrk4, "method-of-lines": MethodOfLines}
    for problem in shipped.values():
        assert "yes" in support(problem, classical).values(), problem.name
        assert support(problem, {"pinn": Pinn}) == {"pinn": "yes"}, problem.name


def test_the_caller_may_bring_solvers_of_its_own(shipped):
    assert support(shipped["heat"], {"mine": MethodOfLines}) == {"mine": "yes"}
