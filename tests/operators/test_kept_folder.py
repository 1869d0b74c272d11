"""Settings and arrays that belong together."""

from __future__ import annotations

import json

import pytest
import torch

from pinnlab.operators.kept_folder import SETTINGS, WEIGHTS, keep, kept_settings

ARRAYS = {"network": {"a": torch.arange(3.0)}}


def kept(folder, **settings):
    keep(folder, "thing-1", {"name": "one"} | settings, ARRAYS, {})
    return folder


def found(folder, *needed):
    return kept_settings(folder, "thing-1", "a trained thing", needed)


def test_settings_are_read_back_with_the_format(tmp_path):
    told = found(kept(tmp_path / "one"), "name")
    assert (told["format"], told["name"]) == ("thing-1", "one")
    assert sorted(p.name for p in (tmp_path / "one").iterdir()) == [SETTINGS, WEIGHTS]
    # A second time into the same folder.
    assert found(kept(tmp_path / "one", name="two"))["name"] == "two"


def test_weights_of_another_writing_are_refused(tmp_path):
    one = kept(tmp_path / "one")
    keep(tmp_path / "two", "thing-1", {}, {"network": {"a": torch.ones(3)}}, {})
    (one / WEIGHTS).write_bytes((tmp_path / "two" / WEIGHTS).read_bytes())
    with pytest.raises(ValueError, match="not those that the settings were written with"):
        found(one)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-5], "this is no JSON"),
        (lambda text: "[1]", "does not describe a trained thing"),
        (lambda text: text.replace("thing-1", "thing-2"), "does not describe a trained thing"),
        (lambda text: text.replace('"name"', '"other"'), "name is missing"),
        (lambda text: json.dumps({"format": "thing-1", "name": 1}), "weights_sha256 is missing"),
    ],
)
def test_damaged_settings_are_told(tmp_path, change, said):
    folder = kept(tmp_path / "one")
    (folder / SETTINGS).write_text(change((folder / SETTINGS).read_text()))
    with pytest.raises(ValueError, match=said):
        found(folder, "name")


def test_missing_files_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=SETTINGS):
        found(tmp_path)
    (kept(tmp_path / "one") / WEIGHTS).unlink()
    with pytest.raises(FileNotFoundError, match="a trained thing needs it"):
        found(tmp_path / "one")
    with pytest.raises(FileNotFoundError):
        kept(tmp_path / "none" / "one")
