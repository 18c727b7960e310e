"""A class-conditional student, a larger teacher, a discriminator and pictures, in a recipe of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save_file

from edgegan.generators import biggan, sagan
from tests.evaluation.made import save_pictures

STUDENT: dict[str, Any] = {
    "latent_size": 8,
    "channels": [16, 16, 8],
    "classes": 3,
    "attention": 8,
    "image_channels": 1,
}
TEACHER: dict[str, Any] = {
    "width": 8,
    "multiples": [3, 2, 2],
    "latent_size": 6,
    "classes": 3,
    "embedding_size": 4,
    "attention": 8,
    "image_channels": 1,
}
JUDGE: dict[str, Any] = {
    "channels": [8, 16],
    "classes": 3,
    "side": 16,
    "attention": 8,
    "image_channels": 1,
}


def inputs(latent: int) -> list[dict[str, Any]]:
    return [
        {"name": "latent", "shape": [latent]},
        {"name": "label", "law": "classes", "classes": 3},
    ]


PPCD: dict[str, Any] = {
    "pruning": {"method": "progressive", "ratio": 0.5},
    "teacher": {
        "source": "edgegan.generators.biggan:Generator",
        "arguments": TEACHER,
        "weights": "teacher.safetensors",
        "inputs": inputs(6),
    },
    "loss": {"adversarial": 1.0, "attention": 1.0, "output": 0.0},
    "real": "data",
    "data": "pictures",
    "discriminator": {
        "source": "edgegan.generators.sagan:ResidualDiscriminator",
        "arguments": JUDGE,
        "weights": "judge.safetensors",
    },
    "steps": 12,
    "batch_size": 8,
}


def write_conditional(folder: Path, compress: dict[str, Any], **sections: Any) -> Path:
    """The recipe's path; everything that it names lies beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    student = sagan.ResidualGenerator(**STUDENT)
    with torch.no_grad():
        for value in student.parameters():
            value.add_(0.1 * torch.randn_like(value))
        student(torch.randn(32, 8), torch.randint(3, (32,)))
    save_file(student.state_dict(), folder / "student.safetensors")
    save_file(biggan.Generator(**TEACHER).state_dict(), folder / "teacher.safetensors")
    save_file(sagan.ResidualDiscriminator(**JUDGE).state_dict(), folder / "judge.safetensors")
    random = np.random.default_rng(0)
    for name in "abc":
        save_pictures(folder / "pictures" / name, random.uniform(-1, 1, (8, 1, 16, 16)))
    recipe = {
        "schema": "edgegan.recipe/1",
        "name": "conditional",
        "generator": {
            "source": "edgegan.generators.sagan:ResidualGenerator",
            "arguments": STUDENT,
            "weights": "student.safetensors",
            "inputs": inputs(8),
        },
        "compress": compress,
        "calibration": {"samples": 20},
        "checks": {
            "parity_samples": 20,
            "latency_seconds": 0.02,
            "gates": {"parity.integer_lsb": {"max": 0}},
        },
    } | sections
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path
