"""How long `import pinnlab` takes, and what it does not bring along."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from _report import Report

CODE = "import time; t = time.perf_counter(); import pinnlab, sys; print(time.perf_counter() - t, *sys.modules)"

if __name__ == "__main__":
    report = Report("start_up")
    runs = [
        subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
        for _ in range(5)
    ]
    seconds = [float(r.split()[0]) for r in runs]
    torch = subprocess.run(
        [sys.executable, "-c", CODE.replace("pinnlab", "torch", 1)], capture_output=True, text=True, check=True
    )
    unwanted = sorted({"deepxde", "matplotlib", "plotly"} & set(runs[0].split()))
    report.print(
        f"import pinnlab: {np.median(seconds):.2f} s (median of 5, {min(seconds):.2f} to {max(seconds):.2f}; required 2.5); "
        f"torch, loaded when it is first needed, takes {float(torch.stdout.split()[0]):.2f} s more; brings along of deepxde, matplotlib, plotly: {unwanted or 'none'}"
    )
    report.save()
