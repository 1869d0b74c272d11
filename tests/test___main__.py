"""`python -m pinnlab`."""

import subprocess
import sys


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "pinnlab", "--help"], capture_output=True, text=True, check=True)
    assert "solve" in done.stdout
    assert "compare" in done.stdout
