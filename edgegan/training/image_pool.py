"""The pool of earlier generated images (Shrivastava et al. 2017; CycleGAN, section 4)."""

from __future__ import annotations

import torch


class ImagePool:
    """Half of the images that a discriminator sees come from here, once it is full.

    Args:
        size: images it holds.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[torch.Tensor] = []

    def exchange(self, images: torch.Tensor) -> torch.Tensor:
        """Give ``[N, C, H, W]``, take as many: each new one, or an old one whose place it takes."""
        taken: list[torch.Tensor] = []
        for image in images.detach():
            if len(self.images) < self.size:
                self.images.append(image.clone())
                taken.append(image)
            elif float(torch.rand(())) < 0.5:
                place = int(torch.randint(self.size, ()))
                taken.append(self.images[place])
                self.images[place] = image.clone()
            else:
                taken.append(image)
        return torch.stack(taken)
