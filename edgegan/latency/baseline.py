"""Baselines: what a model cost before, on the same kind of machine, and what counts as a regression."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from edgegan.errors import UsageError
from edgegan.schema import Strict

SCHEMA = "edgegan.baseline/1"


class Baseline(Strict):
    """Medians by row.

    Attributes:
        environment: of the machine; see ``Environment.key``.
        p50_ms: by ``<bundle>/<target>/<threads>/<batch>``.
    """

    schema_: Annotated[Literal["edgegan.baseline/1"], Field(alias="schema")]
    environment: str
    p50_ms: dict[str, Annotated[float, Field(gt=0)]]


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        UsageError: if it is missing or not a baseline.
    """
    try:
        return Baseline.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(
            f"baseline {path} does not exist; make one with --save-baseline."
        ) from None
    except (OSError, ValueError, ValidationError, RecursionError):
        raise UsageError(f"{path} is not a baseline; make one with --save-baseline.") from None


def write_baseline(path: Path, environment: str, p50_ms: dict[str, float]) -> None:
    """Write a baseline file.

    Raises:
        UsageError: if the file cannot be written.
    """
    data = {"schema": SCHEMA, "environment": environment, "p50_ms": p50_ms}
    try:
        path.write_text(json.dumps(data, indent=2) + "\n")
    except OSError as error:
        raise UsageError(f"baseline {path} cannot be written: {error.strerror}.") from None


def regression_limit(baseline_ms: float, max_regression: float, min_delta_ms: float) -> float:
    """The largest median that is no regression: relative *and* above a floor.

    Args:
        max_regression: share of the baseline, e.g. 0.05.
        min_delta_ms: smaller differences never count; they are the timer's and the scheduler's.
    """
    return max(baseline_ms * (1.0 + max_regression), baseline_ms + min_delta_ms)
