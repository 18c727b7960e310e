"""An Inception of random weights, taken for the right one by us and by pytorch-fid alike.

The weights that every FID is made with need a download. Both paths from folders of pictures to a number
can be held against each other without: under He-initialized convolutions features differ from picture to
picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
from pytorch_fid import inception as theirs
from torch import nn

from edgegan.cache import file_digest
from edgegan.metrics import inception


@contextmanager
def random_inception(path: Path, seed: int = 0) -> Iterator[Path]:
    """Write weights to ``path``; inside, both tools load them in place of the published ones."""
    torch.manual_seed(seed)
    bare: dict[str, torch.Tensor] = {}
    with (
        mock.patch.object(theirs, "load_state_dict_from_url", lambda *a, **k: bare),
        mock.patch.object(nn.Module, "load_state_dict", lambda *a, **k: None),
    ):
        skeleton = theirs.fid_inception_v3()
    for part in skeleton.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    torch.save(skeleton.state_dict(), path)
    known = replace(inception.WEIGHTS, sha256=file_digest(path))
    with (
        mock.patch.object(inception, "WEIGHTS", known),
        mock.patch.dict("os.environ", {known.variable: str(path)}),
        mock.patch.object(theirs, "load_state_dict_from_url", lambda *a, **k: torch.load(path)),
    ):
        yield path
