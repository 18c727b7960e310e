"""Progressive pruning residual blocks (Vo et al., PPCD-GAN, section 3.2 and figure 2, right).

Each residual block of a generator gets two masks and a transition layer. The first mask stands behind the
second class-conditional norm and in front of its ReLU, so that what it hides is 0 whatever the class says;
the second behind the second convolution, and the transition layer, a 1x1 convolution behind that, gives the
shortcut back the channels that it adds to.

The paper's first linear layer is a twentieth of its generator, and stays. At 32x32 it is more than half:
with ``stem``, a third mask in the first block hides channels of the linear layer from all that reads them.
"""

from __future__ import annotations

import torch
from torch import nn

from edgegan.compression.masks import ProgressiveMask, kept_count
from edgegan.errors import ModelError
from edgegan.generators.blocks.residual import UpBlock


class ProgressiveUpBlock(nn.Module):
    """An ``UpBlock`` with masks and a transition layer; its layers keep their names.

    Args:
        block: gives its layers away.
        stem: whether its input is masked too.
        ratio, multiple: see ``kept_count``.
    """

    def __init__(self, block: UpBlock, stem: bool, ratio: float, multiple: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = block.norm1, block.norm2
        self.conv1, self.conv2 = block.conv1, block.conv2
        self.shortcut, self.upsample = block.shortcut, block.upsample
        inputs, outputs = _channels(block.norm1), _channels(block.norm2)

        def mask(channels: int) -> ProgressiveMask:
            return ProgressiveMask(channels, kept_count(channels, ratio, multiple))

        self.mask0: nn.Module = mask(inputs) if stem else nn.Identity()
        self.mask1: nn.Module = mask(outputs)
        self.mask2: nn.Module = mask(outputs)
        self.transition = nn.Conv2d(outputs, outputs, 1)
        nn.init.dirac_(self.transition.weight)
        nn.init.zeros_(self.transition.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """As ``UpBlock``'s."""
        hidden = torch.relu(self.mask0(self.norm1(x, condition)))
        hidden = _convolve(self.conv1, self.upsample(hidden), self.mask0)
        hidden = torch.relu(self.mask1(self.norm2(hidden, condition)))
        hidden = self.mask2(_convolve(self.conv2, hidden, self.mask1))
        result: torch.Tensor = self.transition(hidden) + self.shortcut(self.upsample(self.mask0(x)))
        return result


def _convolve(layer: nn.Module, x: torch.Tensor, mask: nn.Module) -> torch.Tensor:
    """The bias of a depthwise convolution must not bring back what the mask of its input hides."""
    if isinstance(layer, nn.Sequential):
        depthwise, pointwise = layer
        x, layer = mask(depthwise(x)), pointwise
    result: torch.Tensor = layer(x)
    return result


def _channels(norm: nn.Module) -> int:
    batch_norm = norm.norm
    assert isinstance(batch_norm, nn.BatchNorm2d)
    return batch_norm.num_features


def residual_blocks(module: nn.Module) -> nn.ModuleList:
    """A generator's residual blocks.

    Raises:
        ModelError: if it has none of edgegan's.
    """
    blocks = getattr(module, "blocks", None)
    known = UpBlock | ProgressiveUpBlock
    if not isinstance(blocks, nn.ModuleList) or not all(isinstance(b, known) for b in blocks):
        raise ModelError(
            f"{type(module).__name__} has no `blocks` of edgegan.generators.blocks.residual.UpBlock, which "
            "progressive pruning and attention maps need; use `pruning.method: l1` with `loss.output`."
        )
    return blocks


def make_progressive(module: nn.Module, ratio: float, multiple: int, stem: bool) -> None:
    """Replace a generator's residual blocks, in place; the picture changes by less than the masks do.

    Raises:
        ModelError: see ``residual_blocks``.
    """
    blocks = residual_blocks(module)
    for index, block in enumerate(blocks):
        assert isinstance(block, UpBlock)
        blocks[index] = ProgressiveUpBlock(block, stem and index == 0, ratio, multiple)


def masks_of(module: nn.Module) -> list[ProgressiveMask]:
    """In the order of the blocks."""
    return [part for part in module.modules() if isinstance(part, ProgressiveMask)]


def drop_masks(module: nn.Module) -> None:
    """Leave the masks out, in place: the structure that channels are removed from."""
    for part in list(module.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, ProgressiveMask):
                setattr(part, name, nn.Identity())
