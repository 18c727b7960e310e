"""Which channels are chosen, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.compression.removal import remove_channels
from edgegan.compression.sections import PruningSection
from edgegan.compression.selection import choose, parameters_left
from edgegan.errors import ModelError
from tests.compression.families import prepared


def test_coupled_layers_are_ranked_together() -> None:
    """A residual stream: of all layers that make its channels, each relative to its mean."""
    graph, channels, _ = prepared("cyclegan")
    kept = choose(graph, channels, PruningSection(ratio=0.5, layers=("model.7",)))
    weights = {name: value.numpy() for name, value in graph.state_dict().items()}
    sums = [np.abs(weights[f"model.{name}.weight"]).sum((1, 2, 3)) for name in ("7", "10.body.5")]
    score = sum(total / total.mean() for total in sums)
    assert kept == {"model.7": tuple(sorted(np.argsort(-score)[:7].tolist()))}


def test_slimming_takes_the_smallest_gains() -> None:
    graph, channels, _ = prepared("dcgan")
    kept = choose(
        graph, channels, PruningSection(method="slimming", ratio=0.25, layers=("main.0",))
    )
    gains = graph.state_dict()["main.1.weight"].abs().numpy()
    assert kept == {"main.0": tuple(sorted(np.argsort(-gains)[:5].tolist()))}


@pytest.mark.parametrize("family", ["unet", "sagan-residual", "tinygan"])
def test_parameters_are_counted_without_removing(family: str) -> None:
    graph, channels, example = prepared(family)
    kept = choose(graph, channels, PruningSection(ratio=0.4, multiple=2))
    smaller = remove_channels(graph, channels, kept, example)
    found = parameters_left(graph, channels, kept)
    assert found == sum(value.numel() for value in smaller.parameters())
    assert all(len(places) % 2 == 0 for places in kept.values())


def test_norms_without_gains_are_no_choice() -> None:
    graph, channels, _ = prepared("cyclegan")
    with pytest.raises(ModelError, match="this generator's norms have none; use l1"):
        choose(graph, channels, PruningSection(method="slimming", ratio=0.5))
