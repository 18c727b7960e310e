"""The Inception network of the standard FID, through pytorch-fid, without unpickling foreign code.

pytorch-fid downloads its weights on first use and unpickles whatever arrives. Here the file has to be
there already, its SHA-256 is checked, it is loaded with ``weights_only=True``, and then fills
pytorch-fid's module. Images are resized to 299x299 by the network itself (bilinear, as pytorch-fid does).
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from unittest import mock

import torch
from torch import nn

from edgegan.cache import file_digest
from edgegan.errors import ModelError, UnavailableError
from edgegan.generators.load import load_tensors

FILE = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
BYTES = 95_628_359
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
DIMENSIONS = 2048
RESIZE = "bilinear to 299x299, in the network, as pytorch-fid does"


class Inception(nn.Module):
    """Images float32 ``[N, 3, H, W]`` in [-1, 1] to pool features ``[N, 2048]``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network((images + 1.0) / 2.0)[0]
        return features.flatten(1)


def weights_path() -> Path:
    """``$EDGEGAN_INCEPTION``, or where pytorch-fid itself keeps the file."""
    given = os.environ.get("EDGEGAN_INCEPTION")
    return Path(given) if given else Path(torch.hub.get_dir()) / "checkpoints" / FILE


def load_inception(path: Path) -> Inception:
    """Check the file and fill pytorch-fid's network with it.

    Raises:
        UnavailableError: if the file is not there, or pytorch-fid is not installed.
        ModelError: if the file is another one, or holds anything but tensors.
    """
    if not path.is_file():
        raise UnavailableError(
            f"the Inception weights are not at {path}: fetch {URL} ({BYTES} bytes, SHA-256 {SHA256}) and "
            "put the file there, or its path into EDGEGAN_INCEPTION; without it, use the data set's own "
            "feature network."
        )
    if file_digest(path) != SHA256:
        raise ModelError(
            f"{path} is not {FILE}: its SHA-256 is not {SHA256}; fetch it again from {URL}."
        )
    try:
        state = load_tensors(path)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError(f"{path} is refused: it holds more than tensors ({error}).") from None
    try:
        from pytorch_fid import inception
    except ImportError as error:
        raise UnavailableError(f"Inception features need pytorch-fid ({error}).") from None
    with mock.patch.object(inception, "load_state_dict_from_url", lambda *a, **k: state):
        network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[DIMENSIONS]])
    return Inception(network).eval().requires_grad_(False)
