"""Sums that an engine adds to another tensor before it rounds them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from edgegan.simulation.exact import simulate
from edgegan.simulation.processors import OPENVINO
from edgegan.targets import SYMMETRIC_8
from tests.emitted import emitted


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(4, 4, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layer(x)


def test_it_is_limited_but_not_rounded() -> None:
    model = emitted(Block(), (4, 3, 3), grid=SYMMETRIC_8)
    graph, inputs = model.placed.graph, (torch.from_numpy(model.inputs(64)["x"]),)
    scales = {
        name: getattr(graph.quantizers, name).scale.numpy() for name in model.placed.quantizers
    }
    (total_of,) = scales.keys() - {"x", "layer", "layer_weight"}  # PyTorch names the sum
    found = simulate(graph, inputs, OPENVINO, unrounded={"layer_quantized"}).integers
    assert "layer_quantized" not in found
    weight = dict(model.placed.graph.named_parameters())["layer.weight"].numpy()[:, :, 0, 0]
    per_channel = scales["layer_weight"].reshape(-1, 1)
    integers = np.rint(weight.astype(np.float64) / per_channel)
    x = found["x_quantized"].numpy() * scales["x"].astype(np.float64)
    sums = np.einsum("oc,nchw->nohw", integers * per_channel, x)
    reach = scales["layer"].astype(np.float64)
    total = x + np.clip(sums, -128 * reach, 127 * reach)
    expected = np.clip(np.rint(total / scales[total_of]), -128, 127)
    np.testing.assert_array_equal(found[f"{total_of}_quantized"].numpy(), expected)
    rounded = simulate(graph, inputs, OPENVINO).integers[f"{total_of}_quantized"].numpy()
    assert (rounded != expected).mean() > 0.01
