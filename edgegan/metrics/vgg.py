"""VGG16, trained on ImageNet: the feature network of improved precision and recall.

Simonyan and Zisserman 2014 (arXiv 1409.1556), torchvision's weights. As Kynkäänniemi et al. 2019 use
it: the activations of the second fully connected layer, of images resized to 224x224.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import interpolate

from edgegan.errors import UnavailableError
from edgegan.metrics.weights_file import WeightsFile

_FILE = "vgg16-397923af.pth"
WEIGHTS = WeightsFile(
    title="VGG16",
    name=_FILE,
    url=f"https://download.pytorch.org/models/{_FILE}",
    bytes=553_433_881,
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    variable="EDGEGAN_VGG16",
)
DIMENSIONS = 4096
RESIZE = "bilinear to 224x224 with antialiasing, in the network"

_SIDE = 224
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_STAGES = (3, 8, 15, 22, 29)
"""Last ReLU before each pooling, in torchvision's ``features``."""


class VGG16(nn.Module):
    """Pictures to ImageNet's logits.

    ``forward``: float32 ``[N, 3, H, W]`` (red, green, blue) in [-1, 1] to float32 ``[N, 1000]``;
    ``features``: the same to float32 ``[N, 4096]``; both resize. ``stages``: the same to the activations
    before each pooling, which LPIPS compares; nothing is resized.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        try:
            from torchvision.models import vgg16
        except ImportError as error:
            raise UnavailableError(f"VGG16 needs torchvision ({error}).") from None
        self.network = vgg16(weights=None)
        for name, values in (("mean", _MEAN), ("deviation", _DEVIATION)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        size = (_SIDE, _SIDE)
        resized = interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
        maps = self.network.avgpool(self.network.features(self._normalized(resized)))
        result: torch.Tensor = self.network.classifier[:5](maps.flatten(1))  # to the second ReLU
        return result

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network.classifier[5:](self.features(images))
        return logits

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        found, x = [], self._normalized(images)
        for place, layer in enumerate(self.network.features[: _STAGES[-1] + 1]):
            x = layer(x)
            if place in _STAGES:
                found.append(x)
        return found

    def _normalized(self, images: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = ((images + 1.0) / 2.0 - self.mean) / self.deviation
        return result


def load_vgg16(given: Path | None = None) -> VGG16:
    """Fill the network from ``given``, or where ``WeightsFile.path`` finds the weights.

    Raises:
        UnavailableError: if they cannot be had, or torchvision is not installed.
        ModelError: if the file is another one, or holds anything but tensors.
    """
    module = VGG16()
    module.network.load_state_dict(WEIGHTS.load(given))
    return module.eval().requires_grad_(False)
