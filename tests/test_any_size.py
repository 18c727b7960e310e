"""Generators that take pictures of any size: exact, integer and right on sizes never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import nn

from edgegan.cache import StageCache
from edgegan.errors import ModelError, RecipeError, UsageError
from edgegan.generators.load import build_module
from edgegan.lowering.capture import capture, check_any_size
from edgegan.pipeline import ExportResult, export
from edgegan.recipe import load_recipe, resolve
from edgegan.runtimes.base import first_output
from edgegan.runtimes.ort import OrtRuntime
from tests.machine import requires_exact_cpu

NETS: dict[str, tuple[str, dict[str, Any], int]] = {
    "cyclegan": ("edgegan.generators.cyclegan:Generator", {"width": 8, "blocks": 1}, 4),
    "srgan": ("edgegan.generators.srgan:Generator", {"width": 8, "blocks": 1}, 1),
    "unet": ("edgegan.generators.unet:Generator", {"channels": [8, 16, 16, 16], "dropped": 1}, 16),
}


def recipe(folder: Path, name: str, **more: Any) -> Path:
    source, arguments, multiple = NETS[name]
    torch.manual_seed(0)
    module = build_module(source, arguments)
    with torch.no_grad():
        for _ in range(3):
            module.train()(torch.rand(4, 3, 32, 32) * 2 - 1)
    save_file(module.state_dict(), folder / "weights.safetensors")
    document = {
        "schema": "edgegan.recipe/1",
        "name": name,
        "generator": {
            "source": source,
            "arguments": arguments,
            "weights": "weights.safetensors",
            "inputs": [{"name": "picture", "shape": [3, 32, 32], "law": "uniform"}],
        },
        "size_multiple": multiple,
        "calibration": {"samples": 16, "observer": "min-max"},
        "checks": {"parity_samples": 2, "samples": 2, "latency_seconds": 0.01},
    } | more
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def exported(folder: Path, name: str) -> ExportResult:
    loaded, base = load_recipe(str(recipe(folder, name)))
    return export(loaded, base, folder / "bundle", StageCache(folder / "cache"))


@requires_exact_cpu
@pytest.mark.slow
@pytest.mark.parametrize("name", ["srgan", "unet", "cyclegan"])
def test_one_model_for_all_sizes(tmp_path: Path, name: str) -> None:
    result = exported(tmp_path, name)
    checks = {check.name: check.value for check in result.checks}
    assert checks["lowering.relative_error"] <= 1e-5
    assert checks["parity.integer_lsb" if name == "cyclegan" else "parity.max_lsb"] == 0
    assert checks["int8.mac_share"] == 1.0
    engine = OrtRuntime().load(result.bundle / "model.onnx")
    original = OrtRuntime().load(result.bundle / "reference" / "float.onnx")
    multiple = NETS[name][2]
    for height, width in ((32, 32), (32 + multiple, 32), (48, 64), (16 * 4, 16 * 3)):
        generator = np.random.default_rng(0)
        x = generator.uniform(-1, 1, (2, 3, height, width)).astype(np.float32)
        images = [first_output(each.run({"picture": x})) for each in (engine, original)]
        assert images[0].shape == images[1].shape
        noise = np.square(images[0] - images[1]).mean()
        assert 10 * np.log10(np.square(images[1]).mean() / noise) > 15  # decibels


class Baked(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(x[:, :, ::2, ::2], size=(int(x.shape[2]), int(x.shape[3])))


class Even(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + nn.functional.interpolate(
            x[:, :, : x.shape[2] // 2 * 2 : 2, ::2], scale_factor=2
        )


def test_a_size_taken_for_a_constant_is_refused() -> None:
    graph = capture(Baked(), (torch.rand(2, 3, 8, 8),))
    with pytest.raises(ModelError, match=r"takes the pictures' size for a constant.*12x16"):
        check_any_size(Baked(), graph, (torch.rand(2, 3, 12, 16),))


def test_a_size_that_the_generator_cannot_take_is_refused() -> None:
    graph = capture(Even(), (torch.rand(2, 3, 8, 8),))
    with pytest.raises(ModelError, match=r"fails on pictures of 9x10.*Raise size_multiple"):
        check_any_size(Even(), graph, (torch.rand(2, 3, 9, 10),))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"size_multiple": 5}, "no multiples of 5"),
        ({"targets": ["tensorrt-rtx"]}, "builds engines for fixed sizes"),
        ({"quantization": {"weight_bits": 4, "weight_site": "kernel"}}, "needs fixed sizes"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises((RecipeError, UsageError), match=sentence):
        resolve(*load_recipe(str(recipe(tmp_path, "cyclegan", **more))))
