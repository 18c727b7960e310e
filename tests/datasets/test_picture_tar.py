"""Tars of pictures: read in one pass, refused where they would reach outside themselves."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgegan.datasets.catalogue import find_source
from edgegan.datasets.picture_tar import read_picture_tar
from edgegan.errors import DataError


def png(gray: int, side: int = 128) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (gray, gray, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def write(path: Path, members: list[tuple[str, bytes | str]], mode: str = "w") -> Path:
    """Files by name; text stands for a symbolic link's target."""
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_folders_become_labels(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "horse2zebra-128.tar"
    members: list[tuple[str, bytes | str]] = [
        ("set/trainB/1.png", png(9)),
        ("set/testA/1.png", png(1)),
        ("set/trainA/1.png", png(3)),
        ("set/README", b"text"),
    ]
    write(path, members, mode)
    loaded = find_source("horse2zebra").load(tmp_path, "train")
    assert loaded.images.shape == (2, 3, 128, 128)
    assert loaded.images[:, :, 0, 0].tolist() == [[9, 9, 7], [3, 3, 7]]
    assert loaded.labels.tolist() == [1, 0]
    assert loaded.of_class(0).images[0, 0, 0, 0] == 3
    assert list(tmp_path.iterdir()) == [path]  # nothing was extracted


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("../a/1.png", png(1), "leaves the tar"),
        ("/a/1.png", png(1), "leaves the tar"),
        ("a/b/../../../1.png", png(1), "leaves the tar"),
        ("a/1.png", "/etc/passwd", "is a link or a device"),
        ("other/1.png", "a/0.png", "is a link or a device"),
        ("a/1.png", b"text", "cannot be read as a JPEG or PNG"),
        ("a/1.png", png(1, 64), "is 64x64, not 128x128"),
    ],
)
def test_refusals(tmp_path: Path, name: str, content: bytes | str, says: str) -> None:
    path = write(tmp_path / "f.tar", [("a/0.png", png(0)), (name, content)])
    with pytest.raises(DataError, match=says):
        read_picture_tar(path, ("a",), 128)


def test_too_large_a_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegan.datasets.picture_tar._LARGEST", 10)
    with pytest.raises(DataError, match="pictures have"):
        read_picture_tar(write(tmp_path / "f.tar", [("a/0.png", png(0))]), ("a",), 128)


def test_missing_damaged_and_empty(tmp_path: Path) -> None:
    path = tmp_path / "f.tar"
    with pytest.raises(DataError, match="does not exist"):
        read_picture_tar(path, ("a",), 128)
    path.write_bytes(b"no tar" * 200)
    with pytest.raises(DataError, match="cannot be read as a tar"):
        read_picture_tar(path, ("a",), 128)
    whole = write(path, [("a/0.png", png(0)), ("a/1.png", np.random.default_rng(0).bytes(5000))])
    path.write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(DataError, match="cannot be read"):
        read_picture_tar(path, ("a",), 128)
    with pytest.raises(DataError, match="no pictures in a folder 'b'"):
        read_picture_tar(write(path, [("a/0.png", png(0))]), ("a", "b"), 128)
