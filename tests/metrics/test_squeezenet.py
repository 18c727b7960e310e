"""SqueezeNet: Caffe's names, Caffe's input."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("torchvision")

from edgegan.errors import DataError
from edgegan.metrics.squeezenet import SqueezeNet, state_from_arrays

TO_CAFFE = {"squeeze": "conv1x1_1", "expand1x1": "conv1x1_2", "expand3x3": "conv3x3_2"}


def arrays(network: SqueezeNet) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    """The network's own weights under Caffe's names, counted off in the order of its layers."""
    fires: dict[str, int] = {}
    result = {}
    for name, value in network.state_dict().items():
        _, group, place, *part, kind = name.split(".")
        if group == "classifier":
            module = "conv_final"
        elif not part:
            module = "conv1"
        else:
            module = f"fire{fires.setdefault(place, len(fires) + 2)}.{TO_CAFFE[part[0]]}"
        result[f"{module}.{kind}"] = value.numpy()
    return result


def test_every_array_finds_its_layer() -> None:
    network = SqueezeNet()
    state = state_from_arrays(arrays(network))
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["fire1.conv1x1_1.weight", "fire2.conv.weight", "conv2.bias"])
def test_unknown_arrays(name: str) -> None:
    with pytest.raises(DataError, match="no array of SqueezeNet"):
        state_from_arrays({name: np.zeros(1, np.float32)})


def test_the_input_is_blue_green_red_around_the_mean() -> None:
    network = SqueezeNet().eval()
    seen = []
    network.network.features[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.tensor([1.0, 0.0, -1.0])[None, :, None, None].expand(1, 3, 64, 64)
    with torch.no_grad():
        features, logits = network.features(image), network(image)
    assert (features.shape, logits.shape) == ((1, 512), (1, 1000))
    expected = torch.tensor([0.0 - 104, 127.5 - 117, 255 - 123])
    torch.testing.assert_close(seen[0][0, :, 5, 5], expected)
