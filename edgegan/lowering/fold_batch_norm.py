"""Normalization by running statistics is a scale and a shift a channel: fold it into a layer.

Jacob et al. 2018 (arXiv 1712.05877), section 3.2. Batch norm in eval mode, and instance norm that tracks
its statistics. Where there is no layer to fold into (behind an addition, or a layer that others read
too) it becomes a depthwise 1x1 convolution; see ``channel_affine``.
"""

from __future__ import annotations

import operator

import torch
from torch import fx

from edgegan.lowering.affine import Affine
from edgegan.lowering.channel_affine import as_depthwise_convolution, fold_before, fold_behind
from edgegan.lowering.graph import add_parameter, argument, insert_call, is_call, path_of, shape_of
from edgegan.lowering.layer_scale import affine_of
from edgegan.lowering.rewrite import NodePass
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_BATCH_NORM = aten._native_batch_norm_legit_no_training.default
_INSTANCE_NORM = aten.instance_norm.default


class FoldBatchNorm(NodePass):
    name = "fold-batch-norm"
    ensures: frozenset[object] = frozenset({_BATCH_NORM})

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        tracked = is_call(node, _INSTANCE_NORM) and argument(node, 5) is False
        return _fold(graph, node) if tracked or is_call(node, _BATCH_NORM) else None


def _fold(graph: fx.GraphModule, norm: fx.Node) -> str:
    source: fx.Node = norm.args[0]  # type: ignore[assignment]
    affine = Affine.of_channels(*affine_of(graph, norm), len(shape_of(source)))
    result = norm
    if is_call(norm, _BATCH_NORM):
        result = next(user for user in norm.users if is_call(user, operator.getitem))
        result.replace_all_uses_with(norm)
        graph.graph.erase_node(result)
    form = fold_before(graph, norm, source, affine) or fold_behind(graph, norm, source, affine)
    if form is not None:
        return form
    if len(shape_of(source)) == 4:
        as_depthwise_convolution(graph, norm, source, affine)
        return "depthwise convolution"
    path = path_of(norm)
    weight = add_parameter(graph, norm, path + ".weight", affine.scale.float()[None])
    bias = add_parameter(graph, norm, path + ".bias", affine.shift.float()[None])
    product = insert_call(graph, norm, aten.mul.Tensor, (source, weight), path)
    norm.replace_all_uses_with(insert_call(graph, norm, aten.add.Tensor, (product, bias), path))
    return "scale and shift"
