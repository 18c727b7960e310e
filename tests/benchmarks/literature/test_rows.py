from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.literature.rows import Cell, fill, kept, recall
from benchmarks.literature.summary import over_seeds
from edgegan.errors import ModelError


def test_a_row_is_made_once_and_recalled(tmp_path: Path) -> None:
    made = []

    def make() -> dict[str, float]:
        made.append(1)
        return {"fid": 1.5}

    cell = Cell({"model": "m", "pair": (0.1, 0.9)}, make)
    for _ in range(2):
        row = kept(tmp_path / "t", cell)
        assert row == {"cell": cell.name, "model": "m", "pair": [0.1, 0.9], "fid": 1.5}
    assert made == [1]


def test_a_fault_costs_its_own_row_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> dict[str, float]:
        raise ModelError("it is broken.")

    cells = [Cell({"bits": 1}, broken), Cell({"bits": 2}, lambda: {"fid": 2.0})]
    rows, faults = fill(tmp_path, cells)
    assert rows == [{"cell": "bits=2", "bits": 2, "fid": 2.0}]
    assert faults == ["bits=1: it is broken."]
    assert "it is broken" in capsys.readouterr().err


def test_rows_of_earlier_runs_stay_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for bits in (10, 2):
        fill(tmp_path, [Cell({"bits": bits}, dict)])
    rows, _ = fill(tmp_path, [Cell({"bits": 9}, dict)])
    assert [row["bits"] for row in rows] == [2, 9, 10]


def test_rows_of_another_scale_are_other_rows(tmp_path: Path) -> None:
    for budget in (0.1, 1.0):
        rows, _ = fill(tmp_path, [Cell({"model": "m", "budget": budget}, dict)])
    assert [row["budget"] for row in rows] == [0.1, 1.0]


def test_what_a_result_holds_is_not_made_again(tmp_path: Path) -> None:
    (cell,) = cells = [Cell({"bits": 4, "samples": 10_000}, lambda: {"fid": 2.0, "samples": 120})]
    rows, _ = fill(tmp_path / "first", cells)
    elsewhere = {"cell": "bits=8", "table": "another", "fid": 9.0}
    result = tmp_path / "result.json"
    result.write_text(json.dumps({"rows": [rows[0] | {"table": "this"}, elsewhere]}))
    recall(tmp_path / "second", result, "this")

    def never() -> dict[str, float]:
        raise AssertionError("the result holds it")

    assert fill(tmp_path / "second", [Cell(cell.labels, never)]) == (rows, [])


def test_what_was_made_here_comes_before_what_a_result_holds(tmp_path: Path) -> None:
    folder, result = tmp_path / "rows", tmp_path / "result.json"
    rows, _ = fill(folder, [Cell({"bits": 4}, lambda: {"fid": 1.0})])
    result.write_text(json.dumps({"rows": [rows[0] | {"fid": 2.0}]}))
    recall(folder, result, "any")
    recall(folder, tmp_path / "no-such.json", "any")
    assert fill(folder, [])[0] == rows


def test_mean_and_spread_by_hand() -> None:
    rows = [
        {"model": "a", "fid": 1.0, "kid": None},
        {"model": "b", "fid": 7.0, "kid": 1.0},
        {"model": "a", "fid": 3.0, "kid": 2.0},
    ]
    a, b = over_seeds(rows, ("model",), ("fid", "kid"))
    assert (a["model"], a["seeds"], a["fid"]) == ("a", 2, 2.0)
    assert a["fid_spread"] == pytest.approx(2**0.5)
    assert a["fid_text"] == "2 ± 1.4"
    assert (a["kid"], a["kid_spread"]) == (2.0, None)
    assert (b["fid"], b["fid_spread"], b["fid_text"]) == (7.0, None, "7")


def test_what_nobody_measured_is_a_dash() -> None:
    (row,) = over_seeds([{"model": "a"}], ("model",), ("fid",))
    assert (row["fid"], row["fid_text"]) == (None, "–")
