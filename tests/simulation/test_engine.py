from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from edgegan.simulation import engine, portions
from edgegan.simulation.engine import SimulatedEngine
from edgegan.simulation.exact import simulate
from edgegan.simulation.processors import BY_DEFINITION
from tests.tuning.toys import calibrated


@pytest.mark.parametrize("held", [1, 4000, 10**9])
def test_portions_give_the_images_of_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    """Integers are kept of a few images at a time, whatever the batch."""
    graph = calibrated()[1].graph
    latents = torch.randn(20, 6, generator=torch.Generator().manual_seed(4))
    whole = simulate(graph, (latents,), BY_DEFINITION)
    each = sum(value[0].nbytes for value in whole.integers.values())
    sizes: list[int] = []

    def counted(graph: Any, inputs: tuple[torch.Tensor, ...], arithmetic: Any) -> Any:
        sizes.append(len(inputs[0]))
        return simulate(graph, inputs, arithmetic)

    monkeypatch.setattr(portions, "HELD", held)
    monkeypatch.setattr(engine, "simulate", counted)
    found = SimulatedEngine(graph, "image", BY_DEFINITION).run({"z": latents.numpy()})
    assert np.array_equal(found["image"], whole.output.numpy())
    assert sum(sizes) == 20
    assert max(sizes) <= max(1, held // each)
    assert len(sizes) == {1: 20, 10**9: 2}.get(held, len(sizes))
