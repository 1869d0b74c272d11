"""Errors and warnings as single lines, with the exit codes that the help promises."""

from __future__ import annotations

import json
import warnings

import pytest
import typer
from typer.testing import CliRunner

from pinnlab.commands import terminal
from pinnlab.commands.terminal import Sentences, say_json, stdout_kept_clean
from pinnlab.errors import IncompatibleData, SolveFailed, UnsupportedProblem


def run(action):
    app = typer.Typer(cls=Sentences, pretty_exceptions_enable=False)

    @app.callback()
    def group() -> None: ...

    @app.command()
    def act() -> None:
        action()

    return CliRunner().invoke(app, ["act"])


def raising(error):
    def action():
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ValueError("bad\n  value"), 2, "bad value"),
        (UnsupportedProblem("cannot"), 2, "cannot"),
        (FileNotFoundError("f: there is none"), 2, "f: there is none"),
        (PermissionError(13, "Permission denied", "f"), 2, "f: Permission denied"),
        (SolveFailed("diverged"), 3, "diverged"),
        (
            MemoryError("8 TiB"),
            3,
            "there is not enough memory (8 TiB); ask for a coarser resolution or a smaller --shape",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("go on"), 130, "interrupted; go on"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error, code, told):
    result = run(raising(error))
    assert (result.exit_code, result.stderr, result.stdout) == (code, f"pinnlab: {told}\n", "")


def test_a_mistake_of_pinnlab_itself_keeps_its_traceback():
    result = run(raising(TypeError("a bug")))
    assert isinstance(result.exception, TypeError)


def test_a_warning_is_one_line_and_told_once():
    def action():
        for _ in range(3):
            warnings.warn("data\n differ", IncompatibleData, stacklevel=1)

    result = run(action)
    assert (result.exit_code, result.stderr) == (0, "warning: data differ\n")


def test_warnings_are_as_before_after_the_command():
    before = warnings.showwarning, list(warnings.filters)
    run(lambda: None)
    assert (warnings.showwarning, list(warnings.filters)) == before


def test_json_has_null_where_a_number_is_not_finite():
    result = run(lambda: say_json({"a": float("nan"), "b": [float("inf"), 1.5, (2, "x")], 3: True}))
    assert json.loads(result.stdout) == {"a": None, "b": [None, 1.5, [2, "x"]], "3": True}


def test_what_others_print_goes_to_stderr():
    def action():
        with stdout_kept_clean():
            print("noise")  # noqa: T201
        typer.echo("result")

    result = run(action)
    assert (result.stdout, result.stderr) == ("result\n", "noise\n")


def test_of_the_ranks_that_torchrun_started_the_first_one_alone_speaks(capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert terminal.is_first()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "some")
    assert not terminal.is_first()
    terminal.say("told twice")
    terminal.say_json({"a": 1})
    terminal.standard_output().print("told twice")
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("RANK", "0")
    terminal.say("told once")
    monkeypatch.delenv("RANK")
    terminal.say("told by one that has no number")
    assert capsys.readouterr().out == "told once\ntold by one that has no number\n"
