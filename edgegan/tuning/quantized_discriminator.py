"""A discriminator whose weights are quantized while it judges (QGAN, Wang et al. 2019, sections 2.2, 5.1).

Its levels are fitted to its weights, anew at every step of a training; the weights learn straight through
the rounding to them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from edgegan.quantization.weight_quantizers.choose import fit_codebook

_KERNEL_BITS = 8


class QuantizedDiscriminator(nn.Module):
    """Quantizes, per tensor, every parameter of two axes and more: not biases, not normalization.

    Args:
        inner: trained.
        quantizer: one with a codebook: a key of ``weight_quantizers.choose.LEVELS``.
        bits: of a weight; it takes one of 2^bits levels, which are int8 multiples of a scale.
    """

    def __init__(self, inner: nn.Module, quantizer: str, bits: int) -> None:
        super().__init__()
        self.inner = inner
        self.quantizer, self.bits = quantizer, bits
        self.names = [name for name, weight in inner.named_parameters() if weight.ndim > 1]
        self.fit()

    def fit(self) -> None:
        """Fit the levels to the weights as they are."""
        weights = dict(self.inner.named_parameters())
        for place, name in enumerate(self.names):
            weight = weights[name].detach()
            rows = weight.reshape(1, -1).cpu().numpy().astype(np.float64)
            book = fit_codebook(self.quantizer, rows, self.bits, _KERNEL_BITS)
            scale = float(book.scale[0])
            for kind, values in (("levels", book.integers[0]), ("thresholds", book.thresholds[0])):
                found = torch.tensor(values * scale, dtype=weight.dtype, device=weight.device)
                self.register_buffer(f"{kind}_{place}", found)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """As the float one's."""
        weights = dict(self.inner.named_parameters())
        found = {name: self._rounded(weights[name], i) for i, name in enumerate(self.names)}
        result: torch.Tensor = functional_call(self.inner, found, inputs)
        return result

    def _rounded(self, weight: torch.Tensor, place: int) -> torch.Tensor:
        """The level behind the last threshold that each weight exceeds; gradients pass straight through."""
        levels = self.get_buffer(f"levels_{place}")
        index = torch.bucketize(weight.detach(), self.get_buffer(f"thresholds_{place}"))
        return weight + (levels[index] - weight).detach()
