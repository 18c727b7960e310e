"""A benchmark's work folder, and the finished rows in it that a later run goes on from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.output_file import write_whole


@contextmanager
def work_folder(given: Path | None) -> Iterator[Path]:
    """The folder of ``--work``, made if need be; without one, a temporary folder."""
    if given is None:
        with tempfile.TemporaryDirectory() as scratch:
            yield Path(scratch)
    else:
        given.mkdir(parents=True, exist_ok=True)
        yield given


@dataclass(frozen=True)
class KeptRows:
    """Rows by the name of what was measured, a file each.

    Attributes:
        folder: where they lie; made with the first row.
    """

    folder: Path

    def __contains__(self, name: str) -> bool:
        return self._file(name).exists()

    def keep(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write what ``name`` gave, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._file(name), json.dumps(rows), "rows")

    def of(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """All rows of ``names`` that are there, in this order."""
        files = (self._file(name) for name in names if name in self)
        return [row for file in files for row in json.loads(file.read_text())]

    def _file(self, name: str) -> Path:
        return self.folder / f"{name.replace('/', '_')}.json"
