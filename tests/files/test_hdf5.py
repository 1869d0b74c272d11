import dataclasses
import json
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from pinnlab.files import hdf5, layout
from pinnlab.files.contents import Contents
from pinnlab.meshing.cells import Cells

RNG = np.random.default_rng(0)


def assert_same(a, b):
    for f in dataclasses.fields(Contents):
        left, right = getattr(a, f.name), getattr(b, f.name)
        if isinstance(left, Cells):
            left, right = vars(left) | left.pieces | {"pieces": []}, vars(right) | right.pieces | {"pieces": []}
        if not isinstance(left, dict):
            assert left == right, f.name
            continue
        assert set(left) == set(right), f.name
        for key, value in left.items():
            np.testing.assert_array_equal(value, right[key], err_msg=f"{f.name}[{key}]")
            assert np.asarray(value).dtype == np.asarray(right[key]).dtype
    assert list(a.axes) == list(b.axes)


def test_reading_gives_back_every_number_and_text(tmp_path, everything):
    hdf5.write(tmp_path / "a.hdf", everything)
    assert_same(hdf5.read(tmp_path / "a.hdf"), everything)


@pytest.mark.parametrize("axes", [{"x": np.linspace(0, 1, 5)}, {"s": np.linspace(0, 1, 5)}])
def test_steady_problems_and_ordinary_equations_come_back(tmp_path, axes):
    contents = Contents(axes, "s" if "s" in axes else None, {"u": RNG.random(5), "v": RNG.random((5, 3))})
    hdf5.write(tmp_path / "a.hdf", contents)
    assert_same(hdf5.read(tmp_path / "a.hdf"), dataclasses.replace(contents))
    assert hdf5.check(tmp_path / "a.hdf") == []


def test_a_file_without_steps_is_not_written(tmp_path, simple_contents):
    with pytest.raises(ValueError, match="the axis 't' holds no time step"):
        hdf5.write(tmp_path / "a.hdf", simple_contents(0))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(written, monkeypatch, simple_contents):
    before = written.read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(layout, "fill", fail)
    with pytest.raises(OSError, match="no space left"):
        hdf5.write(written, simple_contents())
    assert written.read_bytes() == before
    assert list(written.parent.iterdir()) == [written]


def test_a_missing_file_is_named(tmp_path):
    for reader in (hdf5.read, hdf5.recover, hdf5.check):
        with pytest.raises(FileNotFoundError, match="there is no such file"):
            reader(tmp_path / "nothing.hdf")


@pytest.mark.parametrize("shape", [(), (3,), (40, 50)])
def test_a_stream_ends_as_the_same_file_that_write_makes(tmp_path, shape):
    names = ["t", "y", "x"][: 1 + len(shape)]
    axes = dict(zip(names, [np.arange(6.0), *map(np.arange, shape)], strict=True))
    contents = Contents(
        axes,
        "t",
        {"u": RNG.random((6, *shape)), "flow": RNG.random((6, *shape, 2))},
        bounds={"u_error_bound": np.array(1e-6)},
    )
    start = dataclasses.replace(contents, axes=axes | {"t": []}, fields={k: v[:0] for k, v in contents.fields.items()})
    with hdf5.Stream(tmp_path / "a.hdf", start) as stream:
        for n in range(6):
            stream.append(float(n), {name: values[n] for name, values in contents.fields.items()})
            assert len(stream) == n + 1
        stream.close(history={"step": np.arange(6)}, metrics={"l2": 0.5})
    final = dataclasses.replace(contents, history={"step": np.arange(6)}, metrics={"l2": 0.5})
    assert_same(hdf5.read(tmp_path / "a.hdf"), final)
    assert hdf5.check(tmp_path / "a.hdf") == []
    assert list(tmp_path.iterdir()) == [tmp_path / "a.hdf"]


def test_a_running_stream_can_be_watched(tmp_path, simple_contents):
    contents = simple_contents(2)
    stream = hdf5.Stream(tmp_path / "a.hdf", contents)
    stream.append(7.0, {"u": np.ones(8)})
    watch = "from pinnlab.files import hdf5; print(len(hdf5.recover('a.hdf').axes['t']))"
    seen = subprocess.run([sys.executable, "-c", watch], cwd=tmp_path, capture_output=True, text=True)
    assert seen.stdout.strip() == "3", seen.stderr
    stream.close()
    np.testing.assert_array_equal(hdf5.read(tmp_path / "a.hdf").axes["t"], [0, 0.5, 7])


STREAMER = """
import itertools
import numpy as np
from pinnlab.files import hdf5
from pinnlab.files.contents import Contents
start = Contents({"t": [], "y": np.arange(30.0), "x": np.arange(40.0)}, "t",
                 {"u": np.empty((0, 30, 40)), "mean": np.empty((0, 30, 40, 3))}, problem_json="j" * 200_000)
stream = hdf5.Stream("a.hdf", start)
for n in itertools.count():
    stream.append(float(n), {"u": np.full((30, 40), n / 7), "mean": np.full((30, 40, 3), -float(n))})
    print(n, flush=True)
"""


@pytest.mark.parametrize("steps", [1, 37, 120])
def test_kill_9_loses_no_finished_step(tmp_path, steps):
    process = subprocess.Popen([sys.executable, "-c", STREAMER], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) + 1 >= steps:
            break
    time.sleep(0.001 * (steps % 7))
    process.send_signal(signal.SIGKILL)
    finished = steps + sum(1 for _ in process.stdout)
    process.wait()
    assert not (tmp_path / "a.hdf").exists()
    contents = hdf5.recover(tmp_path / "a.hdf")
    times = contents.axes["t"]
    assert len(times) in (finished, finished + 1)
    np.testing.assert_array_equal(times, np.arange(len(times)))
    np.testing.assert_array_equal(contents.fields["u"], np.broadcast_to(times[:, None, None] / 7, (len(times), 30, 40)))
    assert contents.fields["mean"][-1, 0, 0, 0] == -times[-1]
    with pytest.raises(hdf5.UnreadableFile, match="recover"):
        hdf5.read(tmp_path / "a.hdf.stream")
    with pytest.raises(FileExistsError, match="left this stream unfinished"):
        hdf5.Stream(tmp_path / "a.hdf", contents)
    hdf5.write(tmp_path / "a.hdf", contents)
    assert hdf5.check(tmp_path / "a.hdf") == []


def test_an_error_in_the_block_leaves_the_steps(tmp_path, simple_contents):
    def interrupted():
        with hdf5.Stream(tmp_path / "a.hdf", simple_contents(0)) as stream:
            stream.append(0.0, {"u": np.ones(8)})
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        interrupted()
    assert len(hdf5.recover(tmp_path / "a.hdf").axes["t"]) == 1


@pytest.mark.parametrize(
    ("time", "fields", "message"),
    [
        (0.0, {"u": np.ones(8)}, "the time 0.0 does not follow the last step, 0"),
        (np.nan, {"u": np.ones(8)}, "the time nan does not follow"),
        (1.0, {"u": np.ones(7)}, r"has the fields {'u': \(7,\)} and should have {'u': \(8,\)}"),
        (1.0, {}, "has the fields {} and should have"),
        (1.0, {"u": np.ones(8), "v": np.ones(8)}, "has the fields"),
    ],
)
def test_a_step_that_does_not_fit_changes_nothing(tmp_path, time, fields, message, simple_contents):
    stream = hdf5.Stream(tmp_path / "a.hdf", simple_contents(1))
    with pytest.raises(ValueError, match=message):
        stream.append(time, fields)
    assert len(stream) == 1
    stream.close()
    assert hdf5.check(tmp_path / "a.hdf") == []


def test_a_stream_without_steps_leaves_no_file(tmp_path, simple_contents):
    with pytest.raises(ValueError, match="no time step was appended"):
        hdf5.Stream(tmp_path / "a.hdf", simple_contents(0)).close()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_streamed_is_refused(tmp_path, simple_contents):
    with pytest.raises(ValueError, match="a steady problem has no steps"):
        hdf5.Stream(tmp_path / "a.hdf", Contents({"x": [0, 1]}, None, {"u": [0, 1]}))
    bounds = {"u_error_bound": np.zeros(3)}
    with pytest.raises(ValueError, match="cannot be streamed"):
        hdf5.Stream(tmp_path / "a.hdf", dataclasses.replace(simple_contents(), bounds=bounds))


@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("kind", ["line3", "triangle", "quad9", "tetra10"])
def test_a_mesh_comes_back_with_its_pieces(tmp_path, mesh_contents, kind, steps):
    contents = mesh_contents(kind, steps)
    hdf5.write(tmp_path / "a.hdf", contents)
    assert hdf5.check(tmp_path / "a.hdf") == []
    assert_same(hdf5.read(tmp_path / "a.hdf"), contents)


def test_steps_on_a_mesh_can_be_streamed(tmp_path, mesh_contents):
    contents = dataclasses.replace(mesh_contents("triangle6", 4), deviations={})
    start = dataclasses.replace(
        contents, axes=contents.axes | {"t": []}, fields={k: v[:0] for k, v in contents.fields.items()}
    )
    with hdf5.Stream(tmp_path / "a.hdf", start) as stream:
        for n, time in enumerate(contents.axes["t"]):
            stream.append(float(time), {name: values[n] for name, values in contents.fields.items()})
        assert_same(hdf5.recover(tmp_path / "a.hdf"), contents)
    assert_same(hdf5.read(tmp_path / "a.hdf"), contents)
    assert hdf5.check(tmp_path / "a.hdf") == []


def test_deviations_are_not_streamed_and_it_is_said(tmp_path, everything):
    with pytest.raises(ValueError, match=r"u_std, w_std cannot be streamed; .* write\(path, contents\)"):
        hdf5.Stream(tmp_path / "a.hdf", dataclasses.replace(everything, bounds={}))
    assert list(tmp_path.iterdir()) == []


def test_recovering_a_finished_file_keeps_the_deviations(written, everything):
    assert_same(hdf5.recover(written), everything)


def test_a_file_from_before_there_were_deviations_is_read_without_any(written, everything):
    with h5py.File(written, "r+") as file:
        names = json.loads(file.attrs["pinnlab_names"])
        assert names.pop("deviations") == ["u_std", "w_std"]
        file.attrs["pinnlab_names"] = json.dumps(names)
    assert_same(hdf5.read(written), dataclasses.replace(everything, deviations={}))


def test_a_file_without_deviations_names_none(tmp_path, simple_contents):
    hdf5.write(tmp_path / "a.hdf", simple_contents())
    with h5py.File(tmp_path / "a.hdf") as file:
        assert "deviations" not in json.loads(file.attrs["pinnlab_names"])
