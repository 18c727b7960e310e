"""The lowering stage: all passes in order, then proof that the graph still computes the same."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import fx

from edgegan.errors import ModelError
from edgegan.lowering.adaptive_instance_norm import FoldAdaptiveInstanceNorm
from edgegan.lowering.canonicalize import Canonicalize
from edgegan.lowering.channels_last_products import ChannelsLastProducts
from edgegan.lowering.expand_prelu import ExpandPRelu
from edgegan.lowering.expand_silu import ExpandSilu
from edgegan.lowering.flatten_linear import FlattenLinear
from edgegan.lowering.fold_batch_norm import FoldBatchNorm
from edgegan.lowering.fold_columns import FoldColumns
from edgegan.lowering.fold_conditional_norm import FoldConditionalNorm
from edgegan.lowering.fold_constants import FoldConstants
from edgegan.lowering.fold_scale_and_shift import FoldScaleAndShift
from edgegan.lowering.fold_uniform import FoldUniform
from edgegan.lowering.graph import annotate_shapes
from edgegan.lowering.hoist_activation import HoistActivation
from edgegan.lowering.image_convolution import PackImageConvolution
from edgegan.lowering.larger_first import LargerFirst
from edgegan.lowering.linear_convolution import LinearAsConvolution
from edgegan.lowering.merge_movement import MergeMovement
from edgegan.lowering.modulated_convolution import LowerModulatedConvolution
from edgegan.lowering.pixel_shuffle import LowerPixelShuffle
from edgegan.lowering.reflection_padding import LowerReflectionPadding
from edgegan.lowering.rewrite import LoweringPass, Rewrite, check_absent
from edgegan.lowering.shared_filter import LowerSharedFilter
from edgegan.lowering.spell_out import SpellOut
from edgegan.lowering.transposed_convolution import LowerTransposedConvolution
from edgegan.lowering.upsample_convolution import LowerUpsampleConvolution
from edgegan.targets import LoweringProfile

PASSES: tuple[LoweringPass, ...] = (
    FoldConstants(),
    Canonicalize(),
    SpellOut(),
    LowerModulatedConvolution(),
    LowerSharedFilter(),
    FoldUniform(),
    FoldConditionalNorm(),
    FoldColumns(),
    ExpandSilu(),
    FlattenLinear(),
    FoldBatchNorm(),
    FoldScaleAndShift(),
    ExpandPRelu(),
    LinearAsConvolution(),
    LowerReflectionPadding(),
    PackImageConvolution(),
    LowerTransposedConvolution(),
    LowerUpsampleConvolution(),
    LowerPixelShuffle(),
    ChannelsLastProducts(),
    HoistActivation(),
    MergeMovement(),
    FoldAdaptiveInstanceNorm(),
    LargerFirst(),
)

TOLERANCE = 1e-5
"""Largest difference between original and rewritten graph, relative to the output's range."""


@dataclass(frozen=True)
class Lowered:
    """A lowered graph.

    Attributes:
        graph: functional ATen calls; parameters are its own.
        rewrites: what was changed, in order.
        relative_error: largest difference from the captured graph over the largest output.
    """

    graph: fx.GraphModule
    rewrites: tuple[Rewrite, ...]
    relative_error: float


def lower(
    captured: fx.GraphModule,
    profile: LoweringProfile,
    example: tuple[torch.Tensor, ...],
    *probes: tuple[torch.Tensor, ...],
) -> Lowered:
    """Rewrite a copy of ``captured`` for ``profile``.

    Args:
        captured: from ``capture``; left as it is.
        profile: decides between exact forms.
        example: inputs with the example batch.
        probes: inputs of another batch size, and where sizes are free of another size, on which equality
            is checked.

    Raises:
        ModelError: if the rewritten graph differs from the captured one by more than ``TOLERANCE``, and by
            more than four times what rounding its weights once more would change.
    """
    graph = copy.deepcopy(captured)
    rewrites: list[Rewrite] = []
    for rule in PASSES:
        check_absent(graph, rule.requires, rule.name, "must be gone before")
        rewrites += rule(graph, profile)
        check_absent(graph, rule.ensures, rule.name, "is left after")
    annotate_shapes(graph, example)
    error = max(relative_error(captured, graph, probe) for probe in probes)
    limit = TOLERANCE
    if not error <= limit:
        limit = max(limit, 2 * max(rounding_noise(captured, probe) for probe in probes))
    if not error <= limit:
        raise ModelError(
            f"the rewritten graph differs from the generator by {error:.1e} (limit {limit:.0e}); "
            "a rewrite is not exact for it. Please report the generator's source."
        )
    return Lowered(graph, tuple(rewrites), error)


@torch.no_grad()
def relative_error(
    reference: fx.GraphModule, graph: fx.GraphModule, inputs: tuple[torch.Tensor, ...]
) -> float:
    """Largest absolute difference of the outputs over the largest absolute reference output."""
    expected, actual = _outputs(reference(*inputs)), _outputs(graph(*inputs))
    errors = [
        float((a - b).abs().max() / a.abs().max().clamp_min(1e-30))
        for a, b in zip(expected, actual, strict=True)
    ]
    return max(errors)


@torch.no_grad()
def rounding_noise(
    graph: fx.GraphModule, inputs: tuple[torch.Tensor, ...], tries: int = 3
) -> float:
    """The relative error of ``graph`` when weights move by a unit in their last place, up, down or not.

    Generators that take differences of large values amplify it; a rewrite, which rounds the weights that it
    folds, cannot come nearer than that in float32.
    """
    worst = 0.0
    for seed in range(tries):
        random = torch.Generator().manual_seed(seed)
        moved = copy.deepcopy(graph)
        for value in (*moved.parameters(), *moved.buffers()):
            if value.is_floating_point():
                way = torch.randint(-1, 2, value.shape, generator=random).to(value.dtype)
                value.copy_(torch.nextafter(value, value + way * value.abs()))
        worst = max(worst, relative_error(graph, moved, inputs))
    return worst


def _outputs(value: object) -> list[torch.Tensor]:
    leaves, _ = torch.utils._pytree.tree_flatten(value)
    return [leaf.double() for leaf in leaves if isinstance(leaf, torch.Tensor)]
