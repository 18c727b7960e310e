"""A graph as a runtime keeps its tensors in memory; done to what is emitted alone."""

from __future__ import annotations

from torch import fx

from edgegan.emit.rows import rows_as_pixels
from edgegan.emit.vectors import vectors_along_rows
from edgegan.targets import LoweringProfile


def in_memory_order(graph: fx.GraphModule, profile: LoweringProfile) -> fx.GraphModule:
    """Matrix products and broadcast vectors as rows of pixels, where ``profile`` says so."""
    if not profile.rows_as_pixels:
        return graph
    return rows_as_pixels(vectors_along_rows(graph, profile.static_sizes))
