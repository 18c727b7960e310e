"""Guests that stay: to start Python and ONNX Runtime under emulation takes longer than most jobs."""

from __future__ import annotations

import atexit
import os
import subprocess
import tempfile
import threading
from pathlib import Path

from edgegan.emulation.command import command, environment, overlay
from edgegan.emulation.cores import Core
from edgegan.emulation.root import REMEDY, Installed
from edgegan.errors import EdgeganError

_GUESTS: dict[tuple[int, Core, Path], Guest] = {}
"""By the process that started them (a forked one has its own), core and machine."""


class Guest:
    """The guest script on an emulated core, waiting for jobs; it ends with the process that started it.

    It keeps nothing of a job; each loads its own model.
    """

    def __init__(self, core: Core, machine: Installed) -> None:
        self._core = core
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="edgegan-")
        folder = Path(self._folder.name).resolve()
        self._complaints = folder / "stderr.txt"
        line = command(core, machine, overlay(core, machine, folder / "root"), "-")
        with self._complaints.open("w") as stderr:
            self._process = subprocess.Popen(
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment(core, machine),
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(self, folder: Path) -> None:
        """Do the job in ``folder`` (see ``guest.py``) and wait for it.

        Raises:
            EdgeganError: if the emulated process breaks down.
        """
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        job = f"{folder}\n"
        with self._lock:
            try:
                process.stdin.write(job)
                process.stdin.flush()
                # passes over the answer to a job that was interrupted here
                answered = job in iter(process.stdout.readline, "")
            except BrokenPipeError:
                answered = False
        if not answered:
            process.wait()
            raise breakdown(self._core, self._complaints.read_text())

    def stop(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


def guest_of(core: Core, machine: Installed) -> Guest:
    """The guest that waits for jobs of this process; started if there is none."""
    key = os.getpid(), core, machine.folder
    guest = _GUESTS.get(key)
    if guest is None or not guest.alive:
        guest = _GUESTS[key] = Guest(core, machine)
    return guest


def breakdown(core: Core, complaints: str) -> EdgeganError:
    """What to say of an emulated process that ended by itself.

    Args:
        complaints: what it wrote to its standard error.
    """
    lines = complaints.strip().splitlines()
    return EdgeganError(
        f"the emulated {core.name} broke down ({lines[-1] if lines else 'no message'}); "
        f"if it does so again, make the machine again with: {REMEDY} --again"
    )


@atexit.register
def _stop_all() -> None:
    for (owner, _, _), guest in _GUESTS.items():
        if owner == os.getpid():
            guest.stop()
