"""Last steps on the ONNX graph: integer weights, padding inside convolutions, speaking names."""

from __future__ import annotations

import ast
from collections import Counter

import ml_dtypes
import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgegan.quantization.grid import IntegerGrid, quantize

_STORAGE = {
    2: (ir.DataType.INT2, ml_dtypes.int2),
    3: (ir.DataType.INT4, ml_dtypes.int4),
    4: (ir.DataType.INT4, ml_dtypes.int4),
}
"""Types that hold fewer than 8 bits; the runtime casts them to int8 once, at load."""


class FoldCasts(ir.passes.InPlacePass):
    """Casts of constants happen here; the exporter leaves those of more than 8192 bytes standing."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        graph, modified = model.graph, False
        for node in list(graph):
            source = node.inputs[0] if node.op_type == "Cast" else None
            if source is None or source.const_value is None or not source.is_initializer():
                continue
            dtype = ir.DataType(node.attributes["to"].as_int())
            values = source.const_value.numpy().astype(dtype.numpy())
            key = f"{source.name}_{dtype.name.lower()}"
            tensor = ir.Tensor(values, dtype=dtype, name=key)
            value = ir.Value(
                name=key, const_value=tensor, shape=source.shape, type=ir.TensorType(dtype)
            )
            graph.initializers[key] = value
            ir.convenience.replace_all_uses_with(node.outputs[0], value)
            graph.remove(node, safe=True)
            modified = True
        return ir.passes.PassResult(model, modified)


class IntegerWeights(ir.passes.InPlacePass):
    """float initializer → QuantizeLinear becomes an integer initializer.

    Narrow weights are stored in their own type behind a Cast to int8, which the runtime folds when
    it loads the model: the kernels stay 8-bit, the file gets small. Without integer kernels behind them
    (``widen`` False) they are dequantized directly.
    """

    def __init__(self, widths: dict[str, int], widen: bool = True) -> None:
        super().__init__()
        self.widths = widths
        self.widen = widen

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        graph = model.graph
        modified = False
        for node in list(graph):
            if node.op_type != "QuantizeLinear":
                continue
            weight = node.inputs[0]
            if weight is None or weight.const_value is None or not weight.is_initializer():
                continue
            bits = self.widths.get(str(weight.name), 8)
            signed = node.inputs[2].const_value.numpy().dtype == np.int8  # type: ignore[union-attr]
            integers = self._integers(node, bits, signed)
            replacement = self._store(graph, node, str(weight.name), integers, bits, signed)
            ir.convenience.replace_all_uses_with(node.outputs[0], replacement)
            graph.remove(node, safe=True)
            modified = True
        return ir.passes.PassResult(model, modified)

    def _integers(self, node: ir.Node, bits: int, signed: bool) -> NDArray[np.int64]:
        weight, scale, zero = (value.const_value.numpy() for value in node.inputs)  # type: ignore[union-attr]
        axis = (
            node.attributes["axis"].as_int() if "axis" in node.attributes and scale.ndim else None
        )
        grid = IntegerGrid(bits, signed, axis)
        return quantize(weight, scale, zero.astype(np.int64), grid)

    def _store(
        self,
        graph: ir.Graph,
        before: ir.Node,
        name: str,
        integers: NDArray[np.int64],
        bits: int,
        signed: bool,
    ) -> ir.Value:
        dtype, numpy_dtype = _STORAGE.get(bits, (ir.DataType.INT8, np.int8))
        if not signed:
            dtype, numpy_dtype = ir.DataType.UINT8, np.uint8
        key = f"{name}_integers"
        tensor = ir.Tensor(integers.astype(numpy_dtype), dtype=dtype, name=key)
        value = ir.Value(
            name=key, const_value=tensor, shape=ir.Shape(integers.shape), type=ir.TensorType(dtype)
        )
        graph.initializers[key] = value
        if bits not in _STORAGE:
            return value
        if not self.widen:
            _drop_zero_points(before)
            return value
        cast = ir.node("Cast", [value], attributes={"to": int(ir.DataType.INT8)})
        cast.outputs[0].name = f"{name}_int8"
        cast.metadata_props.update(before.metadata_props)
        graph.insert_before(before, cast)
        return cast.outputs[0]


def _drop_zero_points(quantize: ir.Node) -> None:
    """Drop the zero points of the DequantizeLinears behind: they are 0, and of another type."""
    for use in list(quantize.outputs[0].uses()):
        if use.node.op_type == "DequantizeLinear":
            use.node.resize_inputs(2)


class FoldZeroPad(ir.passes.InPlacePass):
    """Zero padding in front of a convolution becomes the convolution's own (asymmetric) padding.

    Left standing, it would be a float island between the quantizers.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        modified = False
        for node in list(model.graph):
            while node.op_type == "Conv" and _absorb_pad(model.graph, node):
                modified = True
        return ir.passes.PassResult(model, modified)


def _absorb_pad(graph: ir.Graph, convolution: ir.Node) -> bool:
    """Take one Pad from in front of the convolution, if there is one that it can do itself."""
    source = convolution.inputs[0]
    pad = None if source is None else source.producer()
    pads = None if pad is None or pad.op_type != "Pad" else _spatial_zero_pads(pad)
    if pad is None or pads is None:
        return False
    attributes = convolution.attributes
    own = attributes["pads"].as_ints() if "pads" in attributes else [0] * 4
    total = [int(a) + int(b) for a, b in zip(own, pads, strict=True)]
    attributes["pads"] = ir.AttrInt64s("pads", total)
    attributes.pop("auto_pad", None)
    convolution.replace_input_with(0, pad.inputs[0])
    if not pad.outputs[0].uses():
        graph.remove(pad, safe=True)
    return True


def _spatial_zero_pads(pad: ir.Node) -> list[int] | None:
    """``[top, left, bottom, right]`` if ``pad`` adds zeros to height and width only, else None."""
    if "mode" in pad.attributes and pad.attributes["mode"].as_string() != "constant":
        return None
    amounts = ir.convenience.get_const_tensor(pad.inputs[1]) if pad.inputs[1] is not None else None
    if amounts is None:
        return None
    if len(pad.inputs) > 2 and pad.inputs[2] is not None:
        value = ir.convenience.get_const_tensor(pad.inputs[2])
        if value is None or float(value.numpy().reshape(())) != 0.0:
            return None
    values = [int(v) for v in amounts.numpy()]
    if len(pad.inputs) > 3 and pad.inputs[3] is not None:
        return None
    if len(values) != 8 or any(values[i] for i in (0, 1, 4, 5)) or min(values) < 0:
        return None
    return [values[2], values[3], values[6], values[7]]


class MergeSlices(ir.passes.InPlacePass):
    """Crops of different axes one behind the other become one Slice: one copy instead of two."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        modified = False
        for node in list(model.graph):
            before = (
                node.inputs[0].producer() if node.inputs and node.inputs[0] is not None else None
            )
            if node.op_type != "Slice" or before is None or before.op_type != "Slice":
                continue
            first, second = _slice_arguments(before), _slice_arguments(node)
            if first is None or second is None or set(first[2]) & set(second[2]):
                continue
            if len(before.outputs[0].uses()) != 1:
                continue
            node.replace_input_with(0, before.inputs[0])
            for index, (a, b) in enumerate(zip(first, second, strict=True), start=1):
                name = f"{node.outputs[0].name}_slice_{index}"
                tensor = ir.Tensor(np.array([*a, *b], np.int64), name=name)
                value = ir.Value(
                    name=name,
                    const_value=tensor,
                    shape=ir.Shape([len(a) + len(b)]),
                    type=ir.TensorType(ir.DataType.INT64),
                )
                model.graph.initializers[name] = value
                node.replace_input_with(index, value)
            model.graph.remove(before, safe=True)
            modified = True
        return ir.passes.PassResult(model, modified)


def _slice_arguments(node: ir.Node) -> tuple[list[int], list[int], list[int], list[int]] | None:
    """Constant (starts, ends, axes, steps) of a Slice, or None."""
    if len(node.inputs) != 5 or any(value is None for value in node.inputs):
        return None
    tensors = [ir.convenience.get_const_tensor(value) for value in node.inputs[1:]]  # type: ignore[arg-type]
    if any(tensor is None for tensor in tensors):
        return None
    starts, ends, axes, steps = ([int(v) for v in t.numpy()] for t in tensors)  # type: ignore[union-attr]
    return starts, ends, axes, steps


class DropUnused(ir.passes.InPlacePass):
    """Initializers that nothing reads any more: runtimes warn about them."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        initializers = model.graph.initializers
        unused = [n for n, v in initializers.items() if not v.uses() and not v.is_graph_output()]
        for name in unused:
            del initializers[name]
        return ir.passes.PassResult(model, bool(unused))


class NameTensors(ir.passes.InPlacePass):
    """Inputs, outputs and quantized activations get the names that the rest of edgegan knows.

    Args:
        nodes: name of the re-exported node to name of the quantized tensor (empty: keep).
        inputs: names of the model's.
        output: name of its first; further ones are numbered.
    """

    def __init__(self, nodes: dict[str, str], inputs: list[str], output: str) -> None:
        super().__init__()
        self.nodes = nodes
        self.inputs = inputs
        self.output = output

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        graph = model.graph
        for node in graph:
            if node.op_type == "DequantizeLinear":
                producer = node.inputs[0].producer() if node.inputs[0] is not None else None
                name = self.nodes.get(str(node.outputs[0].name))
                if producer is not None and producer.op_type == "QuantizeLinear" and name:
                    producer.outputs[0].name = name
        for value, name in zip(graph.inputs, self.inputs, strict=True):
            value.name = name
            value.shape = _dynamic_batch(value)
        for index, value in enumerate(graph.outputs):
            value.name = f"output_{index}" if index else self.output
            value.shape = _dynamic_batch(value)
        return ir.passes.PassResult(model, True)


def _dynamic_batch(value: ir.Value) -> ir.Shape:
    assert value.shape is not None
    return ir.Shape(["batch", *list(value.shape)[1:]])


class NameNodes(ir.passes.InPlacePass):
    """Node names become ``<module path>/<operator>``.

    The exporter's metadata is dropped: it holds paths of the machine that exported.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        counts: Counter[str] = Counter()
        for node in model.graph:
            scopes = node.metadata_props.get("pkg.torch.onnx.name_scopes")
            parts = ast.literal_eval(scopes) if scopes else []
            path = parts[-2] if len(parts) > 1 else ""
            base = f"{path or 'graph'}/{node.op_type}"
            counts[base] += 1
            node.name = base if counts[base] == 1 else f"{base}_{counts[base]}"
            node.metadata_props.clear()
            node.doc_string = None
        model.metadata_props.clear()
        model.graph.metadata_props.clear()
        model.producer_name = "edgegan"
        return ir.passes.PassResult(model, True)
