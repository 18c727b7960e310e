"""`edgegan inspect`: what is in a bundle or an ONNX model, and how it runs here. Without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from edgegan.bundle import open_bundle
from edgegan.errors import BundleError
from edgegan.runtimes.ort import OrtRuntime

SCHEMA = "edgegan.inspect/1"


def inspect(path: Path) -> dict[str, Any]:
    """Describe a bundle's folder or an ONNX file.

    Raises:
        BundleError: if it is neither, or damaged.
    """
    if path.is_dir():
        manifest = open_bundle(path).manifest
        described = {"kind": "bundle", "manifest": manifest.model_dump(mode="json", by_alias=True)}
        model = path / manifest.targets[0].model
    else:
        described, model = {"kind": "model"}, path
    return {"schema": SCHEMA, "path": str(path), **described, "model": describe_model(model)}


def describe_model(path: Path) -> dict[str, Any]:
    """Inputs, outputs, weights and execution map of an ONNX file."""
    if not path.is_file():
        raise BundleError(f"{path} does not exist.")
    try:
        proto = onnx.load(path, format="protobuf", load_external_data=False)
    except (DecodeError, OSError, ValueError, onnx.checker.ValidationError) as error:
        raise BundleError(f"{path} is not an ONNX model ({error}).") from None
    weights: dict[str, int] = {}
    for tensor in proto.graph.initializer:
        name = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
        count = 1
        for side in tensor.dims:
            count *= side
        weights[name] = weights.get(name, 0) + count
    return {
        "bytes": path.stat().st_size,
        "opset": {item.domain or "ai.onnx": item.version for item in proto.opset_import},
        "inputs": {value.name: _shape(value) for value in proto.graph.input},
        "outputs": {value.name: _shape(value) for value in proto.graph.output},
        "parameters": dict(sorted(weights.items())),
        "execution": OrtRuntime().execution_map(path).as_json(),
    }


def _shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
