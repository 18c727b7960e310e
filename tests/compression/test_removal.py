"""Removal equals masking, for every family and any masks; what cannot be removed is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import fx, nn

from edgegan.compression.channels import Kept, find_channels, simplified
from edgegan.compression.removal import TOLERANCE, mask_channels, remove_channels
from edgegan.errors import ModelError
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import relative_error
from tests.compression.families import FAMILIES, prepared

aten = torch.ops.aten


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_the_smaller_graph_equals_the_masked_one(family: str, data: st.DataObject) -> None:
    graph, channels, example = prepared(family)
    kept: Kept = {}
    for group in data.draw(st.lists(st.sampled_from(channels.groups), min_size=1, unique_by=id)):
        places = st.sets(st.integers(0, len(group.ids) - 1), min_size=1)
        kept[group.name] = tuple(sorted(data.draw(places)))
    masked = mask_channels(graph, channels, kept)
    smaller = remove_channels(graph, channels, kept, example)
    other = tuple(torch.cat([value, value[:1]]) for value in example)
    assert relative_error(masked, smaller, example) <= TOLERANCE
    assert relative_error(masked, smaller, other) <= TOLERANCE
    narrower = any(len(kept[g.name]) < len(g.ids) for g in channels.groups if g.name in kept)
    assert (_size(smaller) < _size(graph)) == narrower


@pytest.mark.parametrize("family", FAMILIES)
def test_half_of_every_group_can_go(family: str) -> None:
    """A smaller file and another picture: the masks of the property test are none of nothing."""
    graph, channels, example = prepared(family)
    kept = {g.name: tuple(range(len(g.ids) // 2)) for g in channels.groups}
    smaller = remove_channels(graph, channels, kept, example)
    assert _size(smaller) < 0.62 * _size(graph)
    assert relative_error(graph, smaller, example) > 1e-3


def test_rows_columns_and_what_is_between() -> None:
    """Linear, view, batch norm, ReLU, convolution: each tensor as numpy cuts it."""
    torch.manual_seed(1)
    module = nn.Sequential(
        nn.Linear(3, 4 * 2), nn.Unflatten(1, (4, 1, 2)), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 2, 1),
    ).eval()  # fmt: skip
    example = (torch.randn(2, 3),)
    graph = simplified(capture(module, example), example)
    channels = find_channels(graph)
    assert [(group.name, len(group.ids)) for group in channels.groups] == [("0", 4)]
    smaller = remove_channels(graph, channels, {"0": (1, 3)}, example)
    found = {name: value.detach().numpy() for name, value in smaller.state_dict().items()}
    own = {name: value.numpy() for name, value in module.state_dict().items()}
    np.testing.assert_array_equal(found["0.weight"], own["0.weight"][[2, 3, 6, 7]])
    np.testing.assert_array_equal(found["0.bias"], own["0.bias"][[2, 3, 6, 7]])
    np.testing.assert_array_equal(found["2.running_var"], own["2.running_var"][[1, 3]])
    np.testing.assert_array_equal(found["4.weight"], own["4.weight"][:, [1, 3]])
    np.testing.assert_array_equal(found["4.bias"], own["4.bias"])
    assert module[0].weight.shape == (8, 3), "the user's module is left as it is"


def test_depthwise_convolutions_lose_groups() -> None:
    graph, channels, example = prepared("tinygan")
    kept = {"blocks.0.conv1.1": (0, 2, 5)}
    smaller = remove_channels(graph, channels, kept, example)
    groups = [n.args[6] for n in _convolutions(smaller) if len(n.args) > 6]
    assert sorted(groups) == sorted([3 if g == 8 and i == 1 else g for i, g in _depthwise(graph)])


def _depthwise(graph: fx.GraphModule) -> list[tuple[int, int]]:
    return list(enumerate(int(n.args[6]) for n in _convolutions(graph) if len(n.args) > 6))  # type: ignore[arg-type]


def _convolutions(graph: fx.GraphModule) -> list[fx.Node]:
    return [node for node in graph.graph.nodes if node.target is aten.conv2d.default]


class _Whole(nn.Module):
    """Layers whose channels are not known to be separable, around one that is."""

    def __init__(self, between: nn.Module) -> None:
        super().__init__()
        self.first, self.between = nn.Conv2d(1, 4, 1), between
        self.inner, self.last = nn.Conv2d(4, 6, 1), nn.Conv2d(6, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.last(torch.relu(self.inner(self.between(self.first(x)))))
        return image


@pytest.mark.parametrize(
    "between",
    [
        nn.GroupNorm(2, 4),
        nn.Softmax(1),
        nn.Conv2d(4, 4, 1, groups=2),
        nn.Sequential(nn.Flatten(0, 1), nn.Unflatten(0, (-1, 4))),
        nn.Upsample(scale_factor=2, mode="nearest"),
    ],
    ids=lambda module: type(module).__name__,
)
def test_what_mixes_channels_keeps_them(between: nn.Module) -> None:
    example = (torch.randn(2, 1, 3, 3),)
    graph = simplified(capture(_Whole(between), example), example)
    channels = find_channels(graph)
    names = [group.name for group in channels.groups]
    assert names == (["first", "inner"] if isinstance(between, nn.Upsample) else ["inner"])
    kept = dict.fromkeys(names, (0, 2))
    masked = mask_channels(graph, channels, kept)
    assert relative_error(masked, remove_channels(graph, channels, kept, example), example) <= 1e-6


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"main.9": (0,)}, "main.9.*one of: main.0"),
        ({"main.0": ()}, "at least one"),
        ({"main.0": (2, 1)}, "ascending numbers from 0 to 7"),
        ({"main.0": (0, 8)}, "ascending numbers from 0 to 7"),
    ],
)
def test_what_does_not_fit_is_refused(kept: Kept, said: str) -> None:
    graph, channels, example = prepared("dcgan")
    with pytest.raises(ModelError, match=said):
        remove_channels(graph, channels, kept, example)


def _size(graph: fx.GraphModule) -> int:
    return sum(value.numel() for value in graph.state_dict().values())
