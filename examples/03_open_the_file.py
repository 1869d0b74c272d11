"""One file, three readers: h5py, xarray and VTK see the same numbers, stored once.

xarray and VTK are the extras `xarray` and `vtk`; without them their part is left out.  Run time: a few seconds.
"""

import importlib.util
from pathlib import Path

import h5py

from pinnlab import Etdrk4, solve
from pinnlab.catalog import load


def main(folder: Path) -> dict[str, float]:
    file = folder / "burgers_periodic.hdf"
    solve(load("burgers_periodic"), Etdrk4(points=256, steps=400)).to_hdf5(file, shape=(51, 201))
    largest = {}

    with h5py.File(file) as stored:
        print("h5py:", dict(stored["u"].attrs), stored["u"].shape, [d.keys()[0] for d in stored["u"].dims])
        assert stored["VTKHDF/PointData/u"] == stored["u"]  # a hard link, not a copy
        largest["h5py"] = float(stored["u"][-1].max())

    if importlib.util.find_spec("xarray") and importlib.util.find_spec("h5netcdf"):
        import xarray

        with xarray.open_dataset(file, engine="h5netcdf") as data:
            print("xarray:", dict(data.sizes), data.attrs["title"])
            largest["xarray"] = float(data["u"].isel(t=-1).max())

    if importlib.util.find_spec("vtkmodules"):
        from vtkmodules.vtkIOHDF import vtkHDFReader

        reader = vtkHDFReader()
        reader.SetFileName(str(file))
        reader.UpdateInformation()
        reader.SetStep(reader.GetNumberOfSteps() - 1)
        reader.Update()
        print("VTK:", reader.GetNumberOfSteps(), "steps,", reader.GetOutput().GetNumberOfPoints(), "points")
        largest["vtk"] = reader.GetOutput().GetPointData().GetArray("u").GetRange()[1]
    return largest


if __name__ == "__main__":
    print(main(Path(".")))
