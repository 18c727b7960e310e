"""How many images are simulated at once: a simulation keeps all of its integers, eight bytes each."""

from __future__ import annotations

from edgegan.simulation.exact import Simulated

HELD = 256 << 20
"""Bytes of integers at once."""


def portion_after(found: Simulated, images: int) -> int:
    """Of the next images, from what ``images`` have taken; at least one.

    Large pictures of many layers take hundreds of megabytes each, so begin with one.
    """
    each = sum(value.nbytes for value in found.integers.values()) / images
    return max(1, int(HELD / max(each, 1)))
