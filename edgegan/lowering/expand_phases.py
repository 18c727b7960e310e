"""The original kernel as the weight of a rewritten layer, and its phases computed from it in the graph.

A 3x3 kernel behind a x2 upsampling has 9 taps an input and output channel, its four 2x2 phases 16.
Where the file matters more than anything, the kernel is what is quantized and stored; the runtime
computes the phases once, when it loads the model. The sums of taps must then fit the 8 bits of the
kernels that use them: n taps of b bits do if n·2^(b-1) <= 128.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from edgegan.lowering.graph import add_parameter, insert_call, is_call, path_of


@torch.library.custom_op("edgegan::expand_phases", mutates_args=())
def expand_phases(kernel: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Kernels of all phases.

    Args:
        kernel: float ``[C_out, C_in, k_h, k_w]``.
        rows, columns: int64 ``[F, K, k]``: which taps are summed at each place of each phase's window.

    Returns:
        ``[F_h·F_w·C_out, C_in, K_h, K_w]``, the phase before the channel.
    """
    r, c = rows.to(kernel.dtype), columns.to(kernel.dtype)
    phases = torch.einsum("fat,gbu,oitu->fgoiab", r, c, kernel)
    return phases.reshape(-1, kernel.shape[1], *phases.shape[-2:]).contiguous()


@expand_phases.register_fake
def _(kernel: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    count = rows.shape[0] * columns.shape[0] * kernel.shape[0]
    return kernel.new_empty(count, kernel.shape[1], rows.shape[1], columns.shape[1])


def _setup(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    kernel, rows, columns = inputs
    ctx.save_for_backward(rows, columns)
    ctx.shape = kernel.shape


def _backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    rows, columns = (selection.to(gradient.dtype) for selection in ctx.saved_tensors)
    shape = (len(rows), len(columns), *ctx.shape[:2], *gradient.shape[2:])
    phases = gradient.reshape(shape)
    return torch.einsum("fat,gbu,fgoiab->oitu", rows, columns, phases), None, None


expand_phases.register_autograd(_backward, setup_context=_setup)

EXPAND_PHASES = torch.ops.edgegan.expand_phases.default
"""The operator as it stands in graphs."""

Selection = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Of rows and columns, each ``[F, K, k]``; see ``polyphase.Phases``."""


def keeps_kernel(weight: torch.Tensor, selections: list[Selection], bits: int | None) -> bool:
    """Whether a layer keeps its kernel: it is smaller than the phases, and their sums fit int8."""
    if bits is None:
        return False
    phases = sum(
        rows.shape[0] * rows.shape[1] * columns.shape[0] * columns.shape[1]
        for rows, columns in selections
    )
    taps = max(rows.sum(2).max() * columns.sum(2).max() for rows, columns in selections)
    fits = taps * 2 ** (bits - 1) <= 128
    return bool(fits and phases > weight.shape[2] * weight.shape[3])


def insert_expansion(
    graph: fx.GraphModule, before: fx.Node, kernel: fx.Node, selection: Selection
) -> fx.Node:
    """Insert the phases of ``kernel`` in front of ``before``; returns the weight."""
    path = path_of(before)
    taps = [
        add_parameter(graph, before, f"{path}.{name}", torch.from_numpy(axis.astype(np.int64)))
        for name, axis in zip(("rows", "columns"), selection, strict=True)
    ]
    return insert_call(graph, before, EXPAND_PHASES, (kernel, *taps), path)


def stored_weight(weight: fx.Node) -> fx.Node:
    """What is stored for a layer's weight: the kernel that it is expanded from, or itself."""
    return weight.args[0] if is_call(weight, EXPAND_PHASES) else weight  # type: ignore[return-value]
