"""What the benchmark scripts share: a console that is also written to results/, and the machine's description."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

RESULTS = Path(__file__).parent / "results"


class Report:
    """Prints, and keeps what was printed in results/NAME.txt."""

    def __init__(self, name: str) -> None:
        self._path = RESULTS / f"{name}.txt"
        self.console = Console(record=True, width=140)
        self.console.print(machine())

    def print(self, *values: object) -> None:
        self.console.print(*values)

    def save(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        self._path.write_text(self.console.export_text())


def machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores ({platform.machine()}), {torch.get_num_threads()} threads, Python {platform.python_version()}, "
        f"torch {torch.__version__}, numpy {np.__version__}, load at start {os.getloadavg()[0]:.2f}"
    )


def in_own_process(script: str, order: dict) -> dict:
    """One run of a script with one thread: it is handed the order as JSON, and the last line it prints is the result.

    Raises:
        SystemExit: If the script fails; the text ends with what it said.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, script, json.dumps(order)], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{order}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def shipped(name: str):
    """A shipped problem by name."""
    from pinnlab.catalog import load

    return load(name)
