"""Masks, blocks and losses against Vo et al., PPCD-GAN, section 3, computed by hand and by numpy."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from edgegan.compression.attention import tap_student, tap_teacher
from edgegan.compression.losses import attention_map, class_aware_loss, pruning_loss
from edgegan.compression.masks import DELTA, PIVOT, START, ProgressiveMask, kept_count
from edgegan.compression.progressive import drop_masks, make_progressive, masks_of
from edgegan.compression.sections import CompressSection
from edgegan.compression.task import CompressionTask, Judges
from edgegan.errors import ModelError
from edgegan.generators import biggan, dcgan, sagan, sngan, tinygan


def mask_of(*weights: float, kept: int = 1) -> ProgressiveMask:
    mask = ProgressiveMask(len(weights), kept)
    mask.weight.data = torch.tensor(weights)
    return mask


def test_a_mask_is_a_steep_sigmoid() -> None:
    """Equation 1, with delta 1000: 0 is 1/2, and the pivot 0.005 lies at -0.0052933."""
    assert DELTA == 1e3 and PIVOT == 0.005
    values = mask_of(0.0, 0.001, -0.001, -0.0052933, 1.0, -1.0).values()
    expected = [0.5, 1 / (1 + math.exp(-1)), 1 / (1 + math.e), 0.005, 1.0, 0.0]
    np.testing.assert_allclose(values.detach().numpy(), expected, atol=1e-6)
    x = torch.full((2, 2, 1, 1), 3.0)
    np.testing.assert_allclose(mask_of(0.0, 1.0)(x)[:, :, 0, 0].tolist(), [[1.5, 3.0]] * 2)


def test_a_mask_has_the_sigmoids_gradient_until_it_is_binary() -> None:
    """d/dw sigmoid(delta w) = delta m (1 - m); a binary mask has none (section 3.2)."""
    mask = mask_of(0.0, 0.001, -0.02, -0.02)
    mask.values().sum().backward()  # type: ignore[no-untyped-call]
    m = 1 / (1 + np.exp(-1000 * np.array([0.0, 0.001, -0.02, -0.02])))
    assert mask.weight.grad is not None
    np.testing.assert_allclose(mask.weight.grad.numpy(), 1000 * m * (1 - m), rtol=1e-4, atol=1e-5)
    assert mask.binarize(0.4)
    assert not mask.weight.requires_grad and not mask.values().requires_grad


def test_sparsity_is_the_distance_from_minus_one() -> None:
    """Equation 2: |0.5 + 1| + |-1 + 1| + |-3 + 1| = 3.5; equation 5: the mean over 2N masks."""
    first, second = mask_of(0.5, -1.0, -3.0), mask_of(0.0, 1.0)
    assert first.sparsity().item() == pytest.approx(3.5)
    assert pruning_loss([first, second]).item() == pytest.approx((3.5 + 3.0) / 2)
    second.sparsity().backward()  # type: ignore[no-untyped-call]
    assert second.weight.grad is not None and second.weight.grad.tolist() == [1.0, 1.0]


def test_the_binarization_trick() -> None:
    """Equation 3: nothing at ratio <= alpha; else 1 above the pivot and 0 at or below it."""
    small, large = -0.006, -0.004  # masks of 0.0025 and 0.018
    mask = mask_of(small, large, small, 0.01, kept=kept_count(4, 0.5))
    soft = mask.values().tolist()
    assert not mask.binarize(0.5), "2 of 4 are not more than a half"
    assert mask.values().tolist() == soft
    mask.weight.data[1] = small
    assert mask.binarize(0.5)
    assert mask.values().tolist() == [0.0, 0.0, 0.0, 1.0]
    mask.weight.data[:] = 1.0
    assert mask.binarize(0.5) and mask.values().tolist() == [0.0, 0.0, 0.0, 1.0], "it stays"


def test_no_more_go_than_are_to_go() -> None:
    """Where all fall below the pivot in one step, the largest stay; and at last it must be."""
    mask = mask_of(-0.02, -0.01, -0.03, -0.04, kept=2)
    assert mask.binarize(0.25) and mask.values().tolist() == [1.0, 1.0, 0.0, 0.0]
    early = mask_of(0.02, 0.01, 0.03, 0.04, kept=1)
    assert not early.binarize(0.7)
    assert early.binarize(0.7, at_last=True) and early.values().tolist() == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("channels", "ratio", "multiple", "kept"),
    [
        (128, 0.5, 1, 63),
        (10, 0.7, 1, 2),
        (32, 0.7, 1, 9),
        (32, 0.7, 8, 16),
        (8, 0.99, 1, 1),
        (6, 0.1, 4, 6),
    ],
)
def test_just_more_than_the_ratio_goes(
    channels: int, ratio: float, multiple: int, kept: int
) -> None:
    assert kept_count(channels, ratio, multiple) == kept
    if multiple == 1 and kept > 1:
        assert (channels - kept) / channels > ratio >= (channels - kept - 1) / channels


def test_an_attention_map_sums_squares() -> None:
    """Section 3.3: F = sum over channels of |O|^2."""
    features = torch.tensor([[[[1.0, -2.0]], [[3.0, 0.5]]]])
    assert attention_map(features).tolist() == [[[10.0, 4.25]]]


def test_class_aware_loss_by_hand() -> None:
    """Equation 4: maps (3, 4) and (4, 3) have the norm 5 and lie sqrt(0.04 + 0.04) apart; equation 6."""
    teacher = torch.tensor([3.0, 4.0]).sqrt().reshape(1, 1, 1, 2)
    student = torch.tensor([8.0, 6.0]).sqrt().reshape(1, 1, 1, 2)
    one = class_aware_loss([teacher], [student])
    assert one.item() == pytest.approx(math.sqrt(0.08), rel=1e-6)
    both = class_aware_loss([teacher, teacher], [student, 7 * teacher])
    assert both.item() == pytest.approx(math.sqrt(0.08) / 2, rel=1e-6)


def test_class_aware_loss_takes_other_numbers_of_channels() -> None:
    random = np.random.default_rng(0)
    teacher, student = random.normal(size=(3, 8, 4, 4)), random.normal(size=(3, 5, 4, 4))
    maps = [(value**2).sum(1).reshape(3, -1) for value in (teacher, student)]
    units = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in maps]
    expected = np.linalg.norm(units[0] - units[1], axis=1).mean()
    found = class_aware_loss([torch.from_numpy(teacher)], [torch.from_numpy(student)])
    assert found.item() == pytest.approx(expected, rel=1e-5)


GENERATORS = {
    "sagan": lambda: sagan.ResidualGenerator(8, (16, 16, 8), 3, 8, 1),
    "biggan": lambda: biggan.Generator(8, (2, 2, 1), 12, 3, 4, 8, 1),
    "sngan": lambda: sngan.Generator(8, (16, 8, 8), 3),
    "tinygan": lambda: tinygan.Generator(4, 2, 8, 3, 4, "nearest", 1),
}


@pytest.mark.parametrize("family", GENERATORS)
def test_a_block_starts_as_the_original(family: str) -> None:
    """Masks near 1 and a transition layer that changes nothing."""
    torch.manual_seed(0)
    module = GENERATORS[family]().eval()
    inputs = torch.randn(2, 12 if family == "biggan" else 8), torch.tensor([0, 2])
    expected = module(*inputs)
    make_progressive(module, 0.5, 1, stem=True)
    assert len(masks_of(module)) == 2 * len(module.blocks) + 1  # type: ignore[arg-type]
    assert torch.allclose(module(*inputs), expected, atol=2e-3)
    drop_masks(module)
    assert not masks_of(module)
    assert torch.allclose(module(*inputs), expected, atol=1e-6)
    assert 1 / (1 + math.exp(-DELTA * START)) == pytest.approx(0.99995, abs=1e-5)


@pytest.mark.parametrize("family", ["sagan", "sngan", "tinygan"])
def test_hidden_channels_do_nothing_whatever_the_class(family: str) -> None:
    """The mask stands behind the class-conditional norm, whose gains and shifts count no more there."""
    torch.manual_seed(0)
    module = GENERATORS[family]().eval().requires_grad_(False)
    make_progressive(module, 0.5, 1, stem=True)
    for mask in masks_of(module):
        mask.weight.data = torch.randn(len(mask.weight))
        mask.binarize(0.5, at_last=True)
    inputs = torch.randn(3, 8), torch.tensor([0, 1, 2])
    before = module(*inputs)
    for block in module.blocks:  # type: ignore[union-attr]
        hidden = block.mask1.values() == 0
        for part in (block.norm2.gain, block.norm2.shift):
            weight = copy.deepcopy(part.weight.data)
            if isinstance(part, nn.Embedding):
                weight[:, hidden] = 77.0
            else:
                weight[hidden] = 77.0
            part.weight.data = weight
    assert torch.equal(module(*inputs), before)


def test_features_of_teacher_and_student() -> None:
    """Blocks from the second on; the teacher's as the next block's first norm gives them."""
    torch.manual_seed(0)
    teacher = biggan.Generator(8, (2, 2, 1, 1), 12, 3, 4, 16, 1).eval()
    student = sagan.ResidualGenerator(12, (16, 16, 8, 8), 3, 16, 1).eval()
    teachers, own = tap_teacher(teacher), tap_student(student)
    latent, label = torch.randn(2, 12), torch.tensor([0, 2])
    for _ in range(2):  # a second run replaces the first
        teacher(latent, label), student(latent, label)
    assert [tuple(f.shape) for f in teachers.seen] == [(2, 8, 16, 16), (2, 8, 32, 32)]
    assert [tuple(f.shape) for f in own.seen] == [(2, 16, 8, 8), (2, 8, 16, 16), (2, 8, 32, 32)]
    last = student.to_image(torch.relu(student.norm(own.seen[-1])))
    assert torch.equal(torch.tanh(last), student(latent, label))
    last = teacher.to_image(torch.relu(teachers.seen[1]))
    assert torch.equal(torch.tanh(last), teacher(latent, label))


def test_generators_without_such_blocks_are_refused() -> None:
    with pytest.raises(ModelError, match=r"Generator has no `blocks`.*use `pruning.method: l1`"):
        make_progressive(dcgan.Generator(8, (8, 8), 1), 0.5, 1, False)
    with pytest.raises(ModelError, match="1 residual block; attention maps"):
        tap_teacher(sngan.Generator(8, (8, 8)))


def test_masks_take_turns_until_the_deadline() -> None:
    """Two masks that nothing moves, a deadline of 0.5: one becomes binary at 0.25, the other at 0.5."""
    student = nn.Sequential(ProgressiveMask(4, 1), ProgressiveMask(4, 1))
    section = CompressSection.model_validate(
        {"pruning": {"method": "progressive", "ratio": 0.5, "deadline": 0.5}, "learning_rate": 1e-9}
    )
    task = CompressionTask(
        student,
        copy.deepcopy(student),
        section,
        section.loss,
        Judges(teacher=lambda x: x, masks=masks_of(student)),
        labels=(),
        inputs=1,
        deadline=0.5,
        mask_rate=1e-9,
    )
    batch = (torch.ones(2, 4, 1, 1),)
    found = [task.step(batch, progress)["binary_masks"] for progress in (0.2, 0.25, 0.49, 0.5)]
    assert found == [0.0, 1.0, 1.0, 2.0]
    assert [int(mask.values().sum()) for mask in masks_of(student)] == [1, 1]
