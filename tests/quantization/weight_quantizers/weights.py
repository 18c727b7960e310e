"""Weights to quantize: those of a trained generator, an output channel a row."""

from __future__ import annotations

import numpy as np
from safetensors.numpy import load_file

from edgegan.card import card_folder


def trained_rows() -> list[np.ndarray]:
    """float64 ``[C, n]`` of every transposed convolution of ``fashion-dcgan``."""
    tensors = load_file(card_folder("fashion-dcgan") / "generator.safetensors")
    kernels = [value for value in tensors.values() if value.ndim == 4]
    return [k.astype(np.float64).swapaxes(0, 1).reshape(k.shape[1], -1) for k in kernels]


def quantized(levels: np.ndarray, thresholds: np.ndarray, row: np.ndarray) -> np.ndarray:
    """One row by its levels, the slow way."""
    return np.array([levels[(thresholds < value).sum()] for value in row])


def error(codebook, rows: np.ndarray) -> float:  # type: ignore[no-untyped-def]
    """Mean squared error of a codebook."""
    indices = codebook.indices(rows.astype(np.float32))
    entries = np.take_along_axis(codebook.integers, indices, 1)
    return float(np.square(entries * codebook.scale[:, None].astype(np.float64) - rows).mean())
