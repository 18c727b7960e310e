"""What a compressed generator learns from: masks' sparsity, a teacher's attention maps, its pictures.

Vo et al., PPCD-GAN, sections 3.2 to 3.4, by equation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from edgegan.compression.masks import ProgressiveMask


def pruning_loss(masks: Sequence[ProgressiveMask]) -> torch.Tensor:
    """The mean of the masks' ``sum |w_i + 1|`` (equation 5, where two masks a block make 2N)."""
    return torch.stack([mask.sparsity() for mask in masks]).mean()


def attention_map(features: torch.Tensor) -> torch.Tensor:
    """Squares summed over channels: ``[N, C, H, W]`` to ``[N, H, W]`` (section 3.3)."""
    return features.float().square().sum(1)


def class_aware_loss(
    teacher: Sequence[torch.Tensor], student: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Distance of attention maps, each divided by its norm; the mean over blocks and pictures.

    Equations 4 and 6.

    Args:
        teacher: of each block the features ``[N, C, H, W]`` after class-conditional normalization.
        student: of each block the features ``[N, C', H, W]``.
    """
    distances = [
        (_unit(attention_map(t)) - _unit(attention_map(s))).norm(dim=1).mean()
        for t, s in zip(teacher, student, strict=True)
    ]
    mean: torch.Tensor = torch.stack(distances).mean()
    return mean


def _unit(maps: torch.Tensor) -> torch.Tensor:
    """``[N, H, W]`` to ``[N, H W]`` of length 1."""
    rows = maps.flatten(1)
    unit: torch.Tensor = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return unit
