"""Parity where an engine rounds within a kernel, where nothing can be read: ties may fall either way."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from edgegan.checks import parity as under_test
from edgegan.checks.parity import Parity, measure_parity
from edgegan.runtimes.base import Tensors
from edgegan.runtimes.openvino import OpenVinoRuntime
from edgegan.simulation.exact import simulate
from edgegan.simulation.processors import OPENVINO
from edgegan.targets import SYMMETRIC_8
from tests.emitted import emitted

HIDDEN = "layer_quantized"


class Rest(nn.Module):
    """What a layer leaves of its input: little, so that one step of the layer's is many of the sum's."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(4, 4, 1, bias=False)
        with torch.no_grad():
            self.layer.weight.mul_(0.02)
            self.layer.weight -= 0.97 * torch.eye(4)[:, :, None, None]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rest: torch.Tensor = x + self.layer(x)
        return rest


def parity_of(nudge: float, monkeypatch: pytest.MonkeyPatch) -> tuple[Parity, int, str]:
    """Of an engine that adds ``nudge`` steps before the hidden rounding; how far which tensor is off."""
    model = emitted(Rest(), (4, 12, 12), grid=SYMMETRIC_8)
    (total,) = model.placed.quantizers.keys() - {
        "x",
        "layer",
        "layer_weight",
    }  # PyTorch names the sum
    shown = f"{total}_quantized"
    graph, names = model.placed.graph, ["x_quantized", shown]
    inputs = model.inputs(64)

    def run(batch: Tensors) -> dict[str, NDArray[np.float64]]:
        tensors = tuple(torch.from_numpy(value) for value in batch.values())
        found = simulate(graph, tensors, OPENVINO, nudged={HIDDEN: nudge}).integers
        return {name: found[name].numpy() for name in names}

    engine = SimpleNamespace(
        execution=SimpleNamespace(unrounded=frozenset(), fused=frozenset({HIDDEN})),
        names=names,
        as_shipped=True,
        read=run,
    )
    monkeypatch.setattr(under_test, "TappedEngine", lambda *_: engine)
    plain = simulate(graph, tuple(torch.from_numpy(x) for x in inputs.values()), OPENVINO).integers
    off = int(np.abs(run(inputs)[shown] - plain[shown].numpy()).max())
    return measure_parity(Path(), graph, inputs, OpenVinoRuntime(), OPENVINO), off, shown


@pytest.mark.parametrize("nudge", [2.0**-13, -(2.0**-13)])
def test_a_tie_may_be_rounded_to_either_side(nudge: float, monkeypatch: pytest.MonkeyPatch) -> None:
    parity, off, _ = parity_of(nudge, monkeypatch)
    assert off > 5
    assert parity.max_lsb == 0
    assert parity.end_to_end_lsb == off


@pytest.mark.parametrize("nudge", [2.0**-6, -(2.0**-6)])
def test_what_is_no_tie_may_not(nudge: float, monkeypatch: pytest.MonkeyPatch) -> None:
    parity, off, shown = parity_of(nudge, monkeypatch)
    assert parity.max_lsb == off > 5
    assert parity.first_difference == shown
