"""The Inception network of the standard FID, through pytorch-fid, without unpickling foreign code.

pytorch-fid unpickles whatever its download brings. Here the SHA-256 of the file is checked, it is loaded
with ``weights_only=True``, and then fills pytorch-fid's module. Images are resized to 299x299 by the
network itself (bilinear, as pytorch-fid does).
"""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import torch
from torch import nn

from edgegan.errors import UnavailableError
from edgegan.metrics.weights_file import WeightsFile

_FILE = "pt_inception-2015-12-05-6726825d.pth"
WEIGHTS = WeightsFile(
    title="Inception",
    name=_FILE,
    url=f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{_FILE}",
    bytes=95_628_359,
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    variable="EDGEGAN_INCEPTION",
)
DIMENSIONS = 2048
RESIZE = "bilinear to 299x299, in the network, as pytorch-fid does"


class Inception(nn.Module):
    """Pictures to the logits of ImageNet's classes.

    ``forward``: float32 ``[N, 3, H, W]`` in [-1, 1] to float32 ``[N, 1008]``, without their bias, as in the
    first Inception Score and torch-fidelity's; ``features``: the same to pool features ``[N, 2048]``.
    """

    def __init__(self, network: nn.Module, classify: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("classify", classify)
        self.classify: torch.Tensor

    def features(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network((images + 1.0) / 2.0)[0]
        return features.flatten(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.features(images) @ self.classify.T


def load_inception(given: Path | None = None) -> Inception:
    """Fill pytorch-fid's network from ``given``, or where ``WeightsFile.path`` finds the weights.

    Raises:
        UnavailableError: if they cannot be had, or pytorch-fid is not installed.
        ModelError: if the file is another one, or holds anything but tensors.
    """
    state = WEIGHTS.load(given)
    try:
        from pytorch_fid import inception
    except ImportError as error:
        raise UnavailableError(f"Inception features need pytorch-fid ({error}).") from None
    with mock.patch.object(inception, "load_state_dict_from_url", lambda *a, **k: state):
        network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[DIMENSIONS]])
    return Inception(network, state["fc.weight"]).eval().requires_grad_(False)
