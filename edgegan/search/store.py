"""Trials in a folder that workers share, on one machine or on a network's file system.

A trial is claimed by a file that only one worker can create, and finished by one that appears whole. A
worker that dies leaves its claim: it is taken over, by a file of the next generation, as soon as its
process is known to be gone, or when it has not been touched for a while.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edgegan.errors import EdgeganError, UsageError
from edgegan.output_file import write_whole

_BEAT, _ABANDONED = 20.0, 300.0
"""Seconds between touches of a claim, and until one that nobody touches is abandoned."""


class TrialStore:
    """The folder; made where it is not there.

    Args:
        folder: on whatever the workers share.
        key: of what is measured: a folder holds trials of one key.

    Raises:
        UsageError: if the folder holds trials of something else.
        EdgeganError: if it cannot be written.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EdgeganError(
                f"the store {folder} cannot be made ({error.strerror}); choose another folder."
            ) from None
        mark = folder / "key"
        if not mark.exists():
            write_whole(mark, key, "the store's key")
        if mark.read_text() != key:
            raise UsageError(
                f"the store {folder} holds trials of another generator, recipe, choices or version; "
                "choose another folder."
            )

    def finished(self) -> dict[str, Any]:
        """Documents of the finished trials, by name."""
        return {path.stem: json.loads(path.read_text()) for path in self.folder.glob("*.json")}

    def running(self) -> set[str]:
        """Names of trials that a worker is measuring."""
        claims = {path.name.partition(".")[0] for path in self.folder.glob("*.claim-*")}
        return {name for name in claims if self._is_running(name)}

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Whether the trial is this worker's, for as long as the block runs."""
        claim = self._claim(name)
        if claim is None or self._result(name).exists():  # ended since it was looked for
            if claim is not None:
                claim.unlink(missing_ok=True)
            yield False
            return
        over = threading.Event()
        beat = threading.Thread(target=_touch, args=(claim, over), daemon=True)
        beat.start()
        try:
            yield True
        finally:
            over.set()
            beat.join()
            claim.unlink(missing_ok=True)

    def finish(self, name: str, document: dict[str, Any]) -> None:
        """Keep a trial's result; within ``claimed``."""
        write_whole(self._result(name), json.dumps(document, allow_nan=False), "a trial's result")

    def _result(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _claims(self, name: str) -> list[Path]:
        """By generation."""
        found = self.folder.glob(f"{name}.claim-*")
        return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))

    def _claim(self, name: str) -> Path | None:
        claims = self._claims(
            name
        )  # once: of two workers that saw the same, one creates the next file
        if self._result(name).exists() or (claims and not _abandoned(claims[-1])):
            return None
        generation = int(claims[-1].name.rpartition("-")[2]) + 1 if claims else 0
        path = self.folder / f"{name}.claim-{generation}"
        owner = json.dumps({"host": socket.gethostname(), "process": os.getpid()})
        try:
            with path.open("x") as file:
                file.write(owner)
        except FileExistsError:
            return None
        for old in claims:
            old.unlink(missing_ok=True)
        return path

    def _is_running(self, name: str) -> bool:
        if self._result(name).exists():
            return False
        claims = self._claims(name)
        return bool(claims) and not _abandoned(claims[-1])


def _touch(claim: Path, over: threading.Event) -> None:
    while not over.wait(_BEAT):
        with suppress(FileNotFoundError):
            os.utime(claim)


def _abandoned(claim: Path) -> bool:
    try:
        age = time.time() - claim.stat().st_mtime
        owner = json.loads(claim.read_text() or "{}")
    except OSError:
        return True  # its worker has just ended it
    except ValueError:
        owner = {}
    if age > _ABANDONED:
        return True
    return owner.get("host") == socket.gethostname() and not _lives(int(owner["process"]))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
