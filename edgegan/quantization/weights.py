"""How the weights of a layer are stored, as data, and the rules that say it layer by layer."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from edgegan.quantization.weight_quantizers.names import is_codebook


@dataclass(frozen=True, order=True)
class Weights:
    """Of one layer.

    Attributes:
        bits: 1 to 8; None where the layer stays float, with the activations that it reads and gives.
        quantizer: name of the weight quantizer.
    """

    bits: int | None
    quantizer: str = "quantile"

    @property
    def is_codebook(self) -> bool:
        """Whether they are indices into a codebook of integers as wide as the kernels'."""
        return is_codebook(self.quantizer)

    @property
    def stored_bits(self) -> int:
        """Bits that one takes in the file: of the narrowest type that holds it."""
        if self.bits is None:
            return 32
        widths = (1, 2, 4) if self.is_codebook else (2, 4)
        return next((width for width in widths if width >= self.bits), 8)


FLOAT = Weights(None)


@dataclass(frozen=True)
class LayerRule:
    """What the layers get whose path a shell pattern matches."""

    match: str
    weights: Weights

    def matches(self, path: str) -> bool:
        return fnmatch.fnmatchcase(path, self.match)


def weights_of(path: str, default: Weights, rules: Sequence[LayerRule]) -> Weights:
    """Of the layer at ``path``: those of the last rule that matches it."""
    found = (rule.weights for rule in reversed(rules) if rule.matches(path))
    return next(found, default)


def possible_weights(default: Weights, rules: Sequence[LayerRule]) -> tuple[Weights, ...]:
    """All that some layer may have, float aside; what a later rule for all layers overrules is none."""
    weights = [default]
    for rule in rules:
        weights = [rule.weights] if rule.match == "*" else [*weights, rule.weights]
    return tuple(sorted({each for each in weights if each.bits is not None}))
