"""Convolutions to few channels (the last layer of most generators) compute several pixels at once.

An integer kernel works on 16 output channels; a convolution to 3 leaves 13 of them idle and gathers
a window for every pixel. Computing r x r neighbouring pixels as 3·r² channels of one convolution of
stride r fills the tile and gathers once.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.forms import FEW_CHANNELS, Form, choose_form
from edgegan.lowering.graph import argument, is_call, is_parameter, pair, read_parameter
from edgegan.lowering.phase_convolution import PhaseLayer, emit_phase_convolution
from edgegan.lowering.rewrite import NodePass
from edgegan.lowering.upsample_convolution import UPSAMPLING, phase_layer
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


class PackImageConvolution(NodePass):
    name = "pack-image-convolution"

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        layer = _image_layer(graph, node)
        if layer is None:
            return None
        form = choose_form(layer.weight.shape, layer.height, layer.width, 1, profile)
        if form == Form(False, (1, 1)):
            return None
        node.replace_all_uses_with(emit_phase_convolution(graph, node, layer, form, profile))
        return str(form)


def _image_layer(graph: fx.GraphModule, node: fx.Node) -> PhaseLayer | None:
    """The layer, if it is a stride-1, one-group convolution to few channels."""
    if not is_call(node, aten.conv2d.default) or not is_parameter(node.args[1]):
        return None
    weight = read_parameter(graph, node.args[1])  # type: ignore[arg-type]
    if (
        len(weight) > FEW_CHANNELS
        or pair(argument(node, 3, 1)) != (1, 1)
        or argument(node, 6, 1) != 1
    ):
        return None
    source: fx.Node = node.args[0]  # type: ignore[assignment]
    if weight.shape[2:] == (1, 1) or is_call(source, aten.constant_pad_nd.default, *UPSAMPLING):
        return None  # behind an upsampling, `upsample_convolution.py` packs it
    return phase_layer(graph, node, source, (1, 1))
