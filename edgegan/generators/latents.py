"""Latent laws: where a generator's inputs come from, the same on every machine.

Samples come from NumPy's Philox counter-based generator, one substream per (seed, input name,
sample index block), so that sample ``i`` never depends on how many samples were asked for nor on
the batch size. qFID and parity rely on this: two models see the same latents.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.generators.contract import InputSpec

LAWS = ("normal", "uniform", "classes")
Samples = NDArray[np.float32] | NDArray[np.int64]
"""Values of an input: int64 labels, else float32."""

_BLOCK = 256

RANGES = {"normal": (-3.92, 3.92), "uniform": (-1.0, 1.0)}
"""Range of an 8-bit grid for each law; labels have none. For the normal law, the clipping that
minimizes the mean squared error of 256 levels (Banner, Nahshan, Soudry 2019,
arXiv 1810.05723, section 2)."""


def draw(spec: InputSpec, count: int, seed: int) -> Samples:
    """``count`` samples of an input's law; see ``sample``."""
    return sample(spec.law, spec.shape, count, seed, spec.name, spec.classes)


def sample(
    law: str,
    shape: tuple[int, ...],
    count: int,
    seed: int,
    name: str = "latent",
    classes: int | None = None,
) -> Samples:
    """Draw ``count`` independent samples of ``law``.

    Args:
        law: ``normal`` (standard normal), ``uniform`` (on [-1, 1)) or ``classes``.
        shape: shape of one sample, without the batch axis.
        count: how many samples.
        seed: any non-negative integer.
        name: the input's name; inputs of different names get independent streams.
        classes: labels are uniform on 0 to ``classes - 1``.

    Returns:
        ``[count, *shape]``, float32, or int64 of ``classes``.

    Raises:
        ValueError: if ``law`` is not one of ``LAWS``.
    """
    if law not in LAWS:
        raise ValueError(f"latent law {law!r} is unknown; known laws: {', '.join(LAWS)}")
    stream = zlib.crc32(name.encode())
    blocks: list[Any] = []
    for block in range((count + _BLOCK - 1) // _BLOCK):
        random = np.random.Generator(
            np.random.Philox(np.random.SeedSequence([seed, stream, block]))
        )
        size = (_BLOCK, *shape)
        if law == "classes":
            blocks.append(random.integers(classes or 1, size=size, dtype=np.int64))
        elif law == "normal":
            blocks.append(random.standard_normal(size, dtype=np.float32))
        else:
            blocks.append(random.random(size, dtype=np.float32) * 2 - 1)
    if not blocks:
        blocks.append(np.zeros((0, *shape), np.int64 if law == "classes" else np.float32))
    result: Samples = np.concatenate(blocks)[:count]
    return result
