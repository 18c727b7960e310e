"""What a convolution's weights cost in a TensorRT-RTX engine, stored in 32, 16, 8 and 4 bits.

    python -m benchmarks.tensorrt_storage

Builds only; nothing is run, so no GPU is needed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.results_file import write_result
from edgegan.errors import ModelError
from edgegan.runtimes.trt import TensorRtRuntime
from edgegan.runtimes.trt_build import build_engine
from edgegan.runtimes.trt_options import BuildOptions

COMMAND = "python -m benchmarks.tensorrt_storage"
SHAPE = (512, 512, 3, 3)
CAPABILITIES = ("sm75", "sm86", "sm89", "sm120")
FORMS = {
    "fp32": (TensorProto.FLOAT, TensorProto.FLOAT, False),
    "fp16": (TensorProto.FLOAT16, TensorProto.FLOAT16, False),
    "int8 weights, int8 activations": (TensorProto.INT8, TensorProto.FLOAT, True),
    "int8 weights, fp32 activations": (TensorProto.INT8, TensorProto.FLOAT, False),
    "int4 weights, int8 activations": (TensorProto.INT4, TensorProto.FLOAT, True),
    "int4 weights, fp32 activations": (TensorProto.INT4, TensorProto.FLOAT, False),
    "int4 weights, fp16 activations": (TensorProto.INT4, TensorProto.FLOAT16, False),
}
"""Weight type, activation type as the model says it, and whether the activations are quantized."""


def convolution(weight: int, activation: int, quantized: bool) -> onnx.ModelProto:
    """A 3x3 convolution from 512 to 512 channels, with a bias."""
    random = np.random.default_rng(0)
    floats = helper.tensor_dtype_to_np_dtype(activation)
    nodes, x, w = [], "x", "weight"
    tensors = [
        numpy_helper.from_array(np.zeros(SHAPE[0], floats), "bias"),
        numpy_helper.from_array(np.asarray(0.05, floats), "x.scale"),
        numpy_helper.from_array(np.full(SHAPE[0], 0.01, floats), "weight.scale"),
    ]
    if weight == activation:
        values = random.normal(size=SHAPE).astype(floats)
        tensors.append(numpy_helper.from_array(values, "weight"))
    else:
        kind = helper.tensor_dtype_to_np_dtype(weight)
        integers = random.integers(-8, 8, SHAPE).astype(kind)
        tensors.append(numpy_helper.from_array(integers, "weight"))
        inputs = ["weight", "weight.scale"]
        nodes.append(helper.make_node("DequantizeLinear", inputs, ["w"], axis=0))
        w = "w"
    if quantized:
        tensors.append(numpy_helper.from_array(np.asarray(0, np.int8), "x.zero"))
        nodes.append(helper.make_node("QuantizeLinear", ["x", "x.scale", "x.zero"], ["q"]))
        nodes.append(helper.make_node("DequantizeLinear", ["q", "x.scale", "x.zero"], ["xq"]))
        x = "xq"
    nodes.append(helper.make_node("Conv", [x, w, "bias"], ["y"], name="conv", pads=[1, 1, 1, 1]))
    sides = ["batch", SHAPE[0], 8, 8]
    graph = helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("x", activation, sides)],
        [helper.make_tensor_value_info("y", activation, sides)],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    for form, kinds in FORMS.items():
        model = folder / "convolution.onnx"
        onnx.save(convolution(*kinds), model)
        row: dict[str, Any] = {"form": form, "onnx": model.stat().st_size}
        for name in CAPABILITIES:
            try:
                engine = build_engine(model, BuildOptions((name,)), folder / "engine")
            except ModelError as error:
                row[name] = "refused"
                row[f"{name}_refusal"] = str(error).removeprefix(f"{model}: ")
                continue
            row[name] = engine.bytes
            row[f"{name}_seconds"] = engine.seconds
            row[f"{name}_precision"] = engine.execution.layers[0].precision
        row["multiplies"] = row.get("sm89_precision")
        yield row


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = list(rows(Path(folder)))
    columns = {
        "form": "a 3x3 convolution 512 to 512",
        "onnx": "ONNX bytes",
        **{name: f"{name} bytes" for name in CAPABILITIES},
        "multiplies": "sm89 multiplies in",
    }
    versions = ", ".join(f"{k} {v}" for k, v in TensorRtRuntime().versions().items())
    note = (
        f"Engines built ahead of time by {versions} on a machine without a GPU; none was run. Weights have "
        "one scale a channel. On sm75 all of them multiply in float; why a form is refused, and the build "
        "times, are in the JSON file."
    )
    write_result("tensorrt_storage", COMMAND, result, columns, note)


if __name__ == "__main__":
    main()
