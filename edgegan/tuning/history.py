"""How a generator learned: records of a log in JSON lines, one a report of the training.

A record holds its ``step`` and the means of the losses since the one before it, or ``qfid`` and its
``samples``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]

TIMES = frozenset({"epoch", "images_per_second", "processor_seconds"})
"""What a record says of the run, not of what was learned."""


def append(log: Path, record: Record) -> None:
    """Add a line to ``log``, which may not be there yet."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(json.dumps(record) + "\n")


def read_history(log: Path) -> list[Record]:
    """The records by rising step; those that a resumed run made again count once."""
    records: list[Record] = []
    for line in log.read_text().splitlines() if log.exists() else ():
        record = json.loads(line)
        records = [r for r in records if r["step"] < record["step"] or not _alike(r, record)]
        records.append({name: value for name, value in record.items() if name not in TIMES})
    return sorted(records, key=lambda record: record["step"])


def _alike(a: Record, b: Record) -> bool:
    return ("qfid" in a) == ("qfid" in b)


def curves(history: list[Record]) -> dict[str, list[tuple[int, float]]]:
    """(step, value) of every loss and of qFID, by name; qFID first."""
    found: dict[str, list[tuple[int, float]]] = {}
    for record in history:
        for name, value in record.items():
            if name not in ("step", "samples", "block"):
                found.setdefault(name, []).append((record["step"], value))
    return dict(sorted(found.items(), key=lambda item: item[0] != "qfid"))
