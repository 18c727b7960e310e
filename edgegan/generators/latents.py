"""Latent laws: where a generator's inputs come from, the same on every machine.

Samples come from NumPy's Philox counter-based generator, one substream per (seed, input name,
sample index block), so that sample ``i`` never depends on how many samples were asked for nor on
the batch size. qFID and parity rely on this: two models see the same latents.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

LAWS = ("normal", "uniform")
_BLOCK = 256

RANGES = {"normal": (-3.92, 3.92), "uniform": (-1.0, 1.0)}
"""Range of an 8-bit grid for each law. For the normal law, the clipping that minimizes the mean squared
error of 256 levels (Banner, Nahshan, Soudry 2019, arXiv 1810.05723, section 2)."""


def sample(
    law: str, shape: tuple[int, ...], count: int, seed: int, name: str = "latent"
) -> NDArray[np.float32]:
    """Draw ``count`` independent samples of ``law``.

    Args:
        law: ``normal`` (standard normal) or ``uniform`` (on [-1, 1)).
        shape: shape of one sample, without the batch axis.
        count: how many samples.
        seed: any non-negative integer.
        name: the input's name; inputs of different names get independent streams.

    Returns:
        float32 ``[count, *shape]``.

    Raises:
        ValueError: if ``law`` is not one of ``LAWS``.
    """
    if law not in LAWS:
        raise ValueError(f"latent law {law!r} is unknown; known laws: {', '.join(LAWS)}")
    stream = zlib.crc32(name.encode())
    blocks = []
    for block in range((count + _BLOCK - 1) // _BLOCK):
        random = np.random.Generator(
            np.random.Philox(np.random.SeedSequence([seed, stream, block]))
        )
        size = (_BLOCK, *shape)
        blocks.append(
            random.standard_normal(size, dtype=np.float32)
            if law == "normal"
            else random.random(size, dtype=np.float32) * 2 - 1
        )
    if not blocks:
        return np.zeros((0, *shape), np.float32)
    return np.concatenate(blocks)[:count]
