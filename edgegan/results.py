"""What the stages of one target have produced: folders of files, read back as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED
from edgegan.recipe import ResolvedRecipe
from edgegan.targets import Target


@dataclass(frozen=True)
class TargetResults:
    """Results of one target.

    Attributes:
        resolved: the recipe.
        target: of the recipe's targets.
        folders: by stage, where its files lie.
    """

    resolved: ResolvedRecipe
    target: Target
    folders: dict[str, Path]

    def models(self) -> dict[str, Path]:
        return {
            QUANTIZED: self.folders["emitted"] / "model.onnx",
            FLOAT: self.folders["captured"] / "float.onnx",
            LOWERED: self.folders["lowered"] / "lowered.onnx",
        }

    def read(self, stage: str, name: str) -> dict[str, Any]:
        """A stage's JSON result."""
        data: dict[str, Any] = json.loads((self.folders[stage] / name).read_text())
        return data
