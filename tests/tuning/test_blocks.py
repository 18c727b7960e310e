"""Blocks: where they end, and that together they are the graph."""

from __future__ import annotations

import torch

from edgegan.tuning.blocks import extract, find_blocks
from edgegan.tuning.reconstruct import without_quantizers
from edgegan.tuning.tunable import first_of
from tests.tuning.toys import calibrated


def test_blocks_are_layers_with_their_activation_and_residual_sums() -> None:
    _, placed = calibrated()
    blocks = find_blocks(placed.graph)
    assert [len(block.outputs) for block in blocks] == [1] * len(blocks)
    ends = [block.name for block in blocks]
    assert ends == ["1", "3", "6", "8"]  # ReLU, the residual block, LeakyReLU, tanh


def test_blocks_in_turn_are_the_graph() -> None:
    _, placed = calibrated()
    x = torch.randn(5, 6)
    blocks = find_blocks(placed.graph)
    known = {blocks[0].inputs[0]: x}
    for block in blocks:
        part = extract(placed.graph, block.inputs, block.outputs)
        found = part(*(known[name] for name in block.inputs))
        known |= dict(zip(block.outputs, found, strict=True))
    expected = first_of(placed.graph(x))
    assert torch.equal(list(known.values())[-1], expected)


def test_without_quantizers_the_graph_is_the_generator() -> None:
    module, placed = calibrated()
    x = torch.randn(5, 6)
    plain = without_quantizers(placed.graph)
    torch.testing.assert_close(first_of(plain(x)), module(x), rtol=1e-5, atol=1e-6)
    assert [n.name for n in plain.graph.nodes] == [n.name for n in placed.graph.graph.nodes]
