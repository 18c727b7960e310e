"""What a quantized generator is trained on: inputs, the float generator's images of them, and real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edgegan.errors import RecipeError
from edgegan.evaluation.pictures import Pictures
from edgegan.training.loop import Batch


@dataclass(frozen=True)
class Examples:
    """Examples, as ``training.loop`` takes them.

    Attributes:
        inputs: of the generator, each ``[N, ...]``.
        images: the float generator's images of them, float32 ``[N, C, H, W]``.
        labels: which of the inputs the discriminator is given too.
        real: what it takes for real, in the generator's range of values; the float generator's images if
            None.

    Raises:
        RecipeError: if the real images are unlike the generator's, or their labels like no input.
    """

    inputs: tuple[torch.Tensor, ...]
    images: torch.Tensor
    labels: tuple[int, ...] = ()
    real: Pictures | None = None

    def __post_init__(self) -> None:
        if self.real is None:
            return
        theirs, own = self.real.take(np.zeros(1, np.int64)).shape[1:], tuple(self.images.shape[1:])
        if theirs != own:
            raise RecipeError(
                f"tune.distillation.data: {self.real.label} has images of shape {list(theirs)}, the "
                f"generator makes {list(own)}; give images of that shape."
            )
        if len(self.labels) > 1 or (self.labels and self.real.labels is None):
            raise RecipeError(
                f"tune.distillation.data: the discriminator takes {len(self.labels)} labels of each image, "
                f"and {self.real.label} has {'none' if self.real.labels is None else 'one'}; give a folder "
                "for each class, or leave `real` at `teacher`."
            )

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: NDArray[np.int64]) -> Batch:
        """Inputs, the float generator's images, real images, and the labels of these."""
        chosen = torch.from_numpy(index)
        inputs, images = tuple(value[chosen] for value in self.inputs), self.images[chosen]
        if self.real is None:
            return *inputs, images, images, *(inputs[place] for place in self.labels)
        index = index % self.real.count
        labels = () if self.real.labels is None else (torch.from_numpy(self.real.labels[index]),)
        real = torch.from_numpy(self.real.take(index))
        return *inputs, images, real, *labels[: len(self.labels)]
