"""Inception weights: found, checked, never unpickled; the network is pytorch-fid's own."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_fid import inception as theirs
from pytorch_fid.fid_score import calculate_fid_given_paths

from benchmarks.random_inception import random_inception
from edgegan.cache import file_digest
from edgegan.errors import ModelError, UnavailableError
from edgegan.metrics import inception
from edgegan.metrics.extractor import collect_features
from edgegan.metrics.features import find_feature_network, split_batches
from edgegan.metrics.fid import frechet_feature_distance


class Exploit:
    """What a hostile weights file holds."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('the file was executed')",))


def test_missing_weights_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEGAN_INCEPTION", str(tmp_path / "none.pth"))
    with pytest.raises(UnavailableError) as error:
        find_feature_network("inception", tmp_path)
    text = str(error.value)
    for part in (
        inception.WEIGHTS.name,
        "95628359 bytes",
        inception.WEIGHTS.sha256,
        "EDGEGAN_INCEPTION",
    ):
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
    monkeypatch.setattr(inception, "WEIGHTS", replace(inception.WEIGHTS, sha256=file_digest(path)))
    with pytest.raises(ModelError, match="is refused"):
        inception.load_inception(path)


@pytest.fixture
def he_initialized(tmp_path: Path) -> Iterator[Path]:
    """Weights under which features differ, taken for the right ones here and by pytorch-fid."""
    with random_inception(tmp_path / "w.pth") as path:
        yield path


@pytest.mark.slow
def test_the_network_is_pytorch_fids(he_initialized: Path) -> None:
    network = find_feature_network("inception", he_initialized.parent)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 32, 32)).astype(np.float32)
    reference = theirs.InceptionV3([3]).eval()
    with torch.no_grad():
        expected = reference(torch.from_numpy((images + 1) / 2))[0].flatten(1).numpy()
    np.testing.assert_allclose(network.extract(images), expected, rtol=1e-5, atol=1e-6)
    classify = torch.load(he_initialized)["fc.weight"].numpy()
    np.testing.assert_allclose(network.logits(images), expected @ classify.T, rtol=1e-4, atol=1e-5)
    assert expected.std() > 1e-3


@pytest.mark.slow
def test_the_whole_path_is_pytorch_fids(he_initialized: Path, tmp_path: Path) -> None:
    """From folders of pictures to one number."""
    network = find_feature_network("inception", he_initialized.parent)
    random = np.random.default_rng(0)
    folders, features = [], []
    for number in range(2):
        pixels = random.integers(0, 256 - 60 * number, (12, 32, 32, 3), np.uint8)
        folder = tmp_path / str(number)
        folder.mkdir()
        for index, picture in enumerate(pixels):
            Image.fromarray(picture).save(folder / f"{index}.png")
        images = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        folders.append(str(folder))
        features.append(collect_features(network, split_batches(images, 5)))
    expected = calculate_fid_given_paths(folders, 4, torch.device("cpu"), 2048, num_workers=0)
    assert frechet_feature_distance(*features) == pytest.approx(float(expected), rel=1e-3)
    assert expected > 1e-3
