"""Scales, zero points and codebooks of a graph's quantizers, as a safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from edgegan.quantization.calibrate import QuantizationParameters

PARAMETERS, WEIGHTS = "parameters.safetensors", "weights.safetensors"
"""File names in a stage's folder: these, and weights that tuning has changed."""


def save_parameters(parameters: Mapping[str, QuantizationParameters], path: Path) -> None:
    tensors: dict[str, Any] = {}
    for name, value in parameters.items():
        for key, array in value.tensors().items():
            # not ascontiguousarray: it gives scalars an axis
            tensors[f"{name}.{key}"] = np.array(array, order="C")
    save_file(tensors, path)


def read_parameters(path: Path) -> dict[str, QuantizationParameters]:
    tensors = load_file(path)
    fields: dict[str, dict[str, Any]] = {}
    for key, value in tensors.items():
        name, _, field = key.rpartition(".")
        fields.setdefault(name, {})[field] = value
    return {name: QuantizationParameters(**values) for name, values in fields.items()}
