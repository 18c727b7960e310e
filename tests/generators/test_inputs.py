"""Inputs from the user's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgegan.datasets.catalogue import DataSource, ImageSet
from edgegan.errors import DataError, UsageError
from edgegan.generators.contract import InputSpec
from edgegan.generators.inputs import data_files, draw_inputs


def spec(**changes: Any) -> InputSpec:
    return InputSpec(**({"name": "z", "shape": (3, 4, 5), "data": "data"} | changes))


def pictures(folder: Path, count: int = 5, size: tuple[int, int] = (5, 4)) -> None:
    (folder / "data").mkdir()
    for i in range(count):
        pixels = np.full((size[1], size[0], 3), 50 * i, np.uint8)
        Image.fromarray(pixels).save(folder / "data" / f"{i}.png")


def test_pictures_are_mapped_and_chosen_without_repetition(tmp_path: Path) -> None:
    pictures(tmp_path)
    drawn = draw_inputs([spec(value_range=(0.0, 1.0))], tmp_path, 4, seed=0)["z"]
    assert drawn.shape == (4, 3, 4, 5) and drawn.dtype == np.float32
    levels = sorted(round(float(image[0, 0, 0]) * 255) for image in drawn)
    assert len(set(levels)) == 4 and set(levels) <= {0, 50, 100, 150, 200}
    again = draw_inputs([spec(value_range=(0.0, 1.0))], tmp_path, 4, seed=0)["z"]
    np.testing.assert_array_equal(drawn, again)


def test_a_folder_of_the_data_set_that_the_input_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other data sets may lie there too; other classes are left out; a folder of pictures goes first."""
    pixels = np.full((3, 3, 4, 5), 255, np.uint8)
    pixels[0] = 0
    images = ImageSet(pixels, np.array([1, 0, 0]))
    monkeypatch.setattr(DataSource, "load", lambda source, folder, split: images)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cifar10-train.npz").touch()
    named = spec(pictures_of="horse2zebra/horse", value_range=(0.0, 2.0))
    drawn = draw_inputs([named], tmp_path, 9, seed=0)["z"]
    np.testing.assert_array_equal(drawn, np.full((2, 3, 4, 5), 2, np.float32))
    assert data_files(named, tmp_path) == [tmp_path / "data" / "horse2zebra-128.tar"]
    with pytest.raises(
        DataError, match=r"horse2zebra has pictures of shape \(3, 4, 5\), but input"
    ):
        draw_inputs([named.model_copy(update={"shape": (3, 8, 8)})], tmp_path, 9, seed=0)
    with pytest.raises(UsageError, match="'horse2zebra' has no class 'cow'; it has: horse, zebra"):
        draw_inputs([spec(pictures_of="horse2zebra/cow")], tmp_path, 9, seed=0)
    (tmp_path / "data" / "a.png").touch()
    assert data_files(named, tmp_path) == [tmp_path / "data" / "a.png"]


def test_all_inputs_have_as_many_as_the_smallest_file(tmp_path: Path) -> None:
    pictures(tmp_path)
    np.savez(tmp_path / "w.npz", w=np.zeros((3, 2), np.float32))
    specs = [
        spec(),
        spec(name="w", shape=(2,), data="w.npz"),
        spec(name="n", shape=(7,), data=None),
    ]
    drawn = draw_inputs(specs, tmp_path, 100, seed=0)
    assert {name: len(value) for name, value in drawn.items()} == {"z": 3, "w": 3, "n": 3}


def test_an_array_by_name_or_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "data", z=np.ones((4, 2)), other=np.zeros((4, 2)))
    assert draw_inputs([spec(shape=(2,), data="data.npz")], tmp_path, 4, 0)["z"].sum() == 8
    np.savez(tmp_path / "alone", values=np.ones((4, 2)))
    assert draw_inputs([spec(shape=(2,), data="alone.npz")], tmp_path, 4, 0)["z"].sum() == 8
    np.savez(tmp_path / "two", a=np.ones((4, 2)), b=np.ones((4, 2)))
    with pytest.raises(DataError, match="no array 'z'; it has: a, b"):
        draw_inputs([spec(shape=(2,), data="two.npz")], tmp_path, 4, 0)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((4, 3)), "samples of shape"),
        (np.full((4, 2), np.nan), "NaN"),
        (np.array([[{}]] * 4, dtype=object), "plain arrays"),
        (np.ones((1, 2)), "fewer than 2"),
    ],
)
def test_bad_arrays(tmp_path: Path, array: Any, message: str) -> None:
    np.savez(tmp_path / "bad", z=array)
    with pytest.raises(DataError, match=message):
        draw_inputs([spec(shape=(2,), data="bad.npz")], tmp_path, 4, 0)


def test_one_sample_of_a_law(tmp_path: Path) -> None:
    assert draw_inputs([spec(data=None)], tmp_path, 1, 0)["z"].shape == (1, 3, 4, 5)


def test_bad_files(tmp_path: Path) -> None:
    pictures(tmp_path, size=(6, 4))
    with pytest.raises(DataError, match=r"is 6x4, but input 'z' takes 5x4"):
        draw_inputs([spec()], tmp_path, 4, 0)
    (tmp_path / "data" / "0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be read as a picture"):
        draw_inputs([spec(shape=(3, 4, 6))], tmp_path, 5, 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        draw_inputs([spec(data="empty")], tmp_path, 4, 0)
    with pytest.raises(DataError, match="does not exist"):
        draw_inputs([spec(data="none.npz")], tmp_path, 4, 0)
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match="plain arrays"):
        draw_inputs([spec(data="x.npz")], tmp_path, 4, 0)


def test_labels_from_a_file(tmp_path: Path) -> None:
    labels = InputSpec(name="y", law="classes", classes=3, data="y.npz")
    np.savez(tmp_path / "y.npz", y=np.array([2, 0, 1, 1], np.uint8))
    drawn = draw_inputs([labels], tmp_path, 4, 0)["y"]
    assert drawn.dtype == np.int64 and sorted(drawn.tolist()) == [0, 1, 1, 2]
    for wrong in ([0, 3], [-1, 0], [0.5, 1.0]):
        np.savez(tmp_path / "y.npz", y=np.array(wrong))
        with pytest.raises(DataError, match="whole numbers from 0 to 2"):
            draw_inputs([labels], tmp_path, 2, 0)
