"""Generators to time, as workbenches: shipped ones, and larger ones whose weights do not matter.

Latency does not depend on what the weights are, so a DCGAN-64 and an upsample-convolution-64 have
random weights with batch-norm statistics of their own activations.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from edgegan.generators.load import build_module
from edgegan.recipe import Recipe, load_recipe, resolve
from edgegan.schema import validate
from edgegan.stages import Workbench
from edgegan.targets import find_target

SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "dcgan-64": (
        "edgegan.generators.dcgan:Generator",
        {"latent_size": 100, "channels": [512, 256, 128, 64], "image_channels": 3},
    ),
    "upsample-convolution-64": (
        "edgegan.generators.upsample:Generator",
        {"latent_size": 100, "channels": [512, 256, 128, 64, 64], "image_channels": 3},
    ),
}


def shipped(name: str, *overrides: str) -> Workbench:
    """Workbench of a shipped recipe."""
    recipe, folder = load_recipe(name, overrides)
    resolved, weights = resolve(recipe, folder)
    return Workbench(resolved, weights, find_target("ort-x86"))


def random_weights(name: str, folder: Path) -> Workbench:
    """Workbench of one of ``SOURCES``; its weights are written to ``folder``."""
    source, arguments = SOURCES[name]
    torch.manual_seed(0)
    module = build_module(source, arguments).train()
    with torch.no_grad():
        for _ in range(20):
            module(torch.randn(16, 100))
    save_file(module.state_dict(), folder / "weights.safetensors")
    data = {
        "schema": "edgegan.recipe/1",
        "name": name,
        "generator": {
            "source": source,
            "arguments": arguments,
            "weights": "weights.safetensors",
            "inputs": [{"name": "latent", "shape": [100]}],
        },
        "calibration": {"samples": 100},
    }
    resolved, base = resolve(validate(Recipe, data, name), folder)
    return Workbench(resolved, base, find_target("ort-x86"))
