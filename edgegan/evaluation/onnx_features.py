"""A feature network as an ONNX file: its first output are features, one named ``logits`` class logits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from edgegan.cache import file_digest
from edgegan.errors import LackingError, ModelError
from edgegan.metrics.extractor import NO_RESIZE, FeatureDescription, Images
from edgegan.metrics.statistics import FeatureStatistics
from edgegan.runtimes.base import Engine
from edgegan.runtimes.ort import OrtRuntime

SUFFIX = ".onnx"
LOGITS = "logits"
RANGE, RESIZE = "value_range", "resize"
"""Names of the file's metadata: two numbers (without it, -1 and 1), and how the network resizes."""


@dataclass(frozen=True)
class OnnxFeatures:
    """A ``FeatureExtractor`` that ONNX Runtime executes.

    Attributes:
        description: what it takes and gives.
        digest: SHA-256 of the file.
    """

    description: FeatureDescription
    digest: str
    engine: Engine
    input: str
    outputs: tuple[str, ...]

    def extract(self, images: Images) -> NDArray[np.float32]:
        """Features ``[N, D]``; raises DataError on images or features of another shape."""
        self.description.check_images(images)
        (features,) = self.engine.run({self.input: images}, self.outputs[:1]).values()
        self.description.check_features(features, len(images))
        return features

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Class logits ``[N, classes]``.

        Raises:
            LackingError: if the file has no output ``logits``.
        """
        if LOGITS not in self.outputs:
            raise LackingError(
                f"feature network {self.description.network} has no output {LOGITS!r}, which the "
                "Inception Score needs; name a classifier."
            )
        self.description.check_images(images)
        return self.engine.run({self.input: images}, (LOGITS,))[LOGITS]

    def reference(self, split: str = "train") -> FeatureStatistics | None:
        """An ONNX file brings no statistics of real images."""
        return None


def load_onnx_features(path: Path) -> OnnxFeatures:
    """Read a feature network's file.

    Raises:
        ModelError: if it is no model from pictures ``[N, C, H, W]`` to vectors ``[N, D]``.
        BundleError: if ONNX Runtime refuses it.
    """
    if not path.is_file():
        raise ModelError(f"feature network {path} does not exist; check the path.")
    try:
        model = onnx.load(path)
    except (DecodeError, OSError, ValueError) as error:
        raise ModelError(f"{path} is not an ONNX model ({error}).") from None
    inputs, outputs = (list(side) for side in (model.graph.input, model.graph.output))
    pictures, vectors = _shape(inputs[0]), _shape(outputs[0])
    if len(inputs) != 1 or len(pictures) != 4 or not pictures[1] or len(vectors) != 2:
        raise ModelError(
            f"feature network {path} takes {pictures} to {vectors}; it must take pictures "
            "[N, channels, height, width] to vectors [N, dimensions]."
        )
    if not vectors[1]:
        raise ModelError(
            f"feature network {path} must state the length of its vectors; export it so."
        )
    meta = {item.key: item.value for item in model.metadata_props}
    size = (pictures[2], pictures[3]) if pictures[2] and pictures[3] else None
    description = FeatureDescription(
        path.name, vectors[1], pictures[1], size, _range(meta.get(RANGE), path),
        meta.get(RESIZE, NO_RESIZE),
    )  # fmt: skip
    names = tuple(output.name for output in outputs)
    engine = OrtRuntime().load(path)
    return OnnxFeatures(description, file_digest(path), engine, inputs[0].name, names)


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    """Sides; 0 for one that is free."""
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def _range(text: str | None, path: Path) -> tuple[float, float]:
    if text is None:
        return (-1.0, 1.0)
    try:
        low, high = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise ModelError(
            f"feature network {path}: its metadata {RANGE} must be two numbers, not {text!r}."
        ) from None
    return (low, high)
