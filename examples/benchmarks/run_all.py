"""Run every benchmark, one after the other; their tables are written to results/."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    *("start_up.py", "etdrk4.py", "incompressible.py", "finite_volume.py", "finite_elements.py", "cavity.py"),
    *("poisson_3d.py", "ode.py", "references.py", "vs_py_pde.py", "vs_deepxde.py"),
    *("random_features.py", "pinn_digits.py", "optimizers.py", "derivatives.py", "inverse_burgers.py"),
    *("ensembles.py", "compilation.py", "time_and_transport.py", "causality.py", "time_pictures.py"),
    *("gaussian_processes.py", "gp_kronecker.py", "gp_dense.py", "gp_sparse.py"),
    *("gp_calibration.py", "gp_pictures.py", "ehrenpreis.py"),
    *("operators.py", "operator_data.py", "spectral_operator.py", "augmentation.py", "wave_source.py"),
    *("rollout.py", "assimilation.py"),
)

if __name__ == "__main__":
    for script in SCRIPTS:
        subprocess.run([sys.executable, str(HERE / script)], check=True)
