"""How the command line speaks: results on stdout, one sentence per error or warning on stderr, exit codes."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from pinnlab.errors import IncompatibleData, SolveFailed

USAGE, FAILED, MISSED, INTERRUPTED = 2, 3, 4, 130


class Sentences(TyperGroup):
    """A group of commands in which every error that a user can act on is one sentence and an exit code.

    2 for usage, unsupported problems and files that cannot be used, 3 for a solve without usable answer, 130 for
    an interruption.  Other exceptions are mistakes of pinnlab, and keep their traceback.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _warnings_as_lines():
            try:
                return super().invoke(ctx)
            except BrokenPipeError:
                raise
            except (ValueError, OSError) as error:
                complain(_sentence(error))
                raise typer.Exit(USAGE) from None
            except (SolveFailed, MemoryError) as error:
                complain(_sentence(error))
                raise typer.Exit(FAILED) from None
            except KeyboardInterrupt as interruption:
                complain("; ".join(filter(None, ("interrupted", str(interruption)))))
                raise typer.Exit(INTERRUPTED) from None


def is_first() -> bool:
    """Whether this process tells and writes the result: alone, or rank 0 of those that torchrun has started."""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK", "0") == "0"


def complain(sentence: str) -> None:
    """One line on stderr."""
    typer.echo(f"pinnlab: {' '.join(sentence.split())}", err=True)


def say(text: str = "") -> None:
    """A line of the result on stdout."""
    if is_first():
        typer.echo(text)


def say_json(data: Any) -> None:
    """The result on stdout as JSON; numbers that are not finite, which JSON has not, become null."""
    say(json.dumps(_finite(data), allow_nan=False))


def standard_output() -> Console:
    """For tables."""
    return Console(highlight=False, quiet=not is_first())


def standard_error() -> Console:
    """For progress."""
    return Console(stderr=True, highlight=False)


@contextlib.contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """What other people's code prints goes to stderr, so that stdout holds the result alone."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Each warning once, as one line on stderr."""
    told = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        line = " ".join(str(message).split())
        if line not in told:
            told.add(line)
            typer.echo(f"warning: {line}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", IncompatibleData)
        warnings.showwarning = show
        yield


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error}); ask for a coarser resolution or a smaller --shape"
    return str(error)


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(k): _finite(v) for k, v in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(v) for v in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
