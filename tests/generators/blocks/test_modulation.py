"""Modulated convolution against the paper's weights, sample by sample, in float64."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from edgegan.generators.blocks.modulation import ModulatedConv2d


@torch.no_grad()
@pytest.mark.parametrize("demodulated", [True, False])
@pytest.mark.parametrize("upsample", [True, False])
def test_it_is_the_papers(demodulated: bool, upsample: bool) -> None:
    """Equations 1 and 3: w' = s w, w'' = w' / sqrt(sum w'^2 + eps)."""
    torch.manual_seed(0)
    layer = ModulatedConv2d(3, 4, 3, 5, demodulated, upsample).double()
    x, style = torch.randn(2, 3, 6, 6).double(), torch.randn(2, 5).double()
    result = layer(x, style)
    for sample in range(2):
        scale = layer.style(style[sample : sample + 1])[0]
        weight = layer.weight / (3 * 9) ** 0.5 * scale[None, :, None, None]
        if demodulated:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        one = x[sample : sample + 1]
        if upsample:
            assert layer.blur is not None
            wide = F.conv_transpose2d(one, weight.transpose(0, 1), stride=2)
            expected = layer.blur(wide)
            assert expected.shape[2:] == (12, 12)
        else:
            expected = F.conv2d(one, weight, padding=1)
        assert torch.allclose(result[sample], expected[0], atol=1e-12)


@torch.no_grad()
def test_demodulation_gives_unit_variance() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(64, 64, 3, 8)
    outputs = layer(torch.randn(4, 64, 16, 16), 5 * torch.randn(4, 8))[..., 1:-1, 1:-1]
    assert abs(float(outputs.std()) - 1) < 0.05
