"""A discriminator whose weights are quantized while it judges (QGAN, sections 2.2 and 5.1).

Recipes name it as ``tune.distillation.discriminator``. Like the generator's, its levels are fitted to the
trained weights, once; the weights then learn straight through the rounding to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from edgegan.card import load_card
from edgegan.generators.load import build_module
from edgegan.quantization.weight_quantizers.choose import fit_codebook

_KERNEL_BITS = 8
_INNER = "inner"


def section(model: str, quantizer: str, bits: int) -> dict[str, Any]:
    """What a recipe writes to take the discriminator of a model of the zoo, quantized."""
    judge = load_card(model).discriminator
    assert judge is not None, "models of the literature have one"
    return {
        "source": f"{__name__}:build",
        "arguments": {
            "source": judge.source,
            "arguments": judge.arguments,
            "quantizer": quantizer,
            "bits": bits,
        },
        "weights": judge.weights,
    }


def build(
    source: str, arguments: Mapping[str, Any], quantizer: str, bits: int
) -> QuantizedDiscriminator:
    """The discriminator of ``source``, to be filled with its float weights."""
    return QuantizedDiscriminator(build_module(source, arguments), quantizer, bits)


class QuantizedDiscriminator(nn.Module):
    """Quantizes, per tensor, every parameter of two axes and more: not biases, not normalization.

    Args:
        quantizer: one with a codebook, as in a recipe.
    """

    def __init__(self, inner: nn.Module, quantizer: str, bits: int) -> None:
        super().__init__()
        self.inner = inner
        self.quantizer = quantizer
        self.bits = bits
        self.names = [name for name, value in inner.named_parameters() if value.ndim > 1]
        for place in range(len(self.names)):
            self.register_buffer(f"levels_{place}", torch.zeros(1 << bits))
            self.register_buffer(f"thresholds_{place}", torch.zeros((1 << bits) - 1))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        weights = dict(self.inner.named_parameters())
        found = {name: self._rounded(weights[name], i) for i, name in enumerate(self.names)}
        result: torch.Tensor = functional_call(self.inner, found, inputs)
        return result

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """A checkpoint of its own, or the float weights, to which levels are fitted."""
        if any(key.startswith(f"{_INNER}.") for key in state_dict):
            return super().load_state_dict(state_dict, strict, assign)
        found = self.inner.load_state_dict(state_dict, strict, assign)
        self._fit()
        return found

    @torch.no_grad()
    def _fit(self) -> None:
        weights = dict(self.inner.named_parameters())
        for place, name in enumerate(self.names):
            rows = weights[name].detach().reshape(1, -1).numpy().astype(np.float64)
            book = fit_codebook(self.quantizer, rows, self.bits, _KERNEL_BITS)
            scale = float(book.scale[0])
            self.get_buffer(f"levels_{place}").copy_(torch.tensor(book.integers[0] * scale))
            self.get_buffer(f"thresholds_{place}").copy_(torch.tensor(book.thresholds[0] * scale))

    def _rounded(self, weight: torch.Tensor, place: int) -> torch.Tensor:
        """The level behind the last threshold that each weight exceeds; gradients pass straight through."""
        levels = self.get_buffer(f"levels_{place}")
        index = torch.bucketize(weight.detach(), self.get_buffer(f"thresholds_{place}"))
        return weight + (levels[index] - weight).detach()
