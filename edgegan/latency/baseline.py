"""Baselines: what models cost before, machine by machine, and what counts as a regression.

A baseline is a file that holds several environments, or a folder of such files, so that the numbers of
a laptop and of two kinds of CI runner can lie in one repository.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from edgegan.errors import UsageError
from edgegan.output_file import check_writable, write_whole
from edgegan.schema import Strict

SCHEMA = "edgegan.baseline/2"
_OLDER = "edgegan.baseline/1"


class BaselineRow(Strict):
    """What one row of a benchmark cost: the quantized model's median."""

    p50_ms: Annotated[float, Field(gt=0)]


class Baseline(Strict):
    """Costs by machine and row.

    Attributes:
        environments: by ``Environment.key``, then by ``<bundle>/<target>/<threads>/<batch>``.
    """

    schema_: Annotated[Literal["edgegan.baseline/2"], Field(alias="schema")]
    environments: dict[str, dict[str, BaselineRow]]

    def with_rows(self, environment: str, rows: Mapping[str, BaselineRow]) -> Baseline:
        """A baseline with ``rows`` in the place of their namesakes; other machines' rows stay."""
        merged = {**self.environments.get(environment, {}), **rows}
        return Baseline(
            schema=SCHEMA,  # type: ignore[call-arg]
            environments={**self.environments, environment: merged},
        )


def empty_baseline() -> Baseline:
    return Baseline(schema=SCHEMA, environments={})  # type: ignore[call-arg]


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file, or all ``*.json`` of a folder.

    Raises:
        UsageError: if it is missing or not a baseline, or if two files of the folder hold the same row.
    """
    if not path.is_dir():
        return _read_file(path)
    merged, source = empty_baseline(), dict[tuple[str, str], Path]()
    for file in sorted(path.glob("*.json")):
        for environment, rows in _read_file(file).environments.items():
            for row in rows:
                other = source.setdefault((environment, row), file)
                if other != file:
                    raise UsageError(
                        f"{other} and {file} both hold the row {row} of one machine; delete one."
                    )
            merged = merged.with_rows(environment, rows)
    return merged


def baseline_file(path: Path, environment: str) -> Path:
    """The file that this machine's numbers are saved in.

    A folder (or a path that is not there and does not end in ``.json``) has one file a machine.
    """
    if path.is_file() or (path.suffix == ".json" and not path.is_dir()):
        return path
    return path / f"{hashlib.sha256(environment.encode()).hexdigest()[:12]}.json"


def check_baseline_output(path: Path, environment: str) -> None:
    """Find out, before the measuring, whether ``save_baseline`` can do its work.

    Raises:
        UsageError: if the file cannot be written, or is there and is not a baseline.
    """
    file = baseline_file(path, environment)
    check_writable(file, "--save-baseline")
    if file.exists():
        _read_file(file)


def save_baseline(path: Path, environment: str, rows: Mapping[str, BaselineRow]) -> None:
    """Merge rows into a baseline; those of other machines and other models stay.

    Raises:
        UsageError: if the file cannot be written, or is there and is not a baseline.
    """
    file = baseline_file(path, environment)
    present = _read_file(file) if file.exists() else empty_baseline()
    data = present.with_rows(environment, rows).model_dump(mode="json", by_alias=True)
    write_whole(file, json.dumps(data, indent=2) + "\n", "--save-baseline")


def regression_limit(baseline_ms: float, max_regression: float, min_delta_ms: float) -> float:
    """The largest median that is no regression: relative *and* above a floor.

    Args:
        max_regression: share of the baseline, e.g. 0.05.
        min_delta_ms: smaller differences never count; they are the timer's and the scheduler's.
    """
    return max(baseline_ms * (1.0 + max_regression), baseline_ms + min_delta_ms)


def _read_file(path: Path) -> Baseline:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"baseline {path} does not exist; make one with --save-baseline."
        ) from None
    except (OSError, ValueError, RecursionError):
        raise UsageError(f"{path} is not a baseline; make one with --save-baseline.") from None
    if isinstance(data, dict) and data.get("schema") == _OLDER:
        raise UsageError(
            f"{path} is of the older form {_OLDER}, which holds one machine only; delete it and make "
            "it anew with --save-baseline."
        )
    try:
        return Baseline.model_validate(data)
    except (ValidationError, RecursionError):
        raise UsageError(f"{path} is not a baseline; make one with --save-baseline.") from None
