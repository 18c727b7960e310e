"""Workers that share trials: none lost, none measured twice, and none waits for the dead."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgegan.errors import UsageError
from edgegan.search.search import take_trials
from edgegan.search.store import TrialStore
from edgegan.search.strategy import best
from tests.search.landscape import measure, problem

WORKER = """
import sys, time
from pathlib import Path
from edgegan.search.search import take_trials
from edgegan.search.store import TrialStore
from tests.search.landscape import measure, problem

folder, log, hangs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
count = 0

def slow(assignment):
    global count
    count += 1
    with log.open("a") as file:
        file.write(problem().name(assignment) + "\\n")
    time.sleep(3600 if count == hangs else 0.05)
    return measure(assignment)

take_trials(problem(), TrialStore(folder, "key"), slow)
"""


def worker(folder: Path, log: Path, hangs: int = 0) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORKER, str(folder), str(log), str(hangs)])


def test_two_processes_share_the_trials(tmp_path: Path) -> None:
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    processes = [worker(tmp_path / "store", log) for log in logs]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    taken = [log.read_text().split() if log.exists() else [] for log in logs]
    finished = TrialStore(tmp_path / "store", "key").finished()
    both = taken[0] + taken[1]
    assert len(both) == len({*both})  # none twice
    assert {*both} == {*finished}  # none lost
    assert len(finished) == len(problem().first_trials()) + problem().trials
    trials = take_trials(problem(), TrialStore(tmp_path / "store", "key"), measure)
    assert len(trials) == len(finished) and best(problem(), trials) is not None


@pytest.mark.parametrize("dead", [False, True])
def test_one_of_two_that_look_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: bool
) -> None:
    """The other one claims after this one has looked, and before it claims."""
    ours, others = (TrialStore(tmp_path, "key") for _ in range(2))
    if dead:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        owner = {"host": socket.gethostname(), "process": gone.pid}
        (tmp_path / "0-1.claim-0").write_text(json.dumps(owner))
    look, seen = ours._claims, []

    def look_and_wait(name: str) -> list[Path]:
        found = look(name)
        if not seen:
            seen.append(others._claim(name))
        return found

    monkeypatch.setattr(ours, "_claims", look_and_wait)
    with ours.claimed("0-1") as mine:
        assert not mine
    assert seen[0] is not None and seen[0].exists()
    assert ours.running() == {"0-1"}


def test_a_killed_worker_is_taken_over(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = worker(tmp_path / "store", log, hangs=5)
    while not log.exists() or len(log.read_text().split()) < 5:
        assert process.poll() is None
        time.sleep(0.1)
    store = TrialStore(tmp_path / "store", "key")
    hung = log.read_text().split()[-1]
    assert store.running() == {hung}
    with store.claimed(hung) as mine:
        assert not mine
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert store.running() == set()
    taken = []
    trials = take_trials(
        problem(), store, lambda a: (taken.append(problem().name(a)), measure(a))[1]
    )
    assert taken[0] == hung
    done = log.read_text().split()[:-1]
    assert not {*done} & {*taken} and len(trials) == len(done) + len(taken)


def test_a_claim_that_nobody_touches_is_abandoned(tmp_path: Path) -> None:
    """Of another machine, whose processes are not known here."""
    store = TrialStore(tmp_path, "key")
    claim = tmp_path / "0-1.claim-0"
    claim.write_text(json.dumps({"host": "elsewhere", "process": 1}))
    assert store.running() == {"0-1"}
    os.utime(claim, (time.time() - 301, time.time() - 301))
    assert store.running() == set()
    with store.claimed("0-1") as mine:
        assert mine and store.running() == {"0-1"} and not claim.exists()
        store.finish("0-1", {"loss": 1.0})
    assert store.finished() == {"0-1": {"loss": 1.0}} and store.running() == set()
    with store.claimed("0-1") as mine:
        assert not mine


def test_a_store_of_something_else(tmp_path: Path) -> None:
    TrialStore(tmp_path, "one")
    TrialStore(tmp_path, "one")
    with pytest.raises(UsageError, match="holds trials of another generator"):
        TrialStore(tmp_path, "two")
