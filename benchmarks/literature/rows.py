"""Rows of a table: each is made once and kept in a file of its own, so that a killed run goes on.

A result file holds its rows whole, with the name of each; another machine goes on from there.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.errors import EdgeganError
from edgegan.output_file import write_whole

Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """A row that is wanted.

    Attributes:
        labels: what it is of, with all that its numbers depend on; they are a part of the row.
        make: measures the rest.
    """

    labels: Mapping[str, Any]
    make: Callable[[], Row]

    @property
    def name(self) -> str:
        """Of its file; different for different labels."""
        words = (f"{key}={_word(value)}" for key, value in self.labels.items())
        return re.sub(r"[^A-Za-z0-9_.=,-]", "_", ",".join(words))


def kept(folder: Path, cell: Cell) -> Row:
    """The row from ``folder``, or made and kept there.

    Raises:
        EdgeganError: if it cannot be made.
    """
    path = folder / f"{cell.name}.json"
    if not path.exists():
        print(f"{folder.name}: {cell.name}", file=sys.stderr, flush=True)
        _keep(path, {"cell": cell.name, **cell.labels, **cell.make()})
    found: Row = json.loads(path.read_text())
    return found


def recall(folder: Path, result: Path, table: str) -> None:
    """Keep in ``folder`` what ``result`` holds of ``table``, where such a row is not there yet.

    Args:
        result: a result file; nothing is recalled where there is none.
        table: of rows that name theirs.
    """
    rows = json.loads(result.read_text())["rows"] if result.exists() else []
    for row in rows:
        path = folder / f"{row['cell']}.json"
        if row.pop("table", table) == table and not path.exists():
            _keep(path, row)


def _keep(path: Path, row: Row) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(row, indent=1, allow_nan=False) + "\n", "row")


def fill(folder: Path, cells: Iterable[Cell]) -> tuple[list[Row], list[str]]:
    """Make what is wanted.

    Returns:
        All rows of ``folder``, those of earlier runs too, and why others could not be made.
    """
    faults = []
    for cell in cells:
        try:
            kept(folder, cell)
        except EdgeganError as error:
            faults.append(f"{cell.name}: {error}")
            print(faults[-1], file=sys.stderr, flush=True)
    paths = sorted(folder.glob("*.json"), key=lambda path: _natural(path.stem))
    return [json.loads(path.read_text()) for path in paths], faults


def _word(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _natural(text: str) -> list[tuple[int, float, str]]:
    """Sorts 10 behind 9."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(1, float(p), "") if p[:1].isdigit() else (0, 0.0, p) for p in parts]
