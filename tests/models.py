"""Small generators in a recipe of their own, as a user would bring them."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file
from torch import nn

SOURCE = '''
import torch
from torch import nn


class Tiny(nn.Module):
    """Linear, two transposed convolutions, batch norms, tanh."""

    def __init__(self, width=8):
        super().__init__()
        self.project = nn.Linear(6, width * 4)
        self.up = nn.Sequential(
            nn.ConvTranspose2d(width, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh(),
        )

    def forward(self, z):
        return self.up(torch.relu(self.project(z)).view(-1, 8, 2, 2))
'''


def write_own_generator(folder: Path, name: str = "tiny_generator", **sections: object) -> Path:
    """Source, weights and recipe in ``folder``; returns the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(SOURCE)
    torch.manual_seed(0)
    namespace: dict[str, object] = {}
    exec(SOURCE, namespace)
    module: nn.Module = namespace["Tiny"]()  # type: ignore[operator]
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.normal_(part.running_mean, 0.0, 0.2)
    save_file(module.state_dict(), folder / "weights.safetensors")
    recipe = {
        "schema": "edgegan.recipe/1",
        "name": "tiny-w8a8",
        "generator": {
            "source": f"{name}:Tiny",
            "weights": "weights.safetensors",
            "inputs": [{"name": "z", "shape": [6]}],
        },
        "calibration": {"samples": 40},
        "checks": {
            "parity_samples": 40,
            "latency_seconds": 0.02,
            "gates": {"parity.max_lsb": {"max": 0}},
        },
    } | sections
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path
