"""JPEG pictures in an .npz, whole and damaged."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgegan.datasets.catalogue import find_source
from edgegan.datasets.jpeg_arrays import read_jpeg_arrays
from edgegan.errors import DataError


def jpeg(color: tuple[int, int, int], side: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), color).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def arrays(files: list[bytes], labels: list[int]) -> dict[str, Any]:
    return {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]).astype(np.int64),
        "labels": np.array(labels, np.uint8),
    }


def test_pictures_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "cifar10-train.npz"
    np.savez(path, **arrays([jpeg((250, 10, 20)), jpeg((0, 0, 255))], [7, 2]))
    loaded = find_source("cifar10-jpeg").load(tmp_path, "train")
    assert loaded.images.shape == (2, 3, 32, 32) and loaded.images.dtype == np.uint8
    assert loaded.labels.tolist() == [7, 2] and loaded.labels.dtype == np.int64
    np.testing.assert_allclose(loaded.images[0, :, 5, 9], (250, 10, 20), atol=3)  # red first
    np.testing.assert_allclose(loaded.images[1].mean((1, 2)), (0, 0, 255), atol=3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": np.array([1])}, "one more entry"),
        ({"labels": np.array([1, 10])}, "from 0 to 9"),
        ({"offsets": np.array([0, 5, 5])}, "must rise"),
        ({"offsets": np.array([0, 5, 9])}, "must rise"),
        ({"jpeg": np.zeros(4, np.float32)}, "one more entry"),
        ({"labels": np.array(["a", "b"], object)}, "is not an .npz"),
        ({"files": [jpeg((1, 2, 3), 16)] * 2}, "is 16x16, not 32x32"),
        ({"files": [b"no picture"] * 2}, "cannot be read as a JPEG"),
        ({"files": [jpeg((1, 2, 3))[:200]] * 2}, "cannot be read as a JPEG"),
    ],
)
def test_damaged_files(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    change = dict(change)
    made = arrays(change.pop("files", [jpeg((0, 0, 0))] * 2), [0, 1]) | change
    np.savez(tmp_path / "f.npz", **made)
    with pytest.raises(DataError, match=says):
        read_jpeg_arrays(tmp_path / "f.npz", 32, 10)


def test_missing_files_and_arrays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_jpeg_arrays(tmp_path / "f.npz", 32, 10)
    (tmp_path / "f.npz").write_bytes(b"not a zip")
    with pytest.raises(DataError, match="is not an"):
        read_jpeg_arrays(tmp_path / "f.npz", 32, 10)
    np.savez(tmp_path / "f.npz", jpeg=np.zeros(3, np.uint8))
    with pytest.raises(DataError, match="is not an"):
        read_jpeg_arrays(tmp_path / "f.npz", 32, 10)
