"""Pictures in folders, and a feature network as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image


def save_pictures(folder: Path, images: NDArray[np.float32]) -> Path:
    """float32 ``[N, 1 or 3, H, W]`` in [-1, 1] as PNG."""
    folder.mkdir(parents=True)
    pixels = np.rint((images + 1) * 127.5).clip(0, 255).astype(np.uint8)
    for index, planes in enumerate(pixels):
        picture = planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0)
        Image.fromarray(picture).save(folder / f"{index:04d}.png")
    return folder


def save_feature_network(
    path: Path, side: int, channels: int = 1, dimensions: int = 6, logits: bool = True
) -> Path:
    """A linear map of the pixels, in the range 0 to 1, and of that map one to three classes."""
    random = np.random.default_rng(0)
    length = channels * side * side
    weights = {
        "w": random.normal(0, length**-0.5, (length, dimensions)).astype(np.float32),
        "c": random.normal(0, 4, (dimensions, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["features"]),
    ]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", dimensions])]
    if logits:
        nodes.append(helper.make_node("MatMul", ["features", "c"], ["logits"]))
        outputs.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3]))
    shape = ["n", channels, side, side]
    graph = helper.make_graph(
        nodes,
        "features",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"value_range": "0, 1", "resize": "none at all"})
    onnx.save(model, path)
    return path
