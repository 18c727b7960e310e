"""What a compressed generator learns from: inputs, and real pictures where a discriminator judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edgegan.errors import RecipeError
from edgegan.evaluation.pictures import Pictures
from edgegan.generators.contract import InputSpec
from edgegan.training.drawing import draw_input
from edgegan.training.loop import Batch

Inputs = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Examples:
    """Examples, as ``training.loop`` takes them.

    Attributes:
        specs: of the generator's inputs.
        count: examples of an epoch.
        stored: the inputs where they come from files; None where they are drawn, with torch's random
            numbers.
        real: None where the teacher's pictures are real, or nothing is.
    """

    specs: Sequence[InputSpec]
    count: int
    stored: Inputs | None
    real: Pictures | None

    def __len__(self) -> int:
        return self.count

    def draw(self, count: int) -> Inputs:
        """Inputs alone."""
        if self.stored is None:
            return tuple(draw_input(spec, count) for spec in self.specs)
        chosen = torch.randint(len(self.stored[0]), (count,))
        return tuple(value[chosen] for value in self.stored)

    def batch(self, index: NDArray[np.int64]) -> Batch:
        """Inputs, and with ``real`` so many pictures and their labels, if the generator takes labels."""
        inputs = self.draw(len(index))
        if self.real is None:
            return inputs
        chosen = index % self.real.count
        pictures = torch.from_numpy(self.real.take(chosen))
        if not any(spec.classes for spec in self.specs):
            return *inputs, pictures
        if self.real.labels is None:
            raise RecipeError(
                f"compress.data: {self.real.label} has no classes, which the generator's discriminator is "
                "given; give a folder for each class, or leave `real` at `teacher`."
            )
        return *inputs, pictures, torch.from_numpy(self.real.labels[chosen])
