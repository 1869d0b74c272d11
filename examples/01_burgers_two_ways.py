"""Burgers' equation by a classical method and by a neural network, compared and kept in HDF5.

The problem is the shipped `burgers` with ten times its viscosity, so that the network needs seconds.
Run time: about 20 seconds on two cores.
"""

from pathlib import Path

import sympy as sp

from pinnlab import LevenbergMarquardt, Mlp, Pinn, ResidualAdaptive, Solution, compare, reference
from pinnlab.catalog import load
from pinnlab.plots import panel, picture_shape


def main(folder: Path) -> float:
    problem = load("burgers").with_parameters(nu=0.1 / sp.pi)

    # The classical answer, refined in space and in time until its error bound is within the tolerance.
    truth = reference(problem, rtol=1e-6)
    print(f"reference: relative L2 bound {truth.error_bound:.1e} after {truth.seconds:.1f} s")

    # A small network with the conditions built in, trained by Levenberg-Marquardt.
    pinn = Pinn(
        network=Mlp(width=12, depth=2),
        sampler=ResidualAdaptive(points=1500),
        optimizer=LevenbergMarquardt(steps=100),
    )
    comparison = compare(problem, {"pinn": pinn}, reference=truth)
    for row in comparison.rows:
        print(f"{row.solver}: {row.metric} {row.text} after {row.seconds:.1f} s")

    # One file per answer, for h5py, xarray and ParaView; and a picture.
    network = comparison.solutions["pinn"]
    truth.to_hdf5(folder / "reference.hdf")
    network.to_hdf5(folder / "pinn.hdf")
    shape = picture_shape(problem)
    panel(problem, truth.on_grid(shape), {"pinn": network.on_grid(shape)}).savefig(folder / "panel.png")

    # What was written is what was solved.
    stored = Solution.from_hdf5(folder / "reference.hdf")
    assert stored.problem.sha256 == problem.sha256
    return comparison.rows[0].value


if __name__ == "__main__":
    print(f"relative L2 error of the network: {main(Path('.')):.2e}")
