"""Strangers' generators export with their checks, or are refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

from edgegan.bundle import open_bundle
from edgegan.cache import StageCache
from edgegan.diagnosis.diagnose import diagnose_bundle
from edgegan.errors import ModelError
from edgegan.pipeline import ExportResult, export
from edgegan.recipe import load_recipe
from edgegan.runtimes.ort import OrtRuntime
from tests.machine import EXACT
from tests.strangers import generators

EXPORTABLE: dict[str, list[tuple[int, ...]]] = {
    "NestedBlocks": [(7,)],
    "Functional": [(6,)],
    "SequentialOnly": [(9,)],
    "SkipsAndOutputs": [(3, 10, 14)],
    "ConstantInput": [(5,)],
    "GroupsAndDilations": [(8, 5, 4)],
    "SpectralNorms": [(6, 4, 4)],
    "TwoInputs": [(8,), (4,)],
    "ReflectAndInstanceNorm": [(3, 12, 9)],
    "SharedAndWrapped": [(5, 3, 3)],
    "UnsupportedUpsampling": [(4, 6, 6)],
}
ISLANDS = {"ReflectAndInstanceNorm", "UnsupportedUpsampling", "TwoInputs", "ConstantInput"}
"""Float operators stand between their integer regions, so a step of difference may travel."""


def run(name: str, shapes: list[tuple[int, ...]], folder: Path, bits: int = 8) -> ExportResult:
    torch.manual_seed(0)
    module = getattr(generators, name)().train()
    inputs = [torch.randn(8, *shape) for shape in shapes]
    if name in EXPORTABLE:
        module(*inputs)  # batch norms and power iterations have seen something
    save_file({k: v.contiguous() for k, v in module.state_dict().items()}, folder / "w.safetensors")
    recipe = {
        "schema": "edgegan.recipe/1",
        "name": name,
        "generator": {
            "source": f"tests.strangers.generators:{name}",
            "weights": "w.safetensors",
            "inputs": [{"name": f"in{i}", "shape": list(s)} for i, s in enumerate(shapes)],
        },
        "calibration": {"samples": 40},
        "quantization": {"weight_bits": bits},
        "checks": {"parity_samples": 40, "latency_seconds": 0.01},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    loaded, base = load_recipe(str(folder / "recipe.yaml"))
    return export(loaded, base, folder / "bundle", StageCache(folder / "cache"))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTABLE)
def test_exports(name: str, tmp_path: Path) -> None:
    result = run(name, EXPORTABLE[name], tmp_path)
    values = {check.name: check.value for check in result.checks}
    assert values["lowering.relative_error"] <= 1e-5
    assert values["psnr_db"] >= 20
    assert values["int8.mac_share"] == 1.0
    if EXACT:
        assert values["parity.max_lsb"] <= (1 if name in ISLANDS else 0)
    bundle = open_bundle(tmp_path / "bundle")
    module = getattr(generators, name)()
    module.load_state_dict(load_file(tmp_path / "w.safetensors"))
    inputs = bundle.golden("golden/inputs.npz")
    reference = OrtRuntime().load(bundle.folder / "reference" / "float.onnx").run(inputs)
    with torch.no_grad():
        expected = module.eval()(*(torch.from_numpy(value) for value in inputs.values()))
    leaves = torch.utils._pytree.tree_leaves(expected)
    assert len(reference) == len(leaves)
    for value, leaf in zip(reference.values(), leaves, strict=True):
        np.testing.assert_allclose(value, leaf.numpy(), atol=2e-5)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Branching", ["forward() of Branching", "if x.mean() > 0", "Avoid branches"]),
        ("NestedBranch", ["layer inner.decide", "if z.sum() > 0", "Avoid branches"]),
        ("ThroughPython", ["batch size a constant", "do without tolist()"]),
    ],
)
def test_refusals_name_layer_and_remedy(name: str, parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        run(name, [(4,)], tmp_path)
    text = str(error.value)
    assert "\n" not in text and len(text) < 500
    assert "cannot be captured" in text
    assert all(part in text for part in parts), text
    assert not (tmp_path / "bundle").exists()


FEATURES = '''
import torch
from torch import nn


class Pool(nn.Module):
    """Pixels averaged over a grid: a feature network as a user might bring one."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(3 * 4, 6)

    def describe(self, images):
        return self.mix(nn.functional.adaptive_avg_pool2d(images, 2).flatten(1))
'''


@pytest.mark.slow
def test_pictures_in_and_ones_own_features(tmp_path: Path) -> None:
    """Image to image, calibrated on a folder of pictures, judged by the user's own network."""
    (tmp_path / "own_features.py").write_text(FEATURES)
    torch.manual_seed(0)
    save_file(
        {"mix.weight": torch.randn(6, 12), "mix.bias": torch.zeros(6)}, tmp_path / "f.safetensors"
    )
    save_file(generators.SkipsAndOutputs().state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 10, 14, 3)).astype(np.uint8)
    for index, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{index:03}.png")
    recipe = {
        "schema": "edgegan.recipe/1",
        "name": "photos",
        "generator": {
            "source": "tests.strangers.generators:SkipsAndOutputs",
            "weights": "w.safetensors",
            "inputs": [{"name": "photo", "shape": [3, 10, 14], "data": "photos"}],
        },
        "checks": {
            "latency_seconds": 0.01,
            "features": {
                "network": {
                    "source": "own_features:Pool",
                    "weights": "f.safetensors",
                    "method": "describe",
                },
                "dimensions": 6,
                "channels": 3,
                "size": [10, 14],
            },
        },
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    loaded, base = load_recipe(str(tmp_path / "recipe.yaml"))
    result = export(loaded, base, tmp_path / "bundle", StageCache(tmp_path / "cache"))
    checks = {check.name: check for check in result.checks}
    assert checks["parity.max_lsb"].value == 0 or not EXACT
    assert "30 samples" in checks["qfid"].detail and "own_features:Pool" in checks["qfid"].detail
    assert 0 < checks["qfid"].value < 1
    assert "fid.float" not in checks
    assert diagnose_bundle(open_bundle(tmp_path / "bundle"), 64).samples == 16
