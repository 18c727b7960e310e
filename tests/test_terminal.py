"""What is shown of a long training where there is no terminal: in a log."""

from __future__ import annotations

import itertools

import pytest

from edgegan import terminal
from edgegan.training.loop import Progress


def reported(quiet: bool) -> None:
    with terminal.training_progress(quiet) as report:
        for step in range(37, 2038, 50):  # resumed at an odd place
            report(Progress(step, 2037, step // 100, {"loss": 0.25}, 1000.0))


def test_a_log_gets_a_line_each_twentieth(capsys: pytest.CaptureFixture[str]) -> None:
    reported(quiet=False)
    lines = capsys.readouterr().err.splitlines()
    steps = [int(line.split()[1]) for line in lines]
    assert lines[0] == "step 37 of 2037: loss 0.25, 1000 images/s"
    assert (steps[0], steps[-1]) == (37, 2037)
    assert len(steps) == 21
    assert max(late - early for early, late in itertools.pairwise(steps)) <= 150


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    reported(quiet=True)
    assert capsys.readouterr() == ("", "")
