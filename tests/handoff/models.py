"""Models and deliveries for the tests of the hand-off."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgegan.generators.contract import ImageSpec, InputSpec
from edgegan.handoff.description import Delivery, Description, describe
from edgegan.handoff.facts import ModelFacts
from edgegan.handoff.ort_format import OrtFiles

PHOTO = InputSpec(name="photo", shape=(3, 4, 6), data="photos", value_range=(0.0, 1.0))
STYLE = InputSpec(name="style", shape=(3, 1, 1), law="uniform")


def delivery(
    inputs: tuple[InputSpec, ...] = (InputSpec(shape=(100,)),),
    output_shape: tuple[int, ...] = (1, 32, 32),
    value_range: tuple[float, float] = (-1.0, 1.0),
    **changes: object,
) -> Delivery:
    given = {
        "name": "some-generator",
        "license": "MIT",
        "inputs": inputs,
        "output": ImageSpec(name="image", value_range=value_range),
        "output_shape": output_shape,
        "model": "../model.onnx",
        "proven_with": "1.31.1",
    }
    return Delivery(**(given | changes))  # type: ignore[arg-type]


def description(given: Delivery, bits: int = 8) -> Description:
    """As of a converted model for 8 bits, else of an ONNX file."""
    ort = OrtFiles(Path("model.ort"), Path("model.config"), 1_500_000) if bits == 8 else None
    return describe(given, ModelFacts(21, bits, {"latent": (-3.9, 3.9)}, 1_250_000), 4, ort, ())


def two_input_model(path: Path, weight_type: int = TensorProto.INT4) -> None:
    """``image = clip(photo * style * 0.5)``; the factor is stored in ``weight_type``."""
    narrow = {
        TensorProto.INT2: ml_dtypes.int2,
        TensorProto.UINT2: ml_dtypes.uint2,
        TensorProto.INT4: ml_dtypes.int4,
        TensorProto.UINT4: ml_dtypes.uint4,
        TensorProto.INT8: np.int8,
    }[weight_type]
    stored = [
        numpy_helper.from_array(np.ones(1, narrow), "one"),
        numpy_helper.from_array(np.float32(0.5), "half"),
    ]
    assert stored[0].data_type == weight_type
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["one"], ["factor"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["factor", "half"], ["scale"]),
            helper.make_node("Mul", ["photo", "style"], ["product"]),
            helper.make_node("Mul", ["product", "scale"], ["image"]),
        ],
        "graph",
        [
            helper.make_tensor_value_info("photo", TensorProto.FLOAT, ["batch", 3, 4, 6]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, ["batch", 3, 1, 1]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 4, 6])],
        stored,
    )
    opset, ir = (25, 13) if weight_type in (TensorProto.INT2, TensorProto.UINT2) else (21, 10)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    onnx.save(model, path)


def two_input_golden(count: int = 5) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(0)
    photo = random.random((count, 3, 4, 6), np.float32)
    style = random.random((count, 3, 1, 1), np.float32) * 3 - 1
    return {"photo": photo, "style": style, "image": photo * style * np.float32(0.5)}


LABEL = InputSpec(name="label", law="classes", classes=3, labels=("shoe", "bag", "coat"))


def labelled_model(path: Path) -> None:
    """``image = table[label] * style``."""
    table = np.random.default_rng(1).random((3, 1, 4, 6), np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "label"], ["row"]),
            helper.make_node("Mul", ["row", "style"], ["image"]),
        ],
        "graph",
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, ["batch", 3, 1, 1]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 4, 6])],
        [numpy_helper.from_array(table, "table")],
    )
    opsets = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)


def labelled_golden(count: int = 5) -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
    table = np.random.default_rng(1).random((3, 1, 4, 6), np.float32)
    label = np.arange(count) % 3
    style = np.random.default_rng(2).random((count, 3, 1, 1), np.float32)
    return {"label": label, "style": style, "image": table[label] * style}
