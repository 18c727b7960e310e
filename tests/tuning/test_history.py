"""The log of a training, and what is shown of it."""

from __future__ import annotations

from pathlib import Path

from edgegan.tuning.history import append, curves, read_history


def test_what_a_resumed_run_does_again_counts_once(tmp_path: Path) -> None:
    log = tmp_path / "work" / "log.jsonl"
    for step, loss in ((5, 1.0), (10, 0.8), (15, 0.9)):
        append(log, {"step": step, "epoch": 0, "processor_seconds": 1.0, "loss": loss})
    append(log, {"step": 15, "qfid": 3.0, "samples": 500})
    append(log, {"step": 12, "epoch": 0, "loss": 0.7})  # resumed at 7
    append(log, {"step": 17, "epoch": 0, "loss": 0.6})
    append(log, {"step": 17, "qfid": 2.0, "samples": 500})
    history = read_history(log)
    assert [record["step"] for record in history] == [5, 10, 12, 15, 17, 17]
    assert curves(history) == {
        "qfid": [(15, 3.0), (17, 2.0)],
        "loss": [(5, 1.0), (10, 0.8), (12, 0.7), (17, 0.6)],
    }
    assert list(curves(history)) == ["qfid", "loss"]


def test_no_log_is_no_history(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none") == []
