"""The weight quantizers' names and limits, as data: recipes and targets read them without computing."""

from __future__ import annotations

from typing import Literal

WeightQuantizer = Literal["quantile", "min-max", "log", "tanh", "em", "mse", "aciq"]

CODEBOOKS = frozenset({"min-max", "log", "tanh", "em"})
"""Those whose levels are no multiples of one step: each index stands for an entry of a codebook."""

FEWEST_BITS: dict[str, tuple[int, str]] = {
    "quantile": (2, "zero is one of its levels"),
    "mse": (2, "zero is one of its levels"),
    "aciq": (2, "zero is one of its levels"),
    "log": (2, "one bit is the sign, so that all magnitudes were the same"),
    "tanh": (2, "both levels of 1 bit lie at infinity"),
    "min-max": (1, ""),
    "em": (1, ""),
}
"""Fewest bits, and why not fewer."""

PACKED_BITS = 4
"""Widest indices that are packed in the file; wider ones are stored as the integers they stand for."""


def is_codebook(quantizer: str) -> bool:
    """Whether the quantizer's levels are a codebook."""
    return quantizer in CODEBOOKS
