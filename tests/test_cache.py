"""The stage cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgegan.cache import StageCache, digest, source_digest
from edgegan.errors import EdgeganError


def fill(size: int = 10) -> object:
    def make(folder: Path) -> None:
        (folder / "result").write_bytes(b"x" * size)

    return make


def test_made_once(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)
    first, cached = cache.stage("s", {"a": 1}, fill())
    assert not cached
    again, cached = cache.stage("s", {"a": 1}, lambda folder: pytest.fail("made twice"))
    assert cached and again == first
    other, _ = cache.stage("s", {"a": 2}, fill())
    assert other != first


def test_a_failed_stage_leaves_nothing(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)

    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        cache.stage("s", 1, fail)
    assert list((tmp_path / "s").iterdir()) == []
    assert (cache.stage("s", 1, fill())[0] / "result").exists()


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(EdgeganError, match="No space left"):
        StageCache(tmp_path).stage("s", 1, full)


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgeganError, match="EDGEGAN_CACHE"):
        StageCache(tmp_path / "file" / "cache").stage("s", 1, fill())


def test_the_oldest_goes_first(tmp_path: Path) -> None:
    cache = StageCache(tmp_path, limit=250)
    folders = [cache.stage("s", i, fill(100))[0] for i in range(2)]
    os.utime(folders[0], (1, 1))
    newest, _ = cache.stage("s", 2, fill(100))
    assert not folders[0].exists()
    assert folders[1].exists() and newest.exists()


def test_only_results_of_stages_are_removed(tmp_path: Path) -> None:
    (tmp_path / "emulation" / "guest").mkdir(parents=True)
    (tmp_path / "emulation" / "guest" / "python").write_bytes(b"x" * 1000)
    os.utime(tmp_path / "emulation" / "guest", (1, 1))
    StageCache(tmp_path, limit=250).stage("s", 0, fill(100))
    assert (tmp_path / "emulation" / "guest" / "python").exists()


def test_digests_depend_on_content_and_names(tmp_path: Path) -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    (tmp_path / "a.py").write_text("x = 1")
    before = source_digest(tmp_path)
    (tmp_path / "a.py").write_text("x = 2")
    changed = source_digest(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({before, changed, source_digest(tmp_path)}) == 3
