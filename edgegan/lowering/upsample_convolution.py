"""Nearest-neighbour upsampling and the convolution behind it become one phase convolution.

Several taps of the kernel meet the same input pixel, so they are summed beforehand: a 3x3 kernel
behind a x2 upsampling needs 4 multiplications an output instead of 9.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.forms import choose_form
from edgegan.lowering.graph import argument, is_call, is_parameter, pair, shape_of
from edgegan.lowering.layer_scale import read_layer
from edgegan.lowering.phase_convolution import PhaseLayer, emit_phase_convolution
from edgegan.lowering.polyphase import upsample_convolution_axis
from edgegan.lowering.rewrite import NodePass
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

UPSAMPLING = (aten.upsample_nearest2d.vec, aten.upsample_nearest2d.default)


class LowerUpsampleConvolution(NodePass):
    name = "lower-upsample-convolution"
    requires: frozenset[object] = frozenset({aten._native_batch_norm_legit_no_training.default})

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        scale = _scale(node)
        if scale is None:
            return None
        source: fx.Node = node.args[0].args[0]  # type: ignore[union-attr, assignment]
        layer = phase_layer(graph, node, source, scale)
        form = choose_form(layer.weight.shape, layer.height, layer.width, layer.groups, profile)
        node.replace_all_uses_with(emit_phase_convolution(graph, node, layer, form, profile))
        return str(form)


def _scale(node: fx.Node) -> tuple[int, int] | None:
    """The whole-number upsampling in front of a stride-1 convolution, or None."""
    if not is_call(node, aten.conv2d.default) or not is_parameter(node.args[1]):
        return None
    upsampling = node.args[0]
    if not is_call(upsampling, *UPSAMPLING) or pair(argument(node, 3, 1)) != (1, 1):
        return None
    before, after = shape_of(upsampling.args[0])[2:], shape_of(upsampling)[2:]  # type: ignore[union-attr, arg-type]
    if any(large % small for small, large in zip(before, after, strict=True)):
        return None
    return after[0] // before[0], after[1] // before[1]


def phase_layer(
    graph: fx.GraphModule, node: fx.Node, source: fx.Node, scale: tuple[int, int]
) -> PhaseLayer:
    """What ``node``, a stride-1 convolution, makes of ``source`` upsampled by ``scale``."""
    weight, bias = read_layer(graph, node)
    padding, dilation = pair(argument(node, 4, 0)), pair(argument(node, 5, 1))
    height, width = (
        upsample_convolution_axis(size, s, k, p, d)
        for size, s, k, p, d in zip(
            shape_of(source)[2:], scale, weight.shape[2:], padding, dilation, strict=True
        )
    )
    return PhaseLayer(source, weight, bias, height, width, argument(node, 6, 1))
