"""What generator and discriminator strive for: four losses on the discriminator's logits.

| name | discriminator | generator | source |
|---|---|---|---|
| non-saturating | softplus(-r) + softplus(f) | softplus(-f) | Goodfellow et al. 2014, section 3 |
| least-squares | ((r - 1)² + f²) / 2 | (f - 1)² / 2 | Mao et al. 2017, equation 9 |
| hinge | max(0, 1 - r) + max(0, 1 + f) | -f | Lim and Ye 2017; SAGAN, equation 4 |
| wasserstein | f - r | -f | Arjovsky et al. 2017, algorithm 1 |

r and f are the logits of real and of generated images; all losses are means over them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Loss:
    """A pair of losses; logits are float tensors of any shape, losses are scalars.

    Attributes:
        discriminator: of the logits of real and of generated images.
        generator: of the logits of generated images.
    """

    discriminator: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    generator: Callable[[torch.Tensor], torch.Tensor]


LOSSES: dict[str, Loss] = {
    "non-saturating": Loss(
        lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(),
        lambda fake: F.softplus(-fake).mean(),
    ),
    "least-squares": Loss(
        lambda real, fake: 0.5 * ((real - 1).square().mean() + fake.square().mean()),
        lambda fake: 0.5 * (fake - 1).square().mean(),
    ),
    "hinge": Loss(
        lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(),
        lambda fake: -fake.mean(),
    ),
    "wasserstein": Loss(
        lambda real, fake: fake.mean() - real.mean(),
        lambda fake: -fake.mean(),
    ),
}
