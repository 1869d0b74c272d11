"""XDMF beside files on meshes; those on grids are in test_export."""

import numpy as np
import pytest

from pinnlab.files import hdf5, xdmf
from pinnlab.meshing.cells import CELL_KINDS


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("kind", CELL_KINDS)
def test_vtk_reads_the_same_mesh_and_numbers_through_xdmf(tmp_path, mesh_contents, kind, steps):
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXdmf2 import vtkXdmfReader

    contents = mesh_contents(kind, steps)
    hdf5.write(tmp_path / "a.hdf", contents)
    assert xdmf.to_xdmf(tmp_path / "a.hdf", tmp_path / "a.xdmf") == [tmp_path / "a.xdmf"]
    reader = vtkXdmfReader()
    reader.SetFileName(str(tmp_path / "a.xdmf"))
    for n in range(max(steps, 1)):
        reader.UpdateInformation()
        if steps:
            reader.UpdateTimeStep(contents.axes["t"][n])
        reader.Update()
        grid = reader.GetOutputDataObject(0)
        points = vtk_to_numpy(grid.GetPoints().GetData())
        np.testing.assert_array_equal(points[:, : contents.mesh.dim], contents.mesh.nodes)
        found = [
            [grid.GetCell(c).GetPointId(k) for k in range(CELL_KINDS[kind].nodes)]
            for c in range(grid.GetNumberOfCells())
        ]
        np.testing.assert_array_equal(found, contents.mesh.connectivity)
        assert grid.GetCellType(0) in ({3, 4} if kind == "line" else {CELL_KINDS[kind].vtk})
        for name, values in contents.arrays.items():
            array = vtk_to_numpy(grid.GetPointData().GetArray(name))
            np.testing.assert_array_equal(array, values[n] if steps else values, err_msg=f"{name} at {n}")


def test_names_that_readers_spell_differently_are_refused():
    with pytest.raises(ValueError, match="readers of XDMF take only names in ASCII, and not 'ω'"):
        xdmf.refuse_other_letters("a.hdf", "XDMF", ["u", "ω"])
