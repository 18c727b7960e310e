"""A graph as an ONNX model, through torch.onnx's exporter and one custom translation."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import onnx_ir as ir
import torch
from onnxscript import opset21 as op
from torch import fx
from torch.export import Dim

from edgegan.emit.codebooks import CODEBOOK, PackCodebooks
from edgegan.emit.float_layers import KeepFloatLayers
from edgegan.emit.passes import (
    DropUnused,
    FoldCasts,
    FoldZeroPad,
    IntegerWeights,
    MergeSlices,
    NameNodes,
    NameTensors,
)
from edgegan.emit.phases import EXPAND, ExpandKernels
from edgegan.emit.slim import Slim
from edgegan.lowering.expand_phases import EXPAND_PHASES
from edgegan.lowering.graph import is_call, is_parameter
from edgegan.lowering.hoist_activation import SELECTION
from edgegan.quantization.codebook_quantize import CODEBOOK_QUANTIZE
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE, NO_AXIS
from edgegan.quantization.placement_rules import is_zero_pad
from edgegan.runtimes.macs import EXAMPLE_SHAPES

aten = torch.ops.aten

NODE = "edgegan.node"
"""Metadata key that carries a quantizer node's name through the re-export."""


def _to_qdq(  # type: ignore[no-untyped-def]
    x, scale, zero_point, bits: int, signed: bool, axis: int
):
    """The fake-quantize operator in ONNX. Weights are folded to integers by ``IntegerWeights``."""
    integer = ir.DataType.INT8 if signed else ir.DataType.UINT8
    zero: Any = op.Cast(zero_point, to=int(integer))
    if axis == NO_AXIS:
        return op.DequantizeLinear(op.QuantizeLinear(x, scale, zero), scale, zero)
    quantized: Any = op.QuantizeLinear(x, scale, zero, axis=axis)
    return op.DequantizeLinear(quantized, scale, zero, axis=axis)


def _to_expansion(kernel, rows, columns):  # type: ignore[no-untyped-def]
    """The expansion of a kernel, as a placeholder that ``ExpandKernels`` replaces."""
    return EXPAND(kernel, rows, columns)


def _to_codebook(weight, scale, thresholds, codebook):  # type: ignore[no-untyped-def]
    """A weight's levels, as a placeholder that ``PackCodebooks`` replaces."""
    return CODEBOOK(weight, scale, thresholds, codebook)


def export_onnx(
    graph: fx.GraphModule,
    example: tuple[torch.Tensor, ...],
    input_names: list[str],
    output_name: str,
    opset: int,
    size_multiple: int | None = None,
) -> ir.Model:
    """Translate a float or quantized graph.

    Args:
        graph: captured, lowered or quantized; left as it is.
        example: inputs with the example batch.
        input_names: of the ONNX model; its batch axis is dynamic.
        output_name: of its first output, the image; further ones are ``output_1``, ``output_2``, ...
        opset: of the model.
        size_multiple: where set, height and width of its inputs may be any multiples of it.

    Returns:
        A model whose nodes are named ``<module path>/<operator>`` and whose quantized activations
        are named as the graph's nodes, ``<quantizer>_quantized``.
    """
    graph = copy.deepcopy(graph)
    widths = _weight_widths(graph)
    copy_behind_movement(graph)
    for node in graph.graph.nodes:
        name = node.name if "quantizer" in node.meta else ""
        node.meta["custom"] = {NODE: name, "path": node.meta.get("path", "")}
    axes = tuple(_dynamic_axes(value, size_multiple) for value in example)
    with torch.no_grad(), _quiet(), torch.fx.traceback.preserve_node_meta():
        program = torch.export.export(graph, example, dynamic_shapes=axes)
        _restore_paths(program.graph)
        result = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=opset,
            verbose=False,
            optimize=True,
            custom_translation_table={
                FAKE_QUANTIZE: _to_qdq,
                CODEBOOK_QUANTIZE: _to_codebook,
                EXPAND_PHASES: _to_expansion,
            },
        )
    assert result is not None
    model = result.model
    names = {n.name: n.meta.get("custom", {}).get(NODE, "") for n in program.graph.nodes}
    sequence = ir.passes.Sequential(
        FoldCasts(),
        IntegerWeights(widths, widen=_has_integer_activations(graph)),
        PackCodebooks(),
        ExpandKernels(),
        FoldZeroPad(),
        MergeSlices(),
        KeepFloatLayers(),
        DropUnused(),
        NameTensors(names, input_names, output_name),
        NameNodes(),
        Slim(),
    )
    emitted = sequence(model).model
    if size_multiple is not None:
        shapes = {n: list(v.shape[1:]) for n, v in zip(input_names, example, strict=True)}
        emitted.metadata_props[EXAMPLE_SHAPES] = json.dumps(shapes)
    return emitted


def _dynamic_axes(value: torch.Tensor, multiple: int | None) -> dict[int, Any]:
    axes: dict[int, Any] = {0: Dim("batch", min=1, max=4096)}
    if multiple is not None and value.ndim == 4:
        axes |= {axis: multiple * Dim(f"_{name}") for axis, name in ((2, "height"), (3, "width"))}
    return axes


def copy_behind_movement(graph: fx.GraphModule) -> None:
    """Put a quantizer of the same grid behind every operator that moves a quantized tensor.

    The numbers do not change; the runtime sees integer tensors on both sides and moves bytes. Zero
    padding that only convolutions read is left to them.
    """
    for node in list(graph.graph.nodes):
        source: Any = node.args[0] if node.args else None
        moves = is_call(node, *SELECTION) or _standing_pad(node)
        if not moves or _is_merged(node):
            continue
        while isinstance(source, fx.Node) and _is_merged(source):
            source = source.args[0]
        if not is_call(source, FAKE_QUANTIZE) or _is_quantized_alike(node, source):
            continue
        with graph.graph.inserting_after(node):
            same = graph.graph.call_function(FAKE_QUANTIZE)
        node.replace_all_uses_with(same)
        same.args = (node, *source.args[1:])
        same.meta.update(val=node.meta["val"], path=node.meta.get("path", ""))
    graph.graph.lint()
    graph.recompile()


def _is_quantized_alike(node: fx.Node, source: fx.Node) -> bool:
    return all(is_call(u, FAKE_QUANTIZE) and u.args[1:] == source.args[1:] for u in node.users)


def _standing_pad(node: fx.Node) -> bool:
    """Whether a zero padding cannot go into the convolutions behind it."""
    return is_zero_pad(node) and not all(
        is_call(user, aten.conv2d.default) or (is_zero_pad(user) and not _standing_pad(user))
        for user in node.users
    )


def _is_merged(node: fx.Node) -> bool:
    """Whether ``node`` crops one axis and its only reader the next: ``MergeSlices`` makes them one."""
    return is_call(node, aten.slice.Tensor) and all(
        len(node.users) == 1 and is_call(user, aten.slice.Tensor) for user in node.users
    )


def _has_integer_activations(graph: fx.GraphModule) -> bool:
    return any(
        is_call(node, FAKE_QUANTIZE) and not is_parameter(node.args[0])
        for node in graph.graph.nodes
    )


def _weight_widths(graph: fx.GraphModule) -> dict[str, int]:
    """Bits of each quantized weight, by parameter name."""
    return {
        str(node.args[0].target): int(node.args[3])
        for node in graph.graph.nodes
        if is_call(node, FAKE_QUANTIZE) and is_parameter(node.args[0])
    }


def _restore_paths(graph: fx.Graph) -> None:
    """The exporter names ONNX nodes by the module stack, which a re-export loses."""
    for node in graph.nodes:
        path = node.meta.get("custom", {}).get("path", "")
        stack = {"": ("", "root")}
        parts: list[str] = path.split(".") if path else []
        for i in range(len(parts)):
            stack[".".join(parts[: i + 1])] = (".".join(parts[: i + 1]), "module")
        node.meta["nn_module_stack"] = stack


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's progress and deprecation notes are not the user's business."""
    loggers = [logging.getLogger(name) for name in ("torch", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
