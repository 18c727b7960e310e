"""Generators to time, as workbenches: shipped ones, and larger ones whose weights do not matter.

Latency does not depend on what the weights are, so a DCGAN-64 and an upsample-convolution-64 have
random weights with batch-norm statistics of their own activations.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file

from edgegan.generators.load import build_module
from edgegan.recipe import Recipe, load_recipe, resolve
from edgegan.stages import Workbench
from edgegan.targets import find_target


@dataclass(frozen=True)
class Source:
    """A generator of random weights.

    Attributes:
        source, arguments: as in a recipe.
        input_shape: of its one input, whose name is its law's.
        law: of the input.
    """

    source: str
    arguments: dict[str, Any]
    input_shape: tuple[int, ...] = (100,)
    law: str = "normal"


SOURCES = {
    "dcgan-64": Source(
        "edgegan.generators.dcgan:Generator",
        {"latent_size": 100, "channels": [512, 256, 128, 64], "image_channels": 3},
    ),
    "upsample-convolution-64": Source(
        "edgegan.generators.upsample:Generator",
        {"latent_size": 100, "channels": [512, 256, 128, 64, 64], "image_channels": 3},
    ),
    "cyclegan-128": Source(
        "edgegan.generators.cyclegan:Generator", {"blocks": 6}, (3, 128, 128), "uniform"
    ),
}


def shipped(name: str, *overrides: str) -> Workbench:
    """Workbench of a shipped recipe."""
    return _workbench(*load_recipe(name, overrides))


def random_weights(name: str, folder: Path, *overrides: str) -> Workbench:
    """Workbench of one of ``SOURCES``; its weights are written to ``folder``."""
    return _workbench(*load_recipe(str(own_recipe(name, folder)), overrides))


def own_recipe(name: str, folder: Path) -> Path:
    """Weights and recipe of one of ``SOURCES`` in ``folder``; returns the recipe's path."""
    made = SOURCES[name]
    torch.manual_seed(0)
    module = build_module(made.source, made.arguments).train()
    if any(isinstance(part, torch.nn.BatchNorm2d) for part in module.modules()):
        with torch.no_grad():
            for _ in range(20):
                module(torch.randn(16, *made.input_shape))
    save_file(module.state_dict(), folder / "weights.safetensors")
    recipe = {
        "schema": "edgegan.recipe/1",
        "name": name,
        "generator": {
            "source": made.source,
            "arguments": made.arguments,
            "weights": "weights.safetensors",
            "inputs": [{"name": "input", "shape": list(made.input_shape), "law": made.law}],
        },
        "calibration": {"samples": 100},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def _workbench(recipe: Recipe, folder: Path) -> Workbench:
    resolved, weights = resolve(recipe, folder)
    return Workbench(resolved, weights, recipe.variant(find_target("ort-x86")))
