from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from benchmarks.literature.options import RESULTS, Options, parsed


def _parsed(arguments: Sequence[str], needs_data: bool = False) -> AbstractContextManager[Options]:
    return parsed(
        "command",
        "What it does.",
        tables=("one", "two"),
        models=("m", "n"),
        methods=("x", "y"),
        bits=(8, 4),
        needs_data=needs_data,
        arguments=arguments,
    )


def test_without_options_everything_is_measured() -> None:
    with _parsed([]) as found:
        assert (found.tables, found.models) == (("one", "two"), ("m", "n"))
        assert (found.methods, found.bits, found.seeds) == (("x", "y"), (8, 4), (0, 1, 2))
        scale = {"budget": 1.0, "precision": "float32", "samples": 10_000}
        assert (found.scale, found.out) == (scale, RESULTS)
        assert found.work.is_dir()
    assert not found.work.exists()


def test_each_option_is_taken_once(tmp_path: Path) -> None:
    given = ["--methods", "y", "--bits", "4", "4", "--seeds", "3", "--models", "other", "--budget"]
    given += ["0.01", "--samples", "500", "--work", str(tmp_path), "--data", str(tmp_path)]
    with _parsed(given) as found:
        assert (found.methods, found.bits, found.seeds) == (("y",), (4,), (3,))
        assert (found.models, found.budget, found.samples) == (("other",), 0.01, 500)
        assert found.work == found.data == tmp_path
    assert tmp_path.is_dir()


@pytest.mark.parametrize(
    "given",
    [
        ["--methods", "z"],
        ["--bits", "5"],
        ["--tables", "three"],
        ["--budget", "0"],
        ["--budget", "nan"],
        ["--samples", "1"],
        ["--seeds", "-1"],
        ["--data", "/nowhere/at/all"],
    ],
)
def test_what_cannot_be_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped, _parsed(given):
        pass
    assert stopped.value.code == 2
    assert given[0] in capsys.readouterr().err


def test_data_is_needed_where_pictures_are_compared() -> None:
    with pytest.raises(SystemExit), _parsed([], needs_data=True):
        pass
