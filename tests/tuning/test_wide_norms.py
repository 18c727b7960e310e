"""Styled norms learn in bfloat16, as StyleGAN's do."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from edgegan.lowering.graph import is_call
from edgegan.quantization.calibrate import calibrate
from edgegan.quantization.observers import Quantiles
from edgegan.training.loop import Schedule, train
from edgegan.tuning.distillation import DistillationTask
from edgegan.tuning.examples import Examples
from edgegan.tuning.range_tracking import RangeTracker
from edgegan.tuning.sections import DistillationSection
from edgegan.tuning.tunable import Tunable, first_of
from edgegan.tuning.wide_norms import widen_norms
from tests.quantization.test_placement import placed
from tests.tuning.toys import MIN_MAX

aten = torch.ops.aten


class Styled(nn.Module):
    """Latents ``[N, 6]`` to images ``[N, 1, 8, 8]``, through noise and one adaptive instance norm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.start = nn.Linear(6, 4 * 64)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.noise = nn.Parameter(torch.randn(1, 1, 8, 8))
        self.style = nn.Linear(6, 8)
        self.last = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        x = self.conv(self.start(latent).unflatten(1, (4, 8, 8))) + self.noise
        gain, shift = self.style(latent).view(-1, 8, 1, 1).chunk(2, 1)
        image: torch.Tensor = self.last(F.instance_norm(x) * (gain + 1) + shift)
        return image


def test_styled_norms_learn_in_half_precision(tmp_path: Path) -> None:
    module = Styled().eval().requires_grad_(False)
    result = placed(module, (6,), weight_bits=4, per_channel=True)
    calibrate(result, [(torch.randn(64, 6),)], MIN_MAX)
    (norm,) = (n for n in result.graph.graph.nodes if is_call(n, aten.instance_norm.default))
    assert norm.args[1] is not None, "the norm takes the style along"
    section = DistillationSection.model_validate(
        {"loss": {"pixel": 1.0, "content": 0.0}, "learning_rate": 1e-3, "observe": 0.5}
    )
    tunable = Tunable(result, True)
    x = torch.randn(64, 6)
    widened = copy.deepcopy(result.graph)
    widen_norms(widened)
    with torch.no_grad():
        assert torch.equal(first_of(widened(x)), first_of(result.graph(x))), "float32 stays"
        before = float((tunable(x) - module(x)).square().mean())
    tracker = RangeTracker(tunable, MIN_MAX, Quantiles(0, 1), 0.9)
    task = DistillationTask(tunable, section, None, None, (), tracker)
    schedule = Schedule(15, 16, precision="bfloat16")
    train(task, Examples((x,), module(x)), schedule, tmp_path / "c", tmp_path / "l", lambda _: None)
    with torch.no_grad():
        assert float((tunable(x) - module(x)).square().mean()) < 0.8 * before
