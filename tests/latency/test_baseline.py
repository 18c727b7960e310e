"""Baselines of several machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgegan.errors import UsageError
from edgegan.latency.baseline import (
    Baseline,
    BaselineRow,
    baseline_file,
    check_baseline_output,
    read_baseline,
    save_baseline,
)

ONE, TWO = BaselineRow(p50_ms=1.0), BaselineRow(p50_ms=2.0)


def test_saving_merges(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    save_baseline(path, "laptop", {"a": ONE, "b": ONE})
    save_baseline(path, "runner", {"a": TWO})
    save_baseline(path, "laptop", {"b": TWO, "c": TWO})
    assert json.loads(path.read_text()) == {
        "schema": "edgegan.baseline/2",
        "environments": {
            "laptop": {"a": {"p50_ms": 1.0}, "b": {"p50_ms": 2.0}, "c": {"p50_ms": 2.0}},
            "runner": {"a": {"p50_ms": 2.0}},
        },
    }
    assert read_baseline(path).environments["laptop"]["b"] == TWO
    assert [file.name for file in tmp_path.iterdir()] == ["baseline.json"]


def test_a_folder_has_one_file_a_machine(tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    for machine, row in (("laptop", ONE), ("runner", TWO), ("laptop", TWO)):
        check_baseline_output(folder, machine)
        save_baseline(folder, machine, {"a": row})
    assert len(list(folder.iterdir())) == 2
    assert read_baseline(folder).environments == {"laptop": {"a": TWO}, "runner": {"a": TWO}}


def test_two_files_of_one_machine_add_up_but_not_to_the_same_row(tmp_path: Path) -> None:
    save_baseline(tmp_path / "1.json", "laptop", {"a": ONE})
    save_baseline(tmp_path / "2.json", "laptop", {"b": TWO})
    assert read_baseline(tmp_path).environments == {"laptop": {"a": ONE, "b": TWO}}
    save_baseline(tmp_path / "2.json", "laptop", {"a": TWO})
    with pytest.raises(UsageError, match=r"1\.json and .*2\.json both hold the row a"):
        read_baseline(tmp_path)


def test_file_or_folder(tmp_path: Path) -> None:
    (tmp_path / "is.json").mkdir()
    (tmp_path / "plain").write_text("")
    assert baseline_file(tmp_path / "new.json", "m") == tmp_path / "new.json"
    assert baseline_file(tmp_path / "plain", "m") == tmp_path / "plain"
    assert baseline_file(tmp_path / "new", "m").parent == tmp_path / "new"
    assert baseline_file(tmp_path / "is.json", "m").parent == tmp_path / "is.json"
    assert baseline_file(tmp_path, "m") != baseline_file(tmp_path, "n")


def test_the_older_form_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text('{"schema": "edgegan.baseline/1", "environment": "m", "p50_ms": {"a": 1.0}}')
    for use in (read_baseline, lambda p: check_baseline_output(p, "m")):
        with pytest.raises(UsageError, match=r"older form .* make it anew with --save-baseline"):
            use(path)


def test_an_unreadable_baseline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text("[]")
    with pytest.raises(UsageError, match="is not a baseline"):
        save_baseline(path, "m", {"a": ONE})
    assert path.read_text() == "[]"


@pytest.mark.parametrize(
    "text",
    [
        "", "[", "[]", "[" * 100_000, '{"schema": "edgegan.baseline/2"}',
        '{"schema": "edgegan.baseline/2", "environments": {"m": {"a": {"p50_ms": 0}}}}',
        '{"schema": "edgegan.baseline/2", "environments": {"m": {"a": {"p50_ms": NaN}}}}',
    ],
)  # fmt: skip
def test_what_is_no_baseline(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(UsageError, match="is not a baseline; make one with --save-baseline"):
        read_baseline(tmp_path / "bad.json")


def test_a_missing_baseline(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist; make one with --save-baseline"):
        read_baseline(tmp_path / "none.json")
    assert read_baseline(tmp_path).environments == {}


def test_merging_leaves_the_original_alone() -> None:
    before = Baseline(schema="edgegan.baseline/2", environments={"m": {"a": ONE}})
    after = before.with_rows("m", {"a": TWO})
    assert before.environments["m"]["a"] == ONE
    assert after.environments["m"]["a"] == TWO
