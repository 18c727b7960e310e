"""What the stages have produced: folders of files, read back as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.checks.speed import COMPRESSED, FLOAT, LOWERED, QUANTIZED
from edgegan.devices import Device
from edgegan.recipe import ResolvedRecipe
from edgegan.targets import Target, Variant

GOLDEN = "golden"
COMPRESSED_MODEL = "compressed.onnx"


@dataclass(frozen=True)
class VariantResults:
    """Results that the targets of a variant share.

    Attributes:
        resolved: the recipe.
        variant: what the model was made for.
        first: whether it is the recipe's first: further ones carry their names in those of their files.
        folders: by stage, where its files lie.
    """

    resolved: ResolvedRecipe
    variant: Variant
    first: bool
    folders: dict[str, Path]

    def name_in_bundle(self, what: str) -> str:
        """Path of ``quantized``, ``lowered`` or ``golden`` in the bundle."""
        grid = "" if self.first else f".{self.variant.grid.name}"
        return {
            QUANTIZED: f"model{grid}.onnx",
            LOWERED: f"reference/lowered{grid}.onnx",
            GOLDEN: f"golden/outputs{grid}.npz",
        }[what]

    def models(self) -> dict[str, Path]:
        """By the names of ``checks.speed``; ``compressed`` where the recipe compresses."""
        models = {
            QUANTIZED: self.folders["emitted"] / "model.onnx",
            FLOAT: self.folders["captured"] / "float.onnx",
            LOWERED: self.folders["lowered"] / "lowered.onnx",
        }
        if COMPRESSED in self.folders:
            models[COMPRESSED] = self.folders[COMPRESSED] / COMPRESSED_MODEL
        return models

    def read(self, stage: str, name: str | None = None) -> dict[str, Any]:
        """A stage's JSON result, ``<stage>.json`` unless named."""
        return _read(self.folders[stage], name or stage)


@dataclass(frozen=True)
class TargetResults:
    """Results of one target.

    Attributes:
        variant: what it shares with others.
        target: of the recipe's targets.
        devices: what executed it: this machine, or emulated cores; none where nothing could.
        unavailable: why nothing could, or empty.
        folders: by stage; of a stage that ran on several devices, ``<stage>@<core>``.
    """

    variant: VariantResults
    target: Target
    devices: tuple[Device, ...]
    unavailable: str
    folders: dict[str, Path]

    def read(self, stage: str, device: Device | None = None) -> dict[str, Any] | None:
        """A stage's JSON result on a device; None where the stage did not run."""
        folder = self.folders.get(stage if device is None else device.stage(stage))
        return None if folder is None else _read(folder, stage)


def _read(folder: Path, stage: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / f"{stage}.json").read_text())
    return data
