"""Takes the place of an export: reads the recipe as it would, and makes numbers up from its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.literature.measure import Bench, Measured
from benchmarks.literature.options import Options
from edgegan.recipe import Recipe, load_recipe


@dataclass
class FakeExport:
    """Knows every recipe that was measured. qFID is 1 per lost bit, and least with 0.999/0.001."""

    recipes: list[Recipe] = field(default_factory=list)

    def __call__(
        self, recipe: str, settings: Mapping[str, Any], work: Path, inputs: Path | None
    ) -> Measured:
        overrides = tuple(f"{key}={json.dumps(value)}" for key, value in settings.items())
        made, _ = load_recipe(recipe, overrides)
        self.recipes.append(made)
        qfid = 9.0 - made.quantization.weight_bits
        qfid += made.calibration.activation_quantiles != (0.001, 0.999)
        qfid /= 1 if made.tune is None else 4
        numbers = {"fid": 10.0 + qfid, "is": 5.0, "psnr": 20.0, "qfid": qfid}
        numbers |= {f"prc.{side}": 0.5 for side in ("precision", "recall")}
        numbers |= {f"realism.{side}": 0.75 for side in ("precision", "recall")}
        image = np.zeros((2, 1, 4, 4), np.float32)
        return Measured(
            values=numbers,
            originals=numbers | {"fid": 10.0, "is": 6.0},
            features="some-features",
            executed_by="ONNX Runtime",
            samples=made.checks.samples,
            parity_lsb=0,
            weights=[
                {"states_used": 0.5, "states": [1, 0]},
                {"states_used": 1.0, "states": [3, 1]},
            ],
            images=image,
            float_images=image,
            value_range=(-1.0, 1.0),
            size_ratio=0.25,
        )


def bench(export: FakeExport, options: Options) -> Bench:
    return Bench(options.work / "stages", options.samples, options.data, export)


def options(folder: Path, **changed: Any) -> Options:
    settings: dict[str, Any] = {
        "tables": (),
        "models": ("fashion-dcgan",),
        "methods": (),
        "bits": (),
        "seeds": (0,),
        "budget": 0.5,
        "precision": "bfloat16",
        "samples": 100,
        "work": folder / "work",
        "out": folder / "out",
        "data": None,
    }
    return Options(**(settings | changed))
