"""Modulated convolutions against the paper's formula, for all shapes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgegan.errors import ModelError
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower, relative_error
from edgegan.targets import ORT_LOWERING, TENSORRT_LOWERING
from tests.lowering.modulated import Modulated, Nvidia, Upsampling

aten = torch.ops.aten


def by_definition(module: Modulated, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Equations 1 and 3, sample by sample, in float64."""
    images = []
    for image, style in zip(x.double(), module.affine(w).double(), strict=True):
        weight = module.weight[0].double() * module.gain * style[None, :, None, None]
        if module.demodulate:
            weight = weight / torch.sqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        if module.up:
            image = nn.functional.conv_transpose2d(image[None], weight.transpose(0, 1), stride=2)
        else:
            image = nn.functional.conv2d(image[None], weight, padding=weight.shape[-1] // 2)
        images.append(image)
    return torch.cat(images)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    form=st.sampled_from([Modulated, Nvidia]),
    inputs=st.integers(2, 9),
    outputs=st.integers(1, 9),
    kernel=st.sampled_from([1, 3, 4]),
    size=st.integers(2, 6),
    demodulate=st.booleans(),
    up=st.booleans(),
    seed=st.integers(0, 99),
)
def test_all_shapes(
    form: type[Modulated],
    inputs: int,
    outputs: int,
    kernel: int,
    size: int,
    demodulate: bool,
    up: bool,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    module = (
        form(inputs, outputs, kernel, demodulate=demodulate, up=up).eval().requires_grad_(False)
    )
    example, probe = (
        (torch.randn(batch, inputs, size, size + 1), torch.randn(batch, 5)) for batch in (2, 3)
    )
    captured = capture(module, example)
    lowered = lower(captured, ORT_LOWERING, example, probe)
    assert lowered.relative_error <= 1e-5
    expected = by_definition(module, *probe)
    error = (lowered.graph(*probe).double() - expected).abs().max() / expected.abs().max()
    assert error <= 1e-5
    convolutions = [n for n in lowered.graph.graph.nodes if n.target is aten.conv2d.default]
    assert convolutions and all(n.args[1].op == "get_attr" for n in convolutions)
    assert aten.conv_transpose2d.input not in {n.target for n in lowered.graph.graph.nodes}
    assert aten.sum.dim_IntList not in {n.target for n in lowered.graph.graph.nodes}


@pytest.mark.parametrize("profile", [ORT_LOWERING, TENSORRT_LOWERING], ids=lambda p: p.name)
def test_upsampling_and_blur(profile: object) -> None:
    torch.manual_seed(0)
    module = Upsampling(6, 4).eval().requires_grad_(False)
    example, probe = ((torch.randn(n, 6, 5, 5), torch.randn(n, 5)) for n in (2, 3))
    captured = capture(module, example)
    lowered = lower(captured, profile, example, probe)  # type: ignore[arg-type]
    rules = {rewrite.rule for rewrite in lowered.rewrites}
    assert {
        "lower-modulated-convolution",
        "lower-shared-filter",
        "lower-transposed-convolution",
    } <= rules
    assert (
        relative_error(captured, lowered.graph, (torch.randn(1, 6, 5, 5), torch.randn(1, 5)))
        <= 1e-5
    )


class Unknown(nn.Module):
    """Kernels that are sums, not products."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, 3, 2, 3, 3))

    def forward(self, x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        batch = x.shape[0]
        kernels = (self.weight + s.view(batch, 1, 2, 1, 1)).reshape(batch * 3, 2, 3, 3)
        y = nn.functional.conv2d(x.reshape(1, batch * 2, 5, 5), kernels, groups=batch)
        return y.view(batch, 3, 3, 3)


def test_what_is_no_modulated_convolution_is_refused() -> None:
    example = (torch.randn(2, 2, 5, 5), torch.randn(2, 2))
    captured = capture(Unknown().eval(), example)
    with pytest.raises(ModelError, match="the batch as its groups"):
        lower(captured, ORT_LOWERING, example, example)
