"""The options that all commands of this folder share."""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRECISIONS = ("float32", "bfloat16")
UNTRAINED: dict[str, Any] = {"budget": 1.0, "precision": PRECISIONS[0]}
"""What stands in the rows of models that are only calibrated."""

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        tables: of the document.
        models: of the zoo.
        methods, bits: of the document's tables; each table takes those that it has.
        seeds: repetitions.
        budget: what the steps of tuning are multiplied by.
        precision: of training.
        samples: images of every metric.
        work: keeps finished rows and stages.
        out: receives the results; rows that they hold already are not made again.
        anew: but if this is set.
        data: data sets, each in a folder of its own or all in one; None where none was given.
    """

    tables: tuple[str, ...]
    models: tuple[str, ...]
    methods: tuple[str, ...]
    bits: tuple[int, ...]
    seeds: tuple[int, ...]
    budget: float
    precision: str
    samples: int
    work: Path
    out: Path
    data: Path | None
    anew: bool = False

    @property
    def scale(self) -> dict[str, Any]:
        """What stands in every row of a trained model beside its numbers."""
        return {"budget": self.budget, "precision": self.precision, "samples": self.samples}


@contextmanager
def parsed(
    command: str,
    description: str,
    *,
    tables: Sequence[str],
    models: Sequence[str],
    methods: Sequence[str],
    bits: Sequence[int],
    needs_data: bool = False,
    arguments: Sequence[str] | None = None,
) -> Iterator[Options]:
    """Read the command line; ``tables``, ``methods`` and ``bits`` are all that can be asked for.

    Without ``--work``, rows and stages are kept as long as the command runs.
    """
    parser = argparse.ArgumentParser(prog=command, description=description)

    def several(name: str, known: Sequence[object], kind: type = str, text: str = "") -> None:
        parser.add_argument(
            name, nargs="+", type=kind, choices=known, default=list(known), help=text or None
        )

    several("--tables", tables)
    several("--methods", methods)
    several("--bits", bits, int, "of a weight")
    parser.add_argument("--models", nargs="+", default=list(models), help="of the zoo")
    parser.add_argument("--seeds", nargs="+", type=_seed, default=[0, 1, 2])
    parser.add_argument("--budget", type=_budget, default=1.0, help="factor of all tuning steps")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of training"
    )
    parser.add_argument("--samples", type=_samples, default=10_000, help="of every metric")
    parser.add_argument("--work", type=Path, help="folder that keeps finished rows and stages")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--anew", action="store_true", help="make rows that results hold, too")
    parser.add_argument("--data", type=Path, required=needs_data, help="folder of the data sets")
    given = parser.parse_args(arguments)
    if given.data is not None and not given.data.is_dir():
        parser.error(f"--data: {given.data} is no folder")
    with tempfile.TemporaryDirectory() as scratch:
        yield Options(
            tables=_once(given.tables),
            models=_once(given.models),
            methods=_once(given.methods),
            bits=_once(given.bits),
            seeds=_once(given.seeds),
            budget=given.budget,
            precision=given.precision,
            samples=given.samples,
            work=given.work or Path(scratch),
            out=given.out,
            data=given.data,
            anew=given.anew,
        )


def _once(values: list) -> tuple:  # type: ignore[type-arg]
    return tuple(dict.fromkeys(values))


def _budget(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0 < value <= 100):
        raise argparse.ArgumentTypeError("must be above 0 and at most 100")
    return value


def _samples(text: str) -> int:
    value = int(text)
    if value < 2:
        raise argparse.ArgumentTypeError("must be at least 2")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 10**6:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value
