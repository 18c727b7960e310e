"""SqueezeNet 1.0, trained on ImageNet: a small feature network for colour pictures.

Iandola et al. 2016 (arXiv 1602.07360). The weights are those of the authors' Caffe model, so that the
input is blue, green, red from 0 to 255 minus ImageNet's mean, and pooling rounds up.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgegan.errors import DataError, UnavailableError

_MEAN = (104.0, 117.0, 123.0)
_NAMES = {"conv1x1_1": "squeeze", "conv1x1_2": "expand1x1", "conv3x3_2": "expand3x3"}
_FIRE = {2: 3, 3: 4, 4: 5, 5: 7, 6: 8, 7: 9, 8: 10, 9: 12}
"""Place of each fire module in torchvision's ``features``."""
_STAGES = (1, _FIRE[3], _FIRE[5], _FIRE[6], _FIRE[7], _FIRE[8], _FIRE[9])
"""Places that LPIPS compares; fire3 and fire5 stand where SqueezeNet 1.1 pools, as in its authors' code."""


class SqueezeNet(nn.Module):
    """Pictures to ImageNet's logits; nothing is resized.

    ``forward``: float32 ``[N, 3, H, W]`` (red, green, blue) in [-1, 1] to float32 ``[N, 1000]``;
    ``features``: the same to the mean of the last fire module, float32 ``[N, 512]``.
    """

    mean: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        try:
            from torchvision.models import squeezenet1_0
        except ImportError as error:
            raise UnavailableError(f"SqueezeNet needs torchvision ({error}).") from None
        self.network = squeezenet1_0(weights=None)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self._last_fire(images).mean((2, 3))
        return result

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network.classifier(self._last_fire(images))
        return logits.flatten(1)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Activations ``[N, C, H, W]`` that LPIPS compares: of the first layer and six fire modules."""
        found, x = [], self._input(images)
        for place, layer in enumerate(self.network.features):
            x = layer(x)
            if place in _STAGES:
                found.append(x)
        return found

    def _last_fire(self, images: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.network.features(self._input(images))
        return result

    def _input(self, images: torch.Tensor) -> torch.Tensor:
        return (images.flip(1) + 1.0) * 127.5 - self.mean


def state_from_arrays(arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, torch.Tensor]:
    """The state_dict of ``SqueezeNet`` from Caffe's names (``conv1``, ``fire2.conv1x1_1``, ...).

    Raises:
        DataError: if an array has another name.
    """
    state: dict[str, torch.Tensor] = {}
    for name, array in arrays.items():
        *module, kind = name.split(".")
        if module == ["conv1"]:
            target = "features.0"
        elif module == ["conv_final"]:
            target = "classifier.1"
        elif len(module) == 2 and module[1] in _NAMES and module[0][4:] in map(str, _FIRE):
            target = f"features.{_FIRE[int(module[0][4:])]}.{_NAMES[module[1]]}"
        else:
            raise DataError(
                f"{name!r} is no array of SqueezeNet 1.0; give the file of its weights."
            )
        state[f"network.{target}.{kind}"] = torch.from_numpy(np.asarray(array, np.float32))
    return state
