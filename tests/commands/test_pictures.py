"""Pictures of files and comparisons: what cannot be drawn is told, and leaves the old picture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pinnlab.catalog import load
from pinnlab.commands import pictures
from pinnlab.commands.pictures import draw, draw_panel
from pinnlab.field import ExactField
from pinnlab.solution import Solution
from pinnlab.solver import Status


@pytest.fixture
def exact():
    problem = load("heat")
    return Solution(problem, {"type": "Made"}, ExactField.of(problem), Status.DONE, 1.0)


@pytest.mark.parametrize(("suffix", "head"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")])
def test_the_suffix_says_the_format(tmp_path, exact, suffix, head):
    exact.to_hdf5(tmp_path / "u.hdf", (5, 9))
    draw(tmp_path / "u.hdf", tmp_path / f"u{suffix}", None)
    assert (tmp_path / f"u{suffix}").read_bytes().startswith(head)


def test_a_time_that_is_not_stored_leaves_the_old_picture(tmp_path, exact):
    exact.to_hdf5(tmp_path / "u.hdf", (5, 9))
    (tmp_path / "u.png").write_text("old")
    with pytest.raises(ValueError, match="there is no t = 99 to draw: the stored times are 0 to "):
        draw(tmp_path / "u.hdf", tmp_path / "u.png", 99.0)
    assert (tmp_path / "u.png").read_text() == "old"


def test_an_unknown_format_is_refused_before_the_file_is_read(tmp_path):
    with pytest.raises(ValueError, match=r"a picture has one of the suffixes \.png, \.pdf, \.svg"):
        draw(tmp_path / "nothing.hdf", tmp_path / "u.gif", None)


def test_a_comparison_is_drawn_at_the_places_of_the_reference(tmp_path, exact):
    draw_panel(exact.field, {"same": exact.field}, tmp_path / "panel.png")
    assert (tmp_path / "panel.png").read_bytes().startswith(b"\x89PNG")


def test_deviations_are_drawn_from_files_and_in_comparisons(tmp_path, exact, polynomials, monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "_save", lambda figure, target: drawn.append(figure))
    random = replace(exact, field=polynomials(exact.problem, 2))
    random.to_hdf5(tmp_path / "u.hdf", (5, 9))
    draw(tmp_path / "u.hdf", tmp_path / "u.png", None)
    draw_panel(exact.field, {"gp": random.field, "same": exact.field}, tmp_path / "panel.png")
    for figure in drawn:
        assert [a.get_title() for a in figure.axes].count("standard deviation of u") == 1
