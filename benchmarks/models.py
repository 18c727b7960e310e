"""Generators to time, as workbenches: shipped ones, and larger ones whose weights do not matter.

Latency does not depend on what the weights are, so ``SOURCES``, one standard configuration or two of each
family, have random weights with batch-norm statistics of their own activations.
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
from edgegan.targets import find_target
from edgegan.workbench import Workbench


@dataclass(frozen=True)
class Source:
    """A generator of random weights.

    Attributes:
        source, arguments: as in a recipe.
        input_shape: of its first input: a latent, or a picture.
        law: of that input.
        classes: number of classes of the second input, a label; None where there is no such input.
    """

    source: str
    arguments: dict[str, Any]
    input_shape: tuple[int, ...] = (100,)
    law: str = "normal"
    classes: int | None = None


SOURCES = {
    "dcgan-64": Source(
        "edgegan.generators.dcgan:Generator",
        {"latent_size": 100, "channels": [512, 256, 128, 64], "image_channels": 3},
    ),
    "upsample-convolution-64": Source(
        "edgegan.generators.upsample:Generator",
        {"latent_size": 128, "channels": [512, 512, 256, 128, 64], "image_channels": 3},
        (128,),
    ),
    "upsample-convolution-64-narrow": Source(
        "edgegan.generators.upsample:Generator",
        {"latent_size": 100, "channels": [512, 256, 128, 64, 64], "image_channels": 3},
    ),
    "fc-gan-28": Source("edgegan.generators.fc_gan:Generator", {}),
    "cnn-gan-28": Source(
        "edgegan.generators.cnn_gan:Generator", {"channels": [512, 256, 128, 64], "side": 28}
    ),
    "cnn-gan-32": Source(
        "edgegan.generators.cnn_gan:Generator",
        {"channels": [128, 64], "side": 32, "image_channels": 3},
    ),
    "wgan-gp-32": Source("edgegan.generators.wgan_gp:Generator", {}, (128,)),
    "lsgan-32": Source(
        "edgegan.generators.lsgan:Generator",
        {"start": 4, "stages": [[256, 2], [256, 1], [256, 2], [256, 1], [128, 2]]},
        (1024,),
    ),
    "lsgan-112": Source("edgegan.generators.lsgan:Generator", {}, (1024,)),
    "sngan-32": Source("edgegan.generators.sngan:Generator", {"classes": 10}, (128,), classes=10),
    "sngan-128": Source(
        "edgegan.generators.sngan:Generator",
        {"channels": [1024, 1024, 512, 256, 128, 64], "classes": 1000},
        (128,),
        classes=1000,
    ),
    "sagan-64": Source("edgegan.generators.sagan:Generator", {}, (128,)),
    "sagan-128": Source("edgegan.generators.sagan:ResidualGenerator", {}, (128,), classes=1000),
    "biggan-64": Source(
        "edgegan.generators.biggan:Generator",
        {"width": 64, "multiples": [16, 16, 8, 4, 2], "latent_size": 100, "attention": 32},
        (100,),
        classes=1000,
    ),
    "biggan-128": Source("edgegan.generators.biggan:Generator", {}, (120,), classes=1000),
    "tinygan-128": Source("edgegan.generators.tinygan:Generator", {}, (128,), classes=1000),
    "stylegan-64": Source(
        "edgegan.generators.stylegan:Generator", {"channels": [512, 512, 512, 512, 256]}, (512,)
    ),
    "stylegan-128": Source(
        "edgegan.generators.stylegan:Generator",
        {"channels": [512, 512, 512, 512, 256, 128]},
        (512,),
    ),
    "stylegan2-64": Source(
        "edgegan.generators.stylegan2:Generator", {"channels": [512, 512, 512, 512, 512]}, (512,)
    ),
    "cyclegan-128": Source(
        "edgegan.generators.cyclegan:Generator", {"blocks": 6}, (3, 128, 128), "uniform"
    ),
    "cyclegan-256": Source(
        "edgegan.generators.cyclegan:Generator", {"blocks": 9}, (3, 256, 256), "uniform"
    ),
    "unet-256": Source("edgegan.generators.unet:Generator", {}, (3, 256, 256), "uniform"),
    "srgan-x4": Source("edgegan.generators.srgan:Generator", {}, (3, 64, 64), "uniform"),
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
    module = build_module(made.source, made.arguments)
    _wake(module)
    if any(isinstance(part, torch.nn.BatchNorm2d) for part in module.modules()):
        module.train()
        with torch.no_grad():
            for _ in range(20):
                module(*draw(made, 16 if len(made.input_shape) == 1 else 2))
    save_file(module.state_dict(), folder / "weights.safetensors")
    inputs: list[dict[str, Any]] = [
        {"name": "input", "shape": list(made.input_shape), "law": made.law}
    ]
    if made.classes is not None:
        inputs.append({"name": "label", "law": "classes", "classes": made.classes})
    recipe = {
        "schema": "edgegan.recipe/1",
        "name": name,
        "generator": {
            "source": made.source,
            "arguments": made.arguments,
            "weights": "weights.safetensors",
            "inputs": inputs,
        },
        "calibration": {"samples": 100},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def draw(made: Source, batch: int) -> tuple[torch.Tensor, ...]:
    """Random inputs of a generator: float32 ``[batch, *input_shape]`` and perhaps labels ``[batch]``."""
    first = torch.randn(batch, *made.input_shape)
    if made.law == "uniform":
        first = torch.rand(batch, *made.input_shape) * 2 - 1
    return (first,) if made.classes is None else (first, torch.randint(made.classes, (batch,)))


@torch.no_grad()
def _wake(module: torch.nn.Module) -> None:
    """Move what starts at one value (gates, strengths of noise, biases) to where training might bring it.

    Zeros and ones would be folded away, and a generator without its attention is not the one to time.
    """
    for value in module.parameters():
        if bool(value.min() == value.max()):
            value += 0.1 * torch.randn_like(value)


def _workbench(recipe: Recipe, folder: Path) -> Workbench:
    resolved, weights = resolve(recipe, folder)
    return Workbench(resolved, weights, recipe.variant(find_target("ort-x86")))
