"""The loop resumes exactly, whatever the task; tasks learn."""

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
from edgegan.generators import biggan, cyclegan, lsgan, sagan, stylegan
from edgegan.generators.dcgan import Discriminator, Generator
from edgegan.metrics.classifier import Classifier
from edgegan.training.adversarial import AdversarialTask, set_rate
from edgegan.training.checkpoint import load_checkpoint, save_checkpoint
from edgegan.training.classifier import ClassifierTask
from edgegan.training.loop import LabelledImages, Progress, Schedule, Task, processor_hours, train
from edgegan.training.sections import AdversarialSection, ClassifierSection, TranslationSection
from edgegan.training.translation import TranslationTask


def images(count: int = 64) -> LabelledImages:
    """Bright upper or lower halves: two classes that can be told apart."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, count)
    data = random.integers(0, 60, (count, 1, 16, 16))
    for i, label in enumerate(labels):
        data[i, 0, 8 * label : 8 * label + 8] += 150
    return LabelledImages(ImageSet(data.astype(np.uint8), labels.astype(np.int64)))


def draw(count: int) -> tuple[torch.Tensor, ...]:
    return (torch.randn(count, 4),)


def draw_labelled(count: int) -> tuple[torch.Tensor, ...]:
    return torch.randn(count, 4), torch.randint(2, (count,))


def adversarial() -> Task:
    torch.manual_seed(1)
    options = AdversarialSection(learning_rate=2e-4)
    return AdversarialTask(Generator(4, (8, 8), 1), Discriminator((8, 8), 1), draw, False, options)


def least_squares() -> Task:
    torch.manual_seed(1)
    g = lsgan.Generator(4, 4, 8, ((8, 2), (8, 2)), 1)
    options = AdversarialSection(loss="least-squares", learning_rate=2e-4)
    return AdversarialTask(g, lsgan.Discriminator(16, (8, 8), 1), draw, False, options)


def hinge_with_labels() -> Task:
    torch.manual_seed(1)
    g = sagan.ResidualGenerator(4, (8, 8, 8), 2, 8, 1)
    d = sagan.ResidualDiscriminator((8, 8, 8), 2, 16, 8, 1)
    options = AdversarialSection(loss="hinge", learning_rate=2e-4, discriminator_rate=4e-4)
    return AdversarialTask(g, d, draw_labelled, True, options)


def biggan_hinge() -> Task:
    torch.manual_seed(1)
    g = biggan.Generator(8, (1, 1, 1), 6, 2, 4, 8, 1)
    d = biggan.Discriminator(8, (1, 1, 1), 2, 16, 8, 1)
    options = AdversarialSection(loss="hinge", learning_rate=2e-4, betas=(0.0, 0.9))
    return AdversarialTask(
        g, d, lambda n: (torch.randn(n, 6), torch.randint(2, (n,))), True, options
    )


def wasserstein() -> Task:
    torch.manual_seed(1)
    critic = Discriminator((8, 8), 1, batch_norm=False)
    options = AdversarialSection(
        loss="wasserstein", learning_rate=2e-4, gradient_penalty=10.0, critic_steps=3
    )
    return AdversarialTask(Generator(4, (8, 8), 1), critic, draw, False, options)


def style() -> Task:
    torch.manual_seed(1)
    g = stylegan.Generator(4, (8, 8, 8), 2, 0.9, image_channels=1)
    d = stylegan.Discriminator((8, 8, 8), 1)
    options = AdversarialSection(learning_rate=1e-3, r1=1.0, r1_every=4)
    return AdversarialTask(g, d, draw, False, options)


def translation() -> Task:
    torch.manual_seed(1)
    options = TranslationSection(learning_rate=2e-4, crop=16, pool=5, target_class=0)
    parts = [cyclegan.Generator(4, 1, 1) for _ in range(2)]
    judges = [cyclegan.Discriminator((4, 4, 4), image_channels=1) for _ in range(2)]
    return TranslationTask(*parts, *judges, images(20).images, options)


def classifier() -> Task:
    torch.manual_seed(1)
    return ClassifierTask(Classifier((8, 8), 1, 2), ClassifierSection(learning_rate=0.05))


TASKS = [
    adversarial,
    least_squares,
    hinge_with_labels,
    biggan_hinge,
    wasserstein,
    style,
    translation,
    classifier,
]


class KilledError(Exception):
    pass


@pytest.mark.parametrize(
    ("make", "precision"),
    [*((make, "float32") for make in TASKS), (adversarial, "bfloat16"), (style, "bfloat16")],
)
def test_a_killed_run_resumes_identically(tmp_path: Path, make: Any, precision: Any) -> None:
    schedule = Schedule(epochs=3, batch_size=8, checkpoint_steps=5, precision=precision)
    whole = make()
    train(whole, images(32), schedule, tmp_path / "a.pt", tmp_path / "a.jsonl", lambda p: None)

    def kill(progress: Progress) -> None:
        if progress.step == 7:
            raise KilledError

    with pytest.raises(KilledError):
        train(make(), images(32), schedule, tmp_path / "b.pt", tmp_path / "b.jsonl", kill, 1)
    resumed = make()
    train(resumed, images(32), schedule, tmp_path / "b.pt", tmp_path / "b.jsonl", lambda p: None)
    expected, actual = whole.state(), resumed.state()
    for part in expected:
        flat, _ = torch.utils._pytree.tree_flatten(expected[part])
        other, _ = torch.utils._pytree.tree_flatten(actual[part])
        for a, b in zip(flat, other, strict=True):
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    steps = [json.loads(line)["step"] for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert steps[-1] == 12


def test_stopping_after_an_epoch_changes_nothing(tmp_path: Path) -> None:
    schedule = Schedule(epochs=2, batch_size=8)
    whole, halted = adversarial(), adversarial()
    train(whole, images(), schedule, tmp_path / "a.pt", tmp_path / "a.jsonl", lambda p: None)
    arguments = (images(), schedule, tmp_path / "b.pt", tmp_path / "b.jsonl", lambda p: None)
    train(halted, *arguments, last_epoch=1)
    assert load_checkpoint(tmp_path / "b.pt")["step"] == 8  # type: ignore[index]
    torch.randn(100)  # whatever happens between the two
    train(halted, *arguments)
    expected, actual = (task.state()["generator"] for task in (whole, halted))
    assert all(torch.equal(expected[name], actual[name]) for name in expected)
    assert processor_hours(tmp_path / "b.jsonl") > 0


def test_the_classifier_learns() -> None:
    options = ClassifierSection(learning_rate=0.05, shift=1)
    data, task = images(256), ClassifierTask(Classifier((8, 8), 1, 2), options)
    losses = [
        task.step(data.batch(np.arange(k, k + 64)), 0.1)["cross_entropy"]
        for _ in range(8)
        for k in range(0, 256, 64)
    ]
    assert np.mean(losses[-4:]) < 0.3 * np.mean(losses[:4])


def test_the_critic_steps_more_often_than_the_generator() -> None:
    task = wasserstein()
    batch = torch.zeros(8, 1, 16, 16), torch.zeros(8, dtype=torch.int64)
    before = task.state()["generator"]["main.0.weight"].clone()
    moved, reported = [], []
    for _ in range(6):
        reported.append("generator" in task.step(batch, 0.0))
        now = task.state()["generator"]["main.0.weight"].clone()
        moved.append(not torch.equal(before, now))
        before = now
    assert moved == reported == [True, False, False, True, False, False]


def test_r1_is_lazy_and_weighted_by_its_interval() -> None:
    task = style()
    batch = torch.randn(8, 1, 16, 16), torch.zeros(8, dtype=torch.int64)
    assert ["penalty" in task.step(batch, 0.0) for _ in range(5)] == [True, *3 * [False], True]


def test_rates_fall_in_the_second_half() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter], 1.0)
    for progress, rate in ((0.0, 0.2), (0.5, 0.2), (0.75, 0.1), (1.0, 0.0)):
        set_rate(optimizer, 0.2, progress)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate)


def test_labels_reach_the_discriminator() -> None:
    """Real images come with their own labels, generated ones with those that were drawn."""
    seen: list[torch.Tensor] = []

    class Judge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            seen.append(label)
            return self.weight * image.mean((1, 2, 3))

    drawn = torch.tensor([1, 1, 0])
    g = sagan.ResidualGenerator(4, (8, 8, 8), 2, 8, 1)
    options = AdversarialSection(loss="hinge", learning_rate=1e-3)
    task = AdversarialTask(g, Judge(), lambda n: (torch.randn(n, 4), drawn), True, options)
    own = torch.tensor([0, 1, 0])
    task.step((torch.zeros(3, 1, 16, 16), own), 0.0)
    assert [label.tolist() for label in seen] == [own.tolist(), drawn.tolist(), drawn.tolist()]


def test_checkpoints_hold_no_code(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none") is None
    save_checkpoint(tmp_path / "c", {"a": torch.ones(2), "step": 3})
    assert load_checkpoint(tmp_path / "c")["step"] == 3  # type: ignore[index]
    torch.save({"a": Path("x")}, tmp_path / "bad")
    (tmp_path / "cut").write_bytes((tmp_path / "c").read_bytes()[:50])
    for name in ("bad", "cut"):
        with pytest.raises(ModelError, match="delete it"):
            load_checkpoint(tmp_path / name)
