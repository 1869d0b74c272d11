"""The command line: `pinnlab list | show | solve | compare | info | export`."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import inspect
import io
import json
import math
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from pinnlab.errors import IncompatibleData, SolveFailed

if TYPE_CHECKING:
    from pinnlab.compare import Comparison
    from pinnlab.problem import Problem
    from pinnlab.reference import CrossCheck
    from pinnlab.solution import Solution
    from pinnlab.solve import Monitor
    from pinnlab.solver import Refinable, Solver
