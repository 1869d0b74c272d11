"""Run every benchmark, one after the other; their tables are written to results/."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    for script in ("start_up.py", "etdrk4.py", "references.py", "burgers_vs_deepxde.py"):
        subprocess.run([sys.executable, str(HERE / script)], check=True)
