"""Problems and families by name or by file: those that pinnlab ships, and the user's own."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from pinnlab.family import Family
from pinnlab.lint import did_you_mean
from pinnlab.problem import Problem

PROBLEM, FAMILY = "problem", "family"
# Beyond this many characters a declaration is no declaration, and reading it would only fill the memory.
LONGEST_JSON = 20_000_000
Declared = TypeVar("Declared", Problem, Family)


def shipped() -> dict[str, Path]:
    """Name → file of every problem that comes with pinnlab, sorted by name."""
    return _files(".")


def shipped_families() -> dict[str, Path]:
    """Name → file of every family that comes with pinnlab, sorted by name."""
    return _files("families")


def _files(inside: str) -> dict[str, Path]:
    package = Path(__file__).parent
    folder = next((f for f in (package / "problems", package.parent / "problems") if f.is_dir()), None)
    files = [] if folder is None else sorted((folder / inside).glob("*.py"))
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
    place, attribute = _parted(text, PROBLEM)
    file = _file(place, shipped(), PROBLEM, (".py", ".json"))
    return _from_json(file) if file.suffix == ".json" else _from_module(file, attribute, Problem)


def load_family(text: str) -> Family:
    """The family that a text names.

    Args:
        text: The name of a shipped family, or a Python file, as for `load`; it is called `family` there if no other
            name is said.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If no shipped family has the name, or the file does not declare one.
    """
    place, attribute = _parted(text, FAMILY)
    return _from_module(_file(place, shipped_families(), FAMILY, (".py",)), attribute, Family)


def _file(place: str, known: Mapping[str, Path], kind: str, suffixes: tuple[str, ...]) -> Path:
    """The file of a shipped name, or of the user."""
    if place in known:
        return known[place]
    if not place.endswith(suffixes):
        raise ValueError(
            f"there is no {kind} {place!r}{did_you_mean(place, known)}; shipped are {', '.join(known)}, and a "
            f"{kind} of your own is a file, such as mine.py or mine.py:wave"
        )
    file = Path(place)
    if not file.is_file():
        hint = f"; the shipped {kind} is called {file.stem}" if file.stem in known else ""
        raise FileNotFoundError(f"{place}: there is no such file{hint}")
    return file


def _parted(text: str, otherwise: str) -> tuple[str, str]:
    """File or name, and the attribute; a colon that belongs to the path, as on Windows, stays there."""
    place, colon, attribute = text.rpartition(":")
    if colon and attribute.isidentifier():
        return place, attribute
    return text, otherwise


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


def _from_module(file: Path, attribute: str, kind: type[Declared]) -> Declared:
    module = _executed(file)
    name = kind.__name__
    known = [n for n, value in vars(module).items() if isinstance(value, kind)]
    found = getattr(module, attribute, None)
    if isinstance(found, kind):
        return found
    several = {"Problem": "problems", "Family": "families"}[name]
    there = f"; say {file}:{known[0]}" if len(known) == 1 else f"; its {several} are {', '.join(known)}"
    way_out = there if known else f"; write {name.lower()} = {name}(…) in it"
    if attribute in vars(module):
        raise ValueError(f"{file}: {attribute} is a {type(found).__name__} and no {name}{way_out}")
    raise ValueError(f"{file}: it has no {attribute!r}{did_you_mean(attribute, known)}{way_out}")


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
