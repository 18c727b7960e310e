from __future__ import annotations

from pathlib import Path

from benchmarks.kept_rows import KeptRows, work_folder


def test_a_later_run_finds_the_rows_in_the_order_it_asks_for(tmp_path: Path) -> None:
    KeptRows(tmp_path / "rows").keep("dcgan-64/1/16", [{"ms": 1.5}, {"ms": None}])
    KeptRows(tmp_path / "rows").keep("sagan-64", [{"ms": 2}])
    later = KeptRows(tmp_path / "rows")
    assert later.of(["sagan-64", "srgan-x4", "dcgan-64/1/16"]) == [
        {"ms": 2},
        {"ms": 1.5},
        {"ms": None},
    ]
    assert "dcgan-64/1/16" in later
    assert "dcgan-64/1/1" not in later


def test_nothing_is_kept_yet(tmp_path: Path) -> None:
    assert KeptRows(tmp_path / "rows").of(["dcgan-64"]) == []
    assert not (tmp_path / "rows").exists()


def test_the_given_work_folder_stays_and_a_temporary_one_goes(tmp_path: Path) -> None:
    with work_folder(tmp_path / "a" / "b") as given:
        assert given == tmp_path / "a" / "b"
    with work_folder(None) as scratch:
        assert scratch.is_dir()
    assert given.is_dir()
    assert not scratch.exists()
