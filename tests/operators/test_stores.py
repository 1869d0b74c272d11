"""Where generated samples are kept."""

import errno
import json
import os
import signal
import time

import h5py
import numpy as np
import pytest

from pinnlab.datasets.origin import Origin
from pinnlab.files import well
from pinnlab.files.well import Layout
from pinnlab.operators.stores import FileStore, MemoryStore

LAYOUT = Layout((np.linspace(0, 1, 4),), np.zeros(0), ("a",), ("u",), ("x",), (False,), np.dtype(float))


def first(n):
    return Origin("heat", "f", np.column_stack([np.full(n, 7), np.arange(n)]))


def part(*numbers):
    rows = np.array(numbers, float)
    return (
        numbers,
        np.tile(rows[:, None, None], (1, 1, 4)),
        np.tile(-rows[:, None, None, None], (1, 1, 1, 4)),
        rows / 10,
    )


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    made = (
        MemoryStore(LAYOUT, first(5))
        if request.param == "memory"
        else FileStore(tmp_path / "a.hdf", LAYOUT, first(5), "id", "")
    )
    yield made
    made.close()


def test_samples_come_in_any_order_and_end_in_theirs(store):
    store.put(*part(4, 0))
    assert store.missing().tolist() == [1, 2, 3]
    store.put(*part(2, 1, 3))
    assert not len(store.missing())
    data = store.finished()
    np.testing.assert_array_equal(data.inputs[:][:, 0, 0], np.arange(5))
    np.testing.assert_array_equal(data.outputs[:][:, 0, 0, 0], -np.arange(5.0))
    np.testing.assert_allclose(data.bounds, np.arange(5) / 10)


def test_a_file_goes_on_where_it_was_left_and_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.hdf"
    begun = FileStore(path, LAYOUT, first(3), "id", "")
    begun.put(*part(1))
    begun.close()
    assert not path.exists()
    second = FileStore(path, LAYOUT, first(3), "id", "")
    assert second.missing().tolist() == [0, 2]
    second.put(*part(0, 2))
    second.finished()
    assert [p.name for p in tmp_path.iterdir()] == ["a.hdf"]
    assert not len(FileStore(path, LAYOUT, first(3), "id", "").missing())


def test_another_identity_is_refused(tmp_path):
    FileStore(tmp_path / "a.hdf", LAYOUT, first(3), "id", "").close()
    with pytest.raises(ValueError, match="made from another family"):
        FileStore(tmp_path / "a.hdf", LAYOUT, first(3), "other", "")


def test_a_file_of_something_else_is_not_replaced(tmp_path):
    with h5py.File(tmp_path / "a.hdf", "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match="give another name, or delete it"):
        FileStore(tmp_path / "a.hdf", LAYOUT, first(3), "id", "")
    with pytest.raises(FileNotFoundError, match="create it first"):
        FileStore(tmp_path / "none" / "a.hdf", LAYOUT, first(3), "id", "")


def test_a_full_disk_is_told_from_other_faults(tmp_path):
    store = FileStore(tmp_path / "a.hdf", LAYOUT, first(3), "id", "")
    with pytest.raises(OSError, match="the disk is full") as caught, store._explained():
        raise OSError(errno.ENOSPC, "no room")
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(PermissionError), store._explained():
        raise PermissionError(errno.EACCES, "no")
    store.close()


def test_a_forked_process_does_not_hold_the_lock(tmp_path):
    store = FileStore(tmp_path / "a.hdf", LAYOUT, first(3), "id", "")
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    try:
        time.sleep(0.2)
        store.put(*part(1))
        store.close()
        again = FileStore(tmp_path / "a.hdf", LAYOUT, first(3), "id", "")
        assert again.missing().tolist() == [0, 2]
        again.close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("finished", [True, False])
def test_a_file_is_made_longer_and_stays_until_all_samples_are_there(tmp_path, finished):
    path = tmp_path / "a.hdf"
    begun = FileStore(path, LAYOUT, first(3), "id", "")
    begun.put(*part(0, 2, *[1] * finished))
    begun.finished() if finished else begun.close()
    longer = FileStore(path, LAYOUT, first(5), "id", "")
    assert longer.missing().tolist() == [*[1] * (not finished), 3, 4]
    longer.put(*part(4))
    longer.close()
    assert path.exists() == finished
    if finished:
        assert len(well.open(path)) == 3
    # The part is gone on with, even to more of them.
    longest = FileStore(path, LAYOUT, first(6), "id", "")
    left = longest.missing().tolist()
    assert left == [*[1] * (not finished), 3, 5]
    longest.put(*part(*left))
    data = longest.finished()
    np.testing.assert_array_equal(data.inputs[:][:, 0, 0], np.arange(6))
    np.testing.assert_allclose(data.bounds, np.arange(6) / 10)
    assert data.origin.members.tolist() == [[7, i] for i in range(6)]
    assert [p.name for p in tmp_path.iterdir()] == ["a.hdf"]


def test_a_longer_file_is_not_cut(tmp_path):
    path = tmp_path / "a.hdf"
    FileStore(path, LAYOUT, first(3), "id", "").close()
    with pytest.raises(ValueError, match="with 3 samples, and 2 are asked for"):
        FileStore(path, LAYOUT, first(2), "id", "")


def test_what_differs_from_a_file_that_is_there_is_named(tmp_path):
    path, made = tmp_path / "a.hdf", {"problem": "p", "drawn": "d", "distributions": "q", "seed": 0, "solver": "A()"}

    def store(**changes):
        return FileStore(path, LAYOUT, first(3), json.dumps(made | changes), "")

    store().close()
    # Draws are others where the seed is.
    with pytest.raises(ValueError, match=r"with seed = 0 and not 1; give"):
        store(seed=1, drawn="e")
    with pytest.raises(ValueError, match=r"with another problem, solver = A\(\) and not B\(\); give"):
        store(problem="o", solver="B()")
    with pytest.raises(ValueError, match="with other draws; give"):
        store(drawn="e")
    with pytest.raises(ValueError, match="with other distributions; give"):
        store(distributions="r")


def test_a_folder_is_said_to_be_one(tmp_path):
    with pytest.raises(ValueError, match="this is a folder; give the name of a file"):
        FileStore(tmp_path, LAYOUT, first(3), "id", "")
