"""Published weights: fetched whole or not at all, and a sentence where that cannot be."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from edgegan.errors import ModelError, UnavailableError
from edgegan.metrics.weights_file import WeightsFile


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsFile:
    """A file that a publisher has, and a home where nothing is."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EDGEGAN_TEST", raising=False)
    source = tmp_path / "published.pth"
    torch.save({"weight": torch.arange(3.0)}, source)
    data = source.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    return WeightsFile("Test", "w.pth", source.as_uri(), len(data), sha256, "EDGEGAN_TEST")


def test_it_is_fetched_once(published: WeightsFile, tmp_path: Path) -> None:
    assert published.load()["weight"].tolist() == [0.0, 1.0, 2.0]
    (tmp_path / "published.pth").unlink()
    assert published.load()["weight"].tolist() == [0.0, 1.0, 2.0]
    assert published.path() == tmp_path / "home" / "hub" / "checkpoints" / "w.pth"


def test_nothing_is_kept_of_another_size(published: WeightsFile, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="bytes came instead of"):
        replace(published, bytes=7).load()
    assert not list((tmp_path / "home").rglob("*.pth")) + list((tmp_path / "home").rglob(".edge*"))


def test_offline_is_one_sentence(published: WeightsFile, tmp_path: Path) -> None:
    (tmp_path / "published.pth").unlink()
    with pytest.raises(UnavailableError) as error:
        published.load()
    text = str(error.value)
    wanted = ("w.pth", f"{published.bytes} bytes", published.sha256, "EDGEGAN_TEST", "--weights")
    for part in (*wanted, str(tmp_path / "home"), "default features", "fashion-features"):
        assert part in text
    assert "\n" not in text


def test_a_named_place_is_not_written_to(
    published: WeightsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEGAN_TEST", str(tmp_path / "mine.pth"))
    with pytest.raises(UnavailableError, match=r"mine\.pth"):
        published.load()
    assert not (tmp_path / "mine.pth").exists()
    assert published.load(tmp_path / "published.pth")["weight"].shape == (3,)


def test_another_file_is_refused(published: WeightsFile, tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"x")
    with pytest.raises(ModelError, match="SHA-256"):
        published.load(tmp_path / "mine.pth")
