"""The loop resumes exactly, tasks learn, batch-norm statistics are those of the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgegan.datasets.catalogue import ImageSet
from edgegan.errors import ModelError
from edgegan.generators.dcgan import Discriminator, Generator
from edgegan.metrics.classifier import Classifier
from edgegan.training.adversarial import AdversarialTask, estimate_batch_norm
from edgegan.training.checkpoint import load_checkpoint, save_checkpoint
from edgegan.training.classifier import ClassifierTask
from edgegan.training.loop import Progress, Schedule, Task, train


def images(count: int = 64) -> ImageSet:
    """Bright upper or lower halves: two classes that can be told apart."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, count)
    data = random.integers(0, 60, (count, 1, 16, 16))
    for i, label in enumerate(labels):
        data[i, 0, 8 * label : 8 * label + 8] += 150
    return ImageSet(data.astype(np.uint8), labels.astype(np.int64))


def adversarial() -> Task:
    torch.manual_seed(1)
    return AdversarialTask(Generator(4, (8, 8), 1), Discriminator((8, 8), 1), 4)


def classifier() -> Task:
    torch.manual_seed(1)
    return ClassifierTask(Classifier((8, 8), 1, 2), 0.05)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("make", [adversarial, classifier])
def test_a_killed_run_resumes_identically(tmp_path: Path, make: Any) -> None:
    schedule = Schedule(epochs=3, batch_size=8, checkpoint_steps=5)
    whole = make()
    train(whole, images(), schedule, tmp_path / "a.pt", tmp_path / "a.jsonl", lambda p: None)

    def kill(progress: Progress) -> None:
        if progress.step == 13:
            raise KilledError

    with pytest.raises(KilledError):
        train(make(), images(), schedule, tmp_path / "b.pt", tmp_path / "b.jsonl", kill, 1)
    resumed = make()
    train(resumed, images(), schedule, tmp_path / "b.pt", tmp_path / "b.jsonl", lambda p: None)
    expected, actual = whole.state(), resumed.state()
    for part in expected:
        flat, _ = torch.utils._pytree.tree_flatten(expected[part])
        other, _ = torch.utils._pytree.tree_flatten(actual[part])
        for a, b in zip(flat, other, strict=True):
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    steps = [json.loads(line)["step"] for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert steps[-1] == 24


def test_the_classifier_learns() -> None:
    data, task = images(256), ClassifierTask(Classifier((8, 8), 1, 2), 0.05, flip=True, shift=1)
    losses = [
        task.step(torch.from_numpy(data.batch(np.arange(k, k + 64))),
                  torch.from_numpy(data.labels[k : k + 64]), 0.1)["cross_entropy"]
        for _ in range(8) for k in range(0, 256, 64)
    ]  # fmt: skip
    assert np.mean(losses[-4:]) < 0.3 * np.mean(losses[:4])


def test_estimated_batch_norm_is_the_mean_over_batches() -> None:
    norm = nn.BatchNorm1d(3)
    batches = [torch.randn(50, 3) * 2 + 5 for _ in range(4)]
    left = list(batches)
    estimate_batch_norm(norm, lambda: left.pop(0), 4)
    stacked = torch.stack(batches)
    torch.testing.assert_close(norm.running_mean, stacked.mean((0, 1)))
    torch.testing.assert_close(norm.running_var, stacked.var(1, unbiased=True).mean(0))
    assert not norm.training and norm.momentum == 0.1


def test_checkpoints_hold_no_code(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none") is None
    save_checkpoint(tmp_path / "c", {"a": torch.ones(2), "step": 3})
    assert load_checkpoint(tmp_path / "c")["step"] == 3  # type: ignore[index]
    torch.save({"a": Path("x")}, tmp_path / "bad")
    (tmp_path / "cut").write_bytes((tmp_path / "c").read_bytes()[:50])
    for name in ("bad", "cut"):
        with pytest.raises(ModelError, match="delete it"):
            load_checkpoint(tmp_path / name)
