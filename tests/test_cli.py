"""Every command and every exit code; bad input is one sentence and leaves files alone; kill -9 loses nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import sympy as sp
from typer.testing import CliRunner

from pinnlab import Box, D, Etdrk4, Problem, SolveFailed, Status, dirichlet, solve
from pinnlab.catalog import load, shipped, shipped_families
from pinnlab.cli import app
from pinnlab.fields.mesh import MeshField
from pinnlab.files import hdf5
from pinnlab.meshing.structured import box_mesh
from pinnlab.numerics.lagrange import LagrangeSpace
from pinnlab.solution import Solution
from pinnlab.solvers.method_of_lines import LinesMethod

PINNLAB = (sys.executable, "-c", "from pinnlab.cli import main; main()")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
SMALL = "etdrk4:points=64,steps=100"
MINE = """
import sympy as sp
from pinnlab import Box, D, Problem, dirichlet, initial

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
problem = Problem(
    name="mine",
    equations=[D(u, t) - {k} * D(u, x, 2)],
    unknowns=[u],
    domain=Box({{t: (0, {end}), x: (0, 1)}}),
    conditions=[initial(u, {start}), {conditions}],
    time=t,
)
"""


def mine(k="0.1", end="1", start="sp.sin(sp.pi * x)", conditions='dirichlet(u, 0, on=["left", "right"])') -> str:
    return MINE.format(k=k, end=end, start=start, conditions=conditions)


def pinnlab(*words):
    return CliRunner().invoke(app, [str(w) for w in words])


def complaint(result, code: int = 2) -> str:
    """The one sentence of a command that failed in the way it should."""
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("pinnlab: ")
    return line


@pytest.fixture(scope="module")
def result_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "b.hdf"
    solve(load("burgers_periodic"), Etdrk4(points=64, steps=100)).to_hdf5(path, (11, 33))
    return path


@pytest.fixture(scope="module")
def mesh_solution():
    """x^2 + y^2 on quadratic triangles, exact at every point."""
    x, y = sp.symbols("x y", real=True)
    u = sp.Function("u")(x, y)
    box = Box({x: (0, 1), y: (0, 1)})
    problem = Problem("bowl", [D(u, x, 2) + D(u, y, 2) - 4], [u], box, [dirichlet(u, x**2 + y**2)])
    space = LagrangeSpace(box_mesh(np.zeros(2), np.ones(2), 0.75, [("left", "right"), ("bottom", "top")]), 2)
    field = MeshField(problem, (space,), ((space.nodes**2).sum(axis=1)[None],))
    return Solution(problem, {"type": "Made"}, field, Status.DONE, 1.0)


# -- what the commands tell ------------------------------------------------------------------------------------


def test_list_has_every_problem_and_solver():
    data = json.loads(pinnlab("list", "--json").stdout)
    assert set(data["problems"]) == set(shipped())
    every = {"collocation", "deepxde-pinn", "etdrk4", "finite-element", "finite-volume", "method-of-lines", "pinn"}
    assert every <= set(data["solvers"])
    assert data["problems"]["burgers"]["etdrk4"].startswith("no: ")
    assert data["problems"]["burgers_periodic"]["etdrk4"] == "yes"
    assert set(data["families"]) == set(shipped_families())
    assert data["families"]["burgers"] == ["u0"]
    assert data["not_asked"] == ["deepxde-pinn"]
    assert "deepxde-pinn" not in data["problems"]["burgers"]


def test_list_for_people_fits_eighty_columns_and_cuts_no_name(monkeypatch):
    # The module, which the function of the same name hides in the package.
    answers = lambda problem, solvers: dict.fromkeys(solvers, "yes") | {"pinn": "no: reason"}  # noqa: E731
    monkeypatch.setattr(sys.modules["pinnlab.support"], "support", answers)
    result = pinnlab("list")
    assert all(name in result.stdout for name in shipped())
    assert "…" not in result.stdout
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 80
    assert "causal-pinn, collocation" in result.stdout
    assert "family burgers: random u0" in result.stdout
    assert "not asked, since that takes seconds: deepxde-pinn" in result.stdout


def test_show_tells_equation_conditions_forms_and_support():
    result = pinnlab("show", "heat")
    assert result.exit_code == 0
    for told in ("∂", "on left, right: u(t, x) = 0", "LinearSplit", "  method-of-lines: yes", load("heat").sha256):
        assert told in result.stdout
    assert json.loads(pinnlab("show", "heat", "--json").stdout)["forms"]["Pointwise"]["linear"] is True


def test_solve_by_a_solver_tells_its_error_and_writes_the_file(tmp_path):
    out = tmp_path / "b.hdf"
    result = pinnlab("solve", "advection", "--solver", SMALL, "--out", out, "--shape", "5,17", "--json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert (data["status"], data["steps"], data["out"]) == ("done", 100, str(out))
    assert data["errors"]["relative_l2"] < 1e-8
    with h5py.File(out) as file:
        assert file["u"].shape == (5, 17)


def test_solve_without_solver_gives_a_bound_that_holds():
    data = json.loads(pinnlab("solve", "poisson_1d", "--rtol", "1e-8", "--json").stdout)
    assert data["errors"]["relative_l2"] <= data["bound"]["metrics"]["relative_l2"] <= 1e-8


def test_verify_tells_both_bounds_and_the_difference():
    result = pinnlab("solve", "poisson_1d", "--rtol", "1e-6", "--verify")
    assert result.exit_code == 0
    assert "checked by Collocation(space=FiniteDifferences" in result.stdout
    check = json.loads(pinnlab("solve", "poisson_1d", "--rtol", "1e-6", "--verify", "--json").stdout)["verify"]
    assert check["difference"] <= check["first_bound"] + check["second_bound"] == check["allowed"]


def test_a_budget_in_steps_ends_the_run():
    data = json.loads(pinnlab("solve", "heat", "--solver", "method-of-lines", "--max-steps", "3", "--json").stdout)
    assert (data["status"], data["steps"]) == ("running", 3)


def test_compare_writes_its_folder_and_tells_refusals_with_the_reason(tmp_path):
    out = tmp_path / "results"
    words = ("compare", "advection", "--solver", SMALL, "--solver", "collocation", "--out", out)
    result = pinnlab(*words, "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert {(r["solver"], r["metric"]) for r in rows} >= {(SMALL, "relative_l2"), ("collocation", "max_error")}
    assert next(r["text"] for r in rows if r["solver"] == "collocation").startswith("n/a: Collocation on")
    assert {f.name for f in out.iterdir()} == {"etdrk4_points=64,steps=100.hdf", "comparison.json", "panel.png"}
    assert json.loads((out / "comparison.json").read_text()) == rows
    table = pinnlab(*words).stdout
    assert "…" not in table
    assert "collocation: n/a:" in table


def test_compare_against_a_classical_solver_has_its_bound():
    words = ("compare", "advection", "--solver", SMALL, "--reference", "etdrk4:points=64,steps=50", "--json")
    rows = json.loads(pinnlab(*words, "--rtol", "1e-5").stdout)
    assert 0 < rows[0]["bound"] <= 1e-5


def test_info_tells_the_file_and_its_soundness(result_file):
    result = pinnlab("info", result_file, "--check")
    assert result.exit_code == 0
    for told in ("burgers_periodic by Etdrk4", "axis x: 33 nodes", "field u: 11 × 33, float64", "sound: "):
        assert told in result.stdout
    assert json.loads(pinnlab("info", result_file, "--check", "--json").stdout)["faults"] == []


@pytest.mark.parametrize(("to", "name"), [("vtu", "b.pvd"), ("xdmf", "b.xdmf"), ("netcdf", "b.nc"), ("csv", "b.csv")])
def test_export_writes_beside_the_file_or_where_told(result_file, tmp_path, to, name):
    result = pinnlab("export", result_file, "--to", to)
    assert result.exit_code == 0
    assert (result_file.parent / name).is_file()
    assert pinnlab("export", result_file, "--to", to, "--out", tmp_path / name).exit_code == 0
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize("words", [(), ("--out", "flow.pdf"), ("--at", "0.5")])
def test_plot_draws_a_file(result_file, tmp_path, words):
    source = tmp_path / "b.hdf"
    source.write_bytes(result_file.read_bytes())
    words = [tmp_path / w if w.endswith("pdf") else w for w in words]
    target = words[1] if "--out" in words else tmp_path / "b.png"
    result = pinnlab("plot", source, *words)
    assert (result.exit_code, result.stdout) == (0, f"written {target}\n")
    assert target.read_bytes()[:4] in (b"\x89PNG", b"%PDF")


def test_a_mesh_is_told_drawn_and_exported(tmp_path, mesh_solution):
    mesh_solution.to_hdf5(tmp_path / "m.hdf")
    told = pinnlab("info", tmp_path / "m.hdf", "--check")
    assert told.exit_code == 0, told.stderr
    # By hand: squares with sides of 1/2, two triangles each.
    assert "mesh: 8 triangle6 cells, x from 0 to 1, y from 0 to 1" in told.stdout
    assert "left (2 facets)" in told.stdout
    assert pinnlab("plot", tmp_path / "m.hdf").exit_code == 0
    for to, name in (("vtu", "m.vtu"), ("xdmf", "m.xdmf"), ("netcdf", "m.nc"), ("csv", "m.csv")):
        assert pinnlab("export", tmp_path / "m.hdf", "--to", to).stdout == f"written {tmp_path / name}\n"
        assert (tmp_path / name).stat().st_size > 500


def test_version_and_help():
    assert pinnlab("--version").stdout.startswith("pinnlab 0.")
    assert "Exit codes: 0 ok, 2 usage" in pinnlab("--help").stdout


# -- bad input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (mine(conditions="dirichlet(u, 0, on='left')"), "add one such as dirichlet(u, 0, on='right')"),
        (mine(conditions="dirichlet(u, 0), dirichlet(u, 0)"), "remove the surplus"),
        (mine(conditions="dirichlet(u, 0, on=['lefft', 'right'])"), "did you mean 'left'"),
        (mine(k="sp.nan"), "it holds nan"),
        (mine(end="0"), "which has no length"),
        ("import", "line 1: invalid syntax"),
    ],
)
def test_a_bad_declaration_is_one_sentence(tmp_path, text, told):
    (tmp_path / "mine.py").write_text(text)
    out = tmp_path / "out.hdf"
    out.write_text("mine")
    assert told in complaint(pinnlab("solve", tmp_path / "mine.py", "--out", out))
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("solve", "burgers", "--solver", "etdrk4"), "periodic along every axis"),
        (("solve", "burgers", "--solver", "etdrk"), "did you mean 'etdrk4'"),
        (("solve", "burgerss"), "did you mean 'burgers'"),
        (("solve", "heat", "--solver", "pinn", "--rtol", "1e-3"), "no resolution to refine"),
        (("solve", "heat", "--checkpoint", "c"), "--checkpoint is for one run"),
        (("solve", "heat", "--rtol", "-1"), "rtol must be a positive number"),
        (("solve", "heat", "--solver", "method-of-lines", "--device", "tpu"), "'tpu' is not known"),
        (("solve", "heat", "--out", "no/such/folder.hdf"), "does not exist; create it first"),
        (("compare", "lorenz", "--solver", "method-of-lines", "--reference", "exact"), "declares no exact solution"),
        (("compare", "heat", "--solver", "etdrk4"), "no solver gave an answer"),
        (("info", "none.hdf"), "there is no such file"),
        (("export", "none.hdf", "--to", "csv"), "there is no such file"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_sentence(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    result = pinnlab(*words)
    assert result.exit_code == 2
    assert told in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("solve",),
        ("frob",),
        ("export", "f.hdf", "--to", "well"),
        ("solve", "heat", "--seed", "-1"),
        ("solve", "heat", "--max-seconds", "nan"),
        ("solve", "heat", "--max-steps", "1.5"),
    ],
)
def test_wrong_usage_has_exit_code_2(words):
    result = pinnlab(*words)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_hostile_json_is_one_sentence(tmp_path):
    (tmp_path / "h.json").write_text("[" * 1_000_000)
    assert "problem JSON" in complaint(pinnlab("solve", tmp_path / "h.json"))


def test_damaged_and_foreign_files_are_one_sentence(tmp_path, result_file):
    cut, flipped, foreign = tmp_path / "cut.hdf", tmp_path / "flipped.hdf", tmp_path / "foreign.h5"
    whole = bytearray(result_file.read_bytes())
    cut.write_bytes(whole[: len(whole) // 2])
    with h5py.File(result_file) as file:
        place = file["u"].id.get_chunk_info(3).byte_offset + 5
    whole[place] ^= 0xFF
    flipped.write_bytes(whole)
    with h5py.File(foreign, "w") as file:
        file["a"] = 1.0
    for file in (cut, foreign):
        assert str(file) in complaint(pinnlab("info", file))
        assert str(file) in complaint(pinnlab("export", file, "--to", "csv"))
    assert "checksum is wrong" in complaint(pinnlab("info", flipped, "--check"))
    assert json.loads(pinnlab("info", flipped, "--check", "--json").stdout)["faults"]
    assert not (tmp_path / "cut.csv").exists()


def test_a_file_whose_problem_was_changed_is_not_sound(tmp_path, result_file):
    changed = tmp_path / "changed.hdf"
    changed.write_bytes(result_file.read_bytes())
    with h5py.File(changed, "r+") as file:
        file.attrs["problem_sha256"] = "0" * 64
    assert "one was changed" in complaint(pinnlab("info", changed, "--check"))


def test_an_export_never_replaces_its_source(result_file):
    before = result_file.read_bytes()
    assert "would replace the file it reads" in complaint(
        pinnlab("export", result_file, "--to", "csv", "--out", result_file)
    )
    assert result_file.read_bytes() == before


def test_incompatible_data_are_a_warning_of_one_line(tmp_path):
    (tmp_path / "mine.py").write_text(mine(start="1"))
    result = pinnlab("show", tmp_path / "mine.py")
    assert result.exit_code == 0
    left, right = result.stderr.splitlines()
    assert left.startswith("warning: problem 'mine': the data of u(t, x) on 'initial' and 'left' differ by 1 ")
    assert right.startswith("warning: problem 'mine': the data of u(t, x) on 'initial' and 'right' differ by 1 ")


def test_a_solve_that_fails_has_exit_code_3_and_keeps_its_steps(tmp_path):
    out = tmp_path / "out.hdf"
    words = ("--solver", "method-of-lines:space=FiniteDifferences(points=64)", "--out", out)
    told = complaint(pinnlab("solve", "burgers", *words, "--json"), code=3)
    assert "MethodOfLines on 'burgers'" in told
    contents = hdf5.read(out)
    end = contents.axes["t"][-1]
    assert 0 < end < 1
    assert told.endswith(f"what it had reached until t = {end:.6g} is in {out}")
    assert contents.provenance["status"] == "diverged"
    assert all(np.isfinite(values).all() for values in contents.fields.values())
    assert pinnlab("info", out, "--check").exit_code == 0
    assert pinnlab("plot", out).exit_code == 0


def test_a_solve_that_fails_in_its_first_step_leaves_an_earlier_file(tmp_path, monkeypatch):
    def fail(self, state):
        raise SolveFailed("the equations have no solution")

    monkeypatch.setattr(LinesMethod, "step", fail)
    out = tmp_path / "out.hdf"
    out.write_text("good")
    told = complaint(pinnlab("solve", "heat", "--solver", "method-of-lines", "--out", out, "--json"), code=3)
    assert "the equations have no solution" in told
    assert "what it had reached" not in told
    assert out.read_text() == "good"


def test_a_missed_tolerance_has_exit_code_4_and_still_gives_the_answer():
    result = pinnlab("solve", "poisson_1d", "--rtol", "1e-17", "--json")
    assert result.exit_code == 4
    bound = json.loads(result.stdout)["bound"]
    assert bound["reached"] is False
    assert bound["metrics"]["relative_l2"] < 1e-9
    assert "misses the tolerance 1.0e-17" in result.stderr


def test_a_checkpoint_is_not_overwritten_by_another_run(tmp_path):
    kept = tmp_path / "c"
    words = ("solve", "advection", "--solver", SMALL, "--checkpoint", kept, "--json")
    assert pinnlab(*words).exit_code == 0
    state = kept.read_bytes()
    assert "add --resume" in complaint(pinnlab(*words))
    other = ("solve", "advection", "--solver", "etdrk4:points=32,steps=100", "--checkpoint", kept)
    assert "belongs to another solver" in complaint(pinnlab(*other, "--resume"))
    assert kept.read_bytes() == state
    assert pinnlab(*words, "--resume").exit_code == 0


# -- processes -------------------------------------------------------------------------------------------------

NETWORK = (
    "pinn:network=Mlp(width=8,depth=2),sampler=ResidualAdaptive(points=300),optimizer=LevenbergMarquardt(steps=80)"
)
TRAINING = ("solve", "heat", "--solver", NETWORK, "--shape", "11,33", "--json")


def test_a_traceback_never_reaches_the_user_of_the_real_command(tmp_path):
    found = subprocess.run(
        [*PINNLAB, "solve", "nope.py"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert (found.returncode, found.stdout, found.stderr) == (2, "", "pinnlab: nope.py: there is no such file\n")


def test_kill_9_at_a_random_moment_and_resume_give_the_same_numbers(tmp_path):
    def run(name: str, *words: str) -> dict:
        out = tmp_path / f"{name}.hdf"
        command = [*PINNLAB, *TRAINING, "--out", str(out), *words]
        found = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=True)
        with h5py.File(out) as file:
            return {"u": file["u"][...], **json.loads(found.stdout)}

    whole = run("whole")
    kept = tmp_path / "c"
    process = subprocess.Popen(
        [*PINNLAB, *TRAINING, "--checkpoint", str(kept)],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not kept.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.7 * whole["seconds"]))
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = run("resumed", "--checkpoint", str(kept), "--resume")
    assert (resumed["steps"], resumed["last"], resumed["errors"]) == (whole["steps"], whole["last"], whole["errors"])
    np.testing.assert_array_equal(resumed["u"], whole["u"])


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path):
    kept = tmp_path / "c"
    process = subprocess.Popen(
        [*PINNLAB, *TRAINING, "--checkpoint", str(kept)],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not kept.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == f"pinnlab: interrupted; say the same with --resume to go on from {kept}"


SLOW = ("solve", "burgers_periodic", "--solver", "etdrk4:points=512,steps=2000000,snapshots=2000", "--shape", "21,65")


def test_ctrl_c_leaves_the_steps_that_were_done(tmp_path):
    out, kept = tmp_path / "u.hdf", tmp_path / "c"
    process = subprocess.Popen(
        [*PINNLAB, *SLOW, "--out", str(out), "--checkpoint", str(kept)],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not kept.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    contents = hdf5.read(out)
    times = contents.axes["t"]
    assert 0 < times[-1] < 1
    assert f"what it had reached until t = {times[-1]:.6g} is in {out}; say the same with --resume" in err
    assert contents.provenance["status"] == "running"
    assert len(contents.history["step"]) >= 1
