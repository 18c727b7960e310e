"""Inception weights: found, checked, never unpickled; the network is pytorch-fid's own."""

from __future__ import annotations

import pickle
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from edgegan.cache import file_digest
from edgegan.errors import ModelError, UnavailableError
from edgegan.metrics import inception
from edgegan.metrics.features import find_feature_network


class Exploit:
    """What a hostile weights file holds."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('the file was executed')",))


def test_missing_weights_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEGAN_INCEPTION", str(tmp_path / "none.pth"))
    with pytest.raises(UnavailableError) as error:
        find_feature_network("inception", tmp_path)
    text = str(error.value)
    for part in (inception.FILE, "95628359 bytes", inception.SHA256, "EDGEGAN_INCEPTION"):
        assert part in text
    assert "\n" not in text


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"x")
    with pytest.raises(ModelError, match="SHA-256"):
        inception.load_inception(tmp_path / "w.pth")


@pytest.mark.parametrize("packed", [True, False])
def test_code_in_the_file_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """Even a file with the right checksum: nothing is unpickled that is not a tensor."""
    path = tmp_path / "w.pth"
    if packed:
        torch.save({"a": Exploit()}, path)
    else:
        path.write_bytes(pickle.dumps(Exploit()))
    monkeypatch.setattr(inception, "SHA256", file_digest(path))
    with pytest.raises(ModelError, match="is refused"):
        inception.load_inception(path)


@pytest.mark.slow
def test_the_network_is_pytorch_fids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """He-initialized weights in a file; features equal to pytorch-fid's on the same images."""
    from pytorch_fid import inception as theirs

    torch.manual_seed(0)
    bare: dict[str, torch.Tensor] = {}
    with (
        mock.patch.object(theirs, "load_state_dict_from_url", lambda *a, **k: bare),
        mock.patch.object(nn.Module, "load_state_dict", lambda *a, **k: None),
    ):
        skeleton = theirs.fid_inception_v3()
    for part in skeleton.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    path = tmp_path / "w.pth"
    torch.save(skeleton.state_dict(), path)
    monkeypatch.setattr(inception, "SHA256", file_digest(path))
    monkeypatch.setenv("EDGEGAN_INCEPTION", str(path))
    network = find_feature_network("inception", tmp_path)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 32, 32)).astype(np.float32)
    with mock.patch.object(theirs, "load_state_dict_from_url", lambda *a, **k: torch.load(path)):
        reference = theirs.InceptionV3([3]).eval()
    with torch.no_grad():
        expected = reference(torch.from_numpy((images + 1) / 2))[0].flatten(1).numpy()
    np.testing.assert_allclose(network.extract(images), expected, rtol=1e-5, atol=1e-6)
    assert expected.std() > 1e-3
