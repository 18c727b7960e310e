"""Processes that train together take the steps of one."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed

from edgegan.errors import RecipeError
from edgegan.training.loop import Progress, Schedule, train
from edgegan.training.processes import ALONE, Processes, here
from tests.tuning.test_distillation import make

OPTIONS = {
    "observe": 0.5,
    "loss": {"adversarial": 0.1, "content": 1.0, "style": 1.0, "pixel": 1.0},
    # small, as a grid of 4 bits makes a step of a last bit
    "learning_rate": 1e-4,
    "quantizer_rate": 1e-4,
}
STEPS = 24


def learn(processes: Processes, work: Path, steps: int) -> None:
    torch.manual_seed(0)
    _, task, examples = make(processes, **OPTIONS)
    losses: list[dict[str, float]] = []

    def report(progress: Progress) -> None:
        losses.append(progress.losses)

    work = work / str(steps)
    schedule = Schedule(steps / 16, 16)
    train(task, examples, schedule, work / "c.pt", work / "l", report, 4, None, processes)
    momenta = [part["exp_avg"] for part in task.optimizer.state.values()]
    parameters = [leaf.detach() for leaf in task.tunable.parameters()]
    found = {"parameters": parameters, "momenta": momenta, "losses": losses}
    torch.save(found, work / f"{processes.rank}.pt")


def joined(rank: int, count: int, work: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    store = f"file://{work / 'store'}"
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=count)
    processes = here()
    assert processes.heard(rank == 0) and not processes.heard(rank == 1)
    for steps in (2, STEPS):
        learn(processes, work, steps)
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    for steps in (2, STEPS):
        learn(ALONE, one, steps)
    spawn = multiprocessing.get_context("spawn")
    started = [spawn.Process(target=joined, args=(rank, 2, two)) for rank in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0, 0]
    for steps in (2, STEPS):
        names = (one / f"{steps}/0.pt", two / f"{steps}/0.pt", two / f"{steps}/1.pt")
        alone, first, second = map(torch.load, names)
        assert all(map(torch.equal, first["parameters"], second["parameters"]))
        assert second["losses"] == []
        for expected, found in zip(alone["losses"], first["losses"], strict=True):
            assert found == pytest.approx(expected, rel=1e-2)
        if steps == 2:  # before the grids make much of the last bit; half observed, half learned
            for key in ("parameters", "momenta"):
                for expected, found in zip(alone[key], first[key], strict=True):
                    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
        files = sorted(path.name for path in (two / str(steps)).iterdir())
        assert files == ["0.pt", "1.pt", "c.pt", "l"]


def test_shares_are_the_whole_batch() -> None:
    index = np.arange(10, 22)
    shares = [Processes(rank, 3).share(index) for rank in range(3)]
    assert sorted(np.concatenate(shares)) == list(index)
    assert [len(share) for share in shares] == [4, 4, 4]


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    Processes(0, 4).check_batch(32)
    with pytest.raises(RecipeError, match=r"batch_size: 32 images .* 3 processes"):
        Processes(0, 3).check_batch(32)
