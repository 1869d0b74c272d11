"""Problems by name or by file: those that pinnlab ships, and the user's own."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from pinnlab.lint import did_you_mean
from pinnlab.problem import Problem

ATTRIBUTE = "problem"
SUFFIXES = (".py", ".json")
# Beyond this many characters a declaration is no declaration, and reading it would only fill the memory.
LONGEST_JSON = 20_000_000


def shipped() -> dict[str, Path]:
    """Name → file of every problem that comes with pinnlab, sorted by name."""
    package = Path(__file__).parent
    folder = next((f for f in (package / "problems", package.parent / "problems") if f.is_dir()), None)
    files = [] if folder is None else sorted(folder.glob("*.py"))
    return {file.stem: file for file in files if not file.stem.startswith("_")}


def load(text: str) -> Problem:
    """The problem that a text names.

    Args:
        text: The name of a shipped problem (`burgers`), a Python file (`mine.py`, or `mine.py:wave` where the
            problem is not called `problem`), or a JSON file that `Problem.to_json` wrote.  A Python file is
            executed, as by `python mine.py`, with its own folder on the path; a JSON file is only read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If no shipped problem has the name, or the file does not declare a problem; one sentence
            with the file, the line and the way out.
    """
    place, attribute = _parted(text)
    known = shipped()
    if place in known:
        return _from_module(known[place], attribute)
    if not place.endswith(SUFFIXES):
        raise ValueError(
            f"there is no problem {place!r}{did_you_mean(place, known)}; shipped are {', '.join(known)}, and a "
            "problem of your own is a file, such as mine.py or mine.py:wave"
        )
    file = Path(place)
    if not file.is_file():
        hint = f"; the shipped problem is called {file.stem}" if file.stem in known else ""
        raise FileNotFoundError(f"{place}: there is no such file{hint}")
    return _from_json(file) if file.suffix == ".json" else _from_module(file, attribute)


def _parted(text: str) -> tuple[str, str]:
    """File or name, and the attribute; a colon that belongs to the path, as on Windows, stays there."""
    place, colon, attribute = text.rpartition(":")
    if colon and attribute.isidentifier():
        return place, attribute
    return text, ATTRIBUTE


def _from_json(file: Path) -> Problem:
    try:
        text = file.read_text(encoding="utf-8")
        if len(text) > LONGEST_JSON:
            raise ValueError(f"{len(text)} characters are too many for a declaration")
        return Problem.from_json(text)
    except UnicodeDecodeError:
        raise ValueError(f"{file}: this is no text; give a file that Problem.to_json wrote") from None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _from_module(file: Path, attribute: str) -> Problem:
    module = _executed(file)
    problems = [name for name, value in vars(module).items() if isinstance(value, Problem)]
    found = getattr(module, attribute, None)
    if isinstance(found, Problem):
        return found
    there = f"; say {file}:{problems[0]}" if len(problems) == 1 else f"; its problems are {', '.join(problems)}"
    way_out = there if problems else "; write problem = Problem(…) in it"
    if attribute in vars(module):
        raise ValueError(f"{file}: {attribute} is a {type(found).__name__} and no Problem{way_out}")
    raise ValueError(f"{file}: it has no {attribute!r}{did_you_mean(attribute, problems)}{way_out}")


def _executed(file: Path) -> ModuleType:
    """The module of a file; whatever goes wrong in it becomes one sentence with the line."""
    module = ModuleType("pinnlab_problem_" + re.sub(r"\W", "_", file.stem))
    module.__file__ = os.fspath(file)
    try:
        with _importable(module, file.parent):
            # Compiled here and not imported: no __pycache__ beside the user's file, and never a stale one.
            exec(compile(file.read_bytes(), os.fspath(file), "exec"), vars(module))
    except SyntaxError as error:
        raise ValueError(f"{error.filename or file}, line {error.lineno}: {error.msg}") from None
    except (Exception, SystemExit) as error:
        raise ValueError(f"{file}{_line(error, file)}: {_told(error)}") from error
    return module


@contextmanager
def _importable(module: ModuleType, folder: Path) -> Iterator[None]:
    """Let a file import its neighbours while it runs; last on the path, so that none of them hides a library."""
    entry = os.fspath(folder.resolve())
    sys.modules[module.__name__] = module
    sys.path.append(entry)
    try:
        yield
    finally:
        sys.path.remove(entry)
        del sys.modules[module.__name__]


def _line(error: BaseException, file: Path) -> str:
    """The last line of the file itself on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f.lineno for f in frames if f.filename == os.fspath(file) and f.lineno is not None]
    return f", line {own[-1]}" if own else ""


def _told(error: BaseException) -> str:
    """The message; where it is not a sentence of ours, with the kind of error before it."""
    message = " ".join(str(error).split())
    return message if isinstance(error, ValueError) and message else f"{type(error).__name__}: {message}"
