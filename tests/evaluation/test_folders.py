"""Pictures in folders: order, classes, range, data sets by their files, and what is refused."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgegan.cache import file_digest
from edgegan.datasets import catalogue
from edgegan.errors import DataError
from edgegan.evaluation.folders import folder_pictures, real_pictures
from edgegan.evaluation.pictures import fitted
from edgegan.metrics.extractor import FeatureDescription
from tests.evaluation.made import save_pictures


def gray(count: int, side: int = 4) -> np.ndarray:  # type: ignore[type-arg]
    """Picture i is i steps above black."""
    levels = np.arange(count, dtype=np.float32) / 127.5 - 1
    return np.broadcast_to(levels[:, None, None, None], (count, 1, side, side)).copy()


def test_a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    pictures = folder_pictures(save_pictures(tmp_path / "a", gray(120)))
    assert pictures.count == 120 and pictures.labels is None
    values = np.concatenate(list(pictures.batches()))[:, 0, 0, 0]
    np.testing.assert_allclose(values, np.arange(120) / 127.5 - 1, atol=1e-6)
    assert folder_pictures(tmp_path / "a", 7).count == 7


def test_folders_within_are_classes(tmp_path: Path) -> None:
    for name in ("boot", "bag"):
        save_pictures(tmp_path / name, gray(2))
    labels = folder_pictures(tmp_path).labels
    assert labels is not None and labels.tolist() == [0, 0, 1, 1]


def test_the_key_follows_the_bytes(tmp_path: Path) -> None:
    save_pictures(tmp_path / "a", gray(3))
    before = folder_pictures(tmp_path / "a")
    assert folder_pictures(tmp_path / "a").key == before.key
    Image.new("L", (4, 4), 99).save(tmp_path / "a" / "0001.png")
    assert folder_pictures(tmp_path / "a").key != before.key
    assert folder_pictures(tmp_path / "a").inputs == before.inputs


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pictures"):
        folder_pictures(tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        real_pictures(tmp_path / "none", "train", 2, 0)
    save_pictures(tmp_path / "a", gray(3))
    Image.new("RGB", (4, 4)).save(tmp_path / "a" / "0002.png")
    with pytest.raises(DataError, match="4x4 colour, and others of its folder 4x4 gray"):
        list(folder_pictures(tmp_path / "a").batches())
    (tmp_path / "a" / "0002.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be read"):
        list(folder_pictures(tmp_path / "a").batches())


def test_a_seeded_choice_of_real_ones(tmp_path: Path) -> None:
    folder = save_pictures(tmp_path / "a", gray(40))
    first, again, other = (real_pictures(folder, "train", 10, seed) for seed in (1, 1, 2))
    values = [one.take(np.arange(10))[:, 0, 0, 0] for one in (first, again, other)]
    np.testing.assert_array_equal(values[0], values[1])
    assert len(set(values[0])) == 10 and not np.array_equal(values[0], values[2])
    assert first.key == again.key != other.key


def test_a_data_set_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sets with files of the same names are told apart by checksum."""
    source = catalogue.CATALOGUE["fashion-mnist"]
    for file, shape in zip(source.test, ((3, 28, 28), (3,)), strict=True):
        header = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
        (tmp_path / file.name).write_bytes(gzip.compress(header + bytes(np.prod(shape))))
    assert catalogue.find_in_folder(tmp_path, "test") is None
    files = [catalogue.DataFile(f.name, f.url, file_digest(tmp_path / f.name)) for f in source.test]
    known = replace(source, test=tuple(files))
    monkeypatch.setitem(catalogue.CATALOGUE, "fashion-mnist", known)
    pictures = real_pictures(tmp_path, "test", 100, 0)
    assert pictures.label == "fashion-mnist test" and pictures.count == 3
    assert pictures.take(np.arange(2)).shape == (2, 1, 32, 32)


def test_pictures_are_fitted_to_a_network(tmp_path: Path) -> None:
    pictures = folder_pictures(save_pictures(tmp_path / "a", gray(3)))
    same, note = fitted(pictures, FeatureDescription("n", 1, 1))
    assert same is pictures and note == ""
    wide, note = fitted(pictures, FeatureDescription("n", 1, 3, None, (0.0, 255.0)))
    images = wide.take(np.arange(3))
    assert images.shape == (3, 3, 4, 4) and "three channels" in note
    np.testing.assert_allclose(images[:, 2, 0, 0], [0, 1, 2], atol=1e-4)
    assert wide.key != pictures.key
