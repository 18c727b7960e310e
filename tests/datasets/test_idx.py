"""IDX files, whole and damaged."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from edgegan.datasets.catalogue import DataFile, DataSource, find_source, read_gray_32
from edgegan.datasets.idx import read_idx
from edgegan.errors import DataError, UsageError


def idx(array: np.ndarray) -> bytes:  # type: ignore[type-arg]
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: data])
def test_round_trip(tmp_path: Path, pack: object) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5))
    (tmp_path / "images").write_bytes(pack(idx(images)))  # type: ignore[operator]
    np.testing.assert_array_equal(read_idx(tmp_path / "images"), images)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0", b"\0\0\x0d\x01", b"\0\0\x08\x03\0\0", idx(np.zeros((2, 3)))[:-1],
     gzip.compress(idx(np.zeros((9, 9))), mtime=0)[:-9], b"\x1f\x8bgarbage"],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(DataError, match="fetch the file again"):
        read_idx(tmp_path / "f")


def test_missing_and_wrong_files(tmp_path: Path) -> None:
    source = find_source("fashion-mnist")
    with pytest.raises(DataError, match="edgegan zoo data fashion-mnist"):
        source.load(tmp_path, "train")
    (tmp_path / source.train[0].name).write_bytes(idx(np.zeros((1, 28, 28))))
    with pytest.raises(DataError, match="is not the published file"):
        source.load(tmp_path, "train")
    with pytest.raises(UsageError, match="known data sets"):
        find_source("imagenet")


def test_padding_and_range(tmp_path: Path) -> None:
    import hashlib

    files = []
    for name, array in (("i", np.full((2, 28, 28), 255)), ("l", np.array([3, 7]))):
        (tmp_path / name).write_bytes(idx(array))
        files.append(DataFile(name, "", hashlib.sha256(idx(array)).hexdigest()))
    pair = (files[0], files[1])
    images = DataSource("n", "t", "l", "a", (), pair, pair, read_gray_32).load(tmp_path, "train")
    assert images.images.shape == (2, 1, 32, 32)
    batch = images.batch(np.array([1]))
    assert (batch[0, 0, 0, 0], batch[0, 0, 16, 16]) == (-1.0, 1.0)
    assert images.labels.tolist() == [3, 7]
