"""Filters that an architecture fixes, as StyleGAN's blur, are quantized and never learned."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from edgegan.quantization.calibrate import apply_parameters, apply_weights, calibrate
from edgegan.quantization.placement import Placed
from edgegan.tuning.reconstruct import Effort, reconstruct
from edgegan.tuning.sections import ReconstructionSection
from edgegan.tuning.tunable import Tunable, first_of
from tests.quantization.test_placement import placed
from tests.tuning.toys import MIN_MAX


class Blurred(nn.Module):
    """Latents ``[N, 6]`` to images ``[N, 1, 8, 8]``, blurred before the last convolution."""

    kernel: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.start = nn.Linear(6, 4 * 64)
        taps = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("kernel", torch.outer(taps, taps).expand(4, 1, 3, 3).clone())
        self.last = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.start(latent).unflatten(1, (4, 8, 8)))
        x = nn.functional.conv2d(x, self.kernel, padding=1, groups=4)
        image: torch.Tensor = self.last(x)
        return image


def _calibrated() -> tuple[nn.Module, Placed]:
    module = Blurred().eval().requires_grad_(False)
    result = placed(module, (6,), weight_bits=4, per_channel=True)
    calibrate(result, [(torch.randn(64, 6, generator=torch.Generator().manual_seed(1)),)], MIN_MAX)
    return module, result


def test_a_buffer_is_no_learned_weight() -> None:
    _, result = _calibrated()
    assert any(quantizer.parameter == "kernel" for quantizer in result.quantizers.values())
    tunable = Tunable(result, True)
    assert "kernel" not in tunable.weights
    assert len(list(tunable.weights.named())) == 4  # two weights, two biases
    apply_weights(result, tunable.tuned().weights)


@pytest.mark.parametrize("rounding", ["adaptive", "straight-through"])
def test_blocks_around_it_learn(tmp_path: Path, rounding: str) -> None:
    module, result = _calibrated()
    x = torch.randn(64, 6, generator=torch.Generator().manual_seed(7))
    kernel = dict(result.graph.named_buffers())["kernel"].clone()
    rate = None if rounding == "adaptive" else 3e-3
    section = ReconstructionSection.model_validate(
        {"rounding": rounding, "learning_rate": rate, "quantizer_rate": 3e-3}
    )

    def error() -> float:
        return float((first_of(result.graph(x)) - module(x)).square().mean())

    before = error()
    log = tmp_path / "log.jsonl"
    tuned = reconstruct(
        result, (x,), True, Effort(section, 150, 3), tmp_path, log, lambda *_: None
    ).tuned()
    apply_parameters(result, tuned.parameters)
    apply_weights(result, tuned.weights)
    assert error() < 0.8 * before
    assert torch.equal(dict(result.graph.named_buffers())["kernel"], kernel)
