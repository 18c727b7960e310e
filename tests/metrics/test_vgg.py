"""VGG16: the layers that Kynkäänniemi et al. use, and weights that are checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("torchvision")

from edgegan.cache import file_digest
from edgegan.errors import ModelError, UnavailableError
from edgegan.metrics import vgg
from edgegan.metrics.features import find_feature_network


def test_missing_weights_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEGAN_VGG16", str(tmp_path / "none.pth"))
    with pytest.raises(UnavailableError) as error:
        find_feature_network("vgg16", tmp_path)
    text = str(error.value)
    for part in (vgg.WEIGHTS.name, "553433881 bytes", vgg.WEIGHTS.sha256, "EDGEGAN_VGG16"):
        assert part in text
    assert "\n" not in text


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.pth"
    torch.save({"features.0.weight": Path("no tensor")}, path)
    with pytest.raises(ModelError, match="SHA-256"):
        vgg.load_vgg16(path)
    monkeypatch.setattr(vgg, "WEIGHTS", replace(vgg.WEIGHTS, sha256=file_digest(path)))
    with pytest.raises(ModelError, match="is refused"):
        vgg.load_vgg16(path)


@pytest.mark.slow
def test_features_stages_and_logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import vgg16

    theirs = vgg16(weights=None).eval()
    path = tmp_path / "w.pth"
    torch.save(theirs.state_dict(), path)
    monkeypatch.setattr(vgg, "WEIGHTS", replace(vgg.WEIGHTS, sha256=file_digest(path)))
    monkeypatch.setenv("EDGEGAN_VGG16", str(path))
    network = find_feature_network("vgg16", tmp_path)
    assert network.description.resize == vgg.RESIZE
    images = np.random.default_rng(0).uniform(-1, 1, (1, 3, 224, 224)).astype(np.float32)
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[
        :, None, :, None, None
    ]
    normalized = torch.from_numpy((((images + 1) / 2 - mean) / deviation).astype(np.float32))
    seen: dict[str, torch.Tensor] = {}
    theirs.classifier[5].register_forward_pre_hook(lambda _, x: seen.update(fc2=x[0].clone()))
    pools = [layer for layer in theirs.features if isinstance(layer, torch.nn.MaxPool2d)]
    for number, pool in enumerate(pools):
        pool.register_forward_pre_hook(lambda _, x, n=number: seen.update({str(n): x[0].clone()}))
    with torch.no_grad():
        logits = theirs(normalized)
        stages = network.module.stages(torch.from_numpy(images))
    np.testing.assert_allclose(network.extract(images), seen["fc2"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(network.logits(images), logits, rtol=1e-4, atol=1e-6)
    assert len(stages) == len(pools) == 5
    for number, stage in enumerate(stages):
        torch.testing.assert_close(stage, seen[str(number)], rtol=1e-4, atol=1e-5)
