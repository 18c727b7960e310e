"""Emission of a polyphase layer: convolution, then depth to space written channels-last.

Two exact forms, of which `forms.py` finds the cheaper:

* joint: one convolution computes all phases from their common window, to F_h·F_w·C channels;
* separate: one small convolution a phase, concatenated; no multiplication by a known zero at all,
  but four times the calls.

For ONNX Runtime the shuffle is written as transpose, reshape, transpose, reshape in channels-last
order: its integer convolutions are channels-last and its outer transposes cancel against ours, where
``DepthToSpace`` would cost two transposes a layer. For TensorRT it is ``DepthToSpace``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import torch
from torch import fx

from edgegan.lowering.expand_phases import insert_expansion, keeps_kernel
from edgegan.lowering.forms import Form
from edgegan.lowering.graph import add_parameter, insert_call, path_of
from edgegan.lowering.polyphase import Axis, Phases, joint_phases, separate_phase
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


@dataclass(frozen=True)
class PhaseLayer:
    """A layer to emit: convolution-layout weight, bias, and the two axes.

    Attributes:
        source: node of the layer's input ``[N, C_in, H, W]``.
        weight: float ``[C_out, C_in / groups, k_h, k_w]``; tap indices are those of the axes.
        bias: float ``[C_out]``.
        height, width: the axes.
        groups: of the convolution.
    """

    source: fx.Node
    weight: torch.Tensor
    bias: torch.Tensor
    height: Axis
    width: Axis
    groups: int


def emit_phase_convolution(
    graph: fx.GraphModule, before: fx.Node, layer: PhaseLayer, form: Form, profile: LoweringProfile
) -> fx.Node:
    """Insert ``layer`` in the given form in front of ``before``; returns its output."""
    if form.separate:
        return _emit_separate(graph, before, layer, profile)
    return _emit_joint(graph, before, layer, form, profile)


def _phase_weight(weight: torch.Tensor, height: Phases, width: Phases) -> torch.Tensor:
    """float32 ``[F_h, F_w, C_out, C_in, K_h, K_w]``: the kernel of every phase (summed in float64)."""
    rows = torch.from_numpy(height.selection)
    columns = torch.from_numpy(width.selection)
    return torch.einsum("fat,gbu,oitu->fgoiab", rows, columns, weight.double()).float()


def _emit_joint(
    graph: fx.GraphModule, before: fx.Node, layer: PhaseLayer, form: Form, profile: LoweringProfile
) -> fx.Node:
    height = joint_phases(layer.height, form.pack[0])
    width = joint_phases(layer.width, form.pack[1])
    selection = height.selection, width.selection
    if layer.groups == 1 and keeps_kernel(layer.weight, [selection], profile.kernel_bits):
        kernel = _store(graph, before, layer.weight)
        weight_node = insert_expansion(graph, before, kernel, selection)
        bias = layer.bias.repeat(height.factor * width.factor)
        output = _convolve(graph, before, layer, weight_node, bias, height, width)
        return _interleave(graph, before, layer, output, height, width)
    phases = _phase_weight(layer.weight, height, width)
    rows, columns, channels, inputs, *window = phases.shape
    groups = layer.groups
    if not profile.channels_last and groups == 1 and rows == columns > 1:
        weight = phases.permute(2, 0, 1, 3, 4, 5).reshape(-1, inputs, *window)
        bias = layer.bias.repeat_interleave(rows * columns)
        output = _convolve(graph, before, layer, _store(graph, before, weight), bias, height, width)
        return _depth_to_space(graph, before, layer, output, height, width)
    # channel order (group, row phase, column phase, channel of the group)
    grouped = phases.view(rows, columns, groups, channels // groups, inputs, *window)
    weight = grouped.permute(2, 0, 1, 3, 4, 5, 6).reshape(-1, inputs, *window)
    bias = layer.bias.view(groups, 1, 1, -1).expand(-1, rows, columns, -1).reshape(-1)
    output = _convolve(graph, before, layer, _store(graph, before, weight), bias, height, width)
    return _interleave(graph, before, layer, output, height, width)


def _store(graph: fx.GraphModule, before: fx.Node, weight: torch.Tensor) -> fx.Node:
    return add_parameter(graph, before, path_of(before) + ".weight", weight)


def _emit_separate(
    graph: fx.GraphModule, before: fx.Node, layer: PhaseLayer, profile: LoweringProfile
) -> fx.Node:
    phases = []
    for row in range(len(layer.height.taps)):
        for column in range(len(layer.width.taps)):
            height = separate_phase(layer.height, row)
            width = separate_phase(layer.width, column)
            assert height is not None and width is not None, "choose_form checks this"
            phases.append((height, width))
    selections = [(height.selection, width.selection) for height, width in phases]
    kernel = None
    if layer.groups == 1 and keeps_kernel(layer.weight, selections, profile.kernel_bits):
        kernel = _store(graph, before, layer.weight)
    outputs = []
    for (height, width), selection in zip(phases, selections, strict=True):
        if kernel is None:
            weight = _store(graph, before, _phase_weight(layer.weight, height, width)[0, 0])
        else:
            weight = insert_expansion(graph, before, kernel, selection)
        outputs.append(_convolve(graph, before, layer, weight, layer.bias, height, width))
    path = path_of(before)
    joined = insert_call(graph, before, aten.cat.default, (outputs, 1), path)
    factors = [
        Phases(len(axis.taps), 1, 1, 0, 0, -(-axis.output_size // len(axis.taps)), 0, np.empty(0))
        for axis in (layer.height, layer.width)
    ]
    return _interleave(graph, before, layer, joined, factors[0], factors[1])


def _convolve(
    graph: fx.GraphModule,
    before: fx.Node,
    layer: PhaseLayer,
    weight: fx.Node,
    bias: torch.Tensor,
    height: Phases,
    width: Phases,
) -> fx.Node:
    path = path_of(before)
    source, padding = layer.source, [height.pad_low, width.pad_low]
    if (height.pad_low, width.pad_low) != (height.pad_high, width.pad_high):
        pads = [width.pad_low, width.pad_high, height.pad_low, height.pad_high]
        source = insert_call(graph, before, aten.constant_pad_nd.default, (source, pads), path)
        padding = [0, 0]
    bias_node = add_parameter(graph, before, path + ".bias", bias)
    stride = [height.stride, width.stride]
    args = (source, weight, bias_node, stride, padding, [1, 1], layer.groups)
    return insert_call(graph, before, aten.conv2d.default, args, path)


def _depth_to_space(
    graph: fx.GraphModule,
    before: fx.Node,
    layer: PhaseLayer,
    output: fx.Node,
    height: Phases,
    width: Phases,
) -> fx.Node:
    """``[N, C·F·F, n_h, n_w]`` to ``[N, C, H, W]``, cropped."""
    path = path_of(before)
    node = insert_call(graph, before, aten.pixel_shuffle.default, (output, height.factor), path)
    return _crop(graph, before, layer, node, (height, width), 2)


def _crop(
    graph: fx.GraphModule,
    before: fx.Node,
    layer: PhaseLayer,
    node: fx.Node,
    phases: tuple[Phases, Phases],
    first_axis: int,
) -> fx.Node:
    """Cut what the phases computed beyond the output's size."""
    for i, (axis, phase) in enumerate(zip((layer.height, layer.width), phases, strict=True)):
        beyond = phase.steps * phase.factor - phase.crop - axis.output_size
        if phase.crop or beyond:
            bounds = (node, first_axis + i, phase.crop, -beyond or sys.maxsize)
            node = insert_call(graph, before, aten.slice.Tensor, bounds, path_of(before))
    return node


def _interleave(
    graph: fx.GraphModule,
    before: fx.Node,
    layer: PhaseLayer,
    output: fx.Node,
    height: Phases,
    width: Phases,
) -> fx.Node:
    """``[N, groups·F_h·F_w·C, n_h, n_w]`` to ``[N, groups·C, H, W]``, cropped."""
    path = path_of(before)
    channels = layer.weight.shape[0]
    groups = layer.groups
    rows, columns, steps = height.factor, width.factor, (height.steps, width.steps)

    def call(target: object, *args: object) -> fx.Node:
        return insert_call(graph, before, target, args, path)

    node = call(aten.permute.default, output, [0, 2, 3, 1])
    if (rows, columns) != (1, 1):
        if groups == 1:
            split = [-1, *steps, rows, columns * channels]
            order = [0, 1, 3, 2, 4]
        else:
            split = [-1, *steps, groups, rows, columns, channels // groups]
            order = [0, 1, 4, 2, 5, 3, 6]
        node = call(aten.reshape.default, node, split)
        node = call(aten.permute.default, node, order)
        whole = [-1, steps[0] * rows, steps[1] * columns, channels]
        node = call(aten.reshape.default, node, whole)
    node = _crop(graph, before, layer, node, (height, width), 1)
    return call(aten.permute.default, node, [0, 3, 1, 2])
