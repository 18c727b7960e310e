"""Capture: a user's ``nn.Module`` becomes one functional graph of ATen operators.

``torch.export`` with a dynamic batch, operators kept whole (``run_decompositions({})``: functional,
but convolutions, norms and pixel shuffles stay what they are), then a plain ``fx.GraphModule`` whose
parameters are copies: nothing that happens later reaches the user's module.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import io
import linecache
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn
from torch.export import Dim

from edgegan.errors import ModelError
from edgegan.generators.fixed import Fixed
from edgegan.lowering.graph import EXAMPLE_BATCH, annotate_shapes

_MAX_BATCH = 4096
_TORCH = str(Path(torch.__file__).parent)


def capture(module: nn.Module, example: tuple[torch.Tensor, ...]) -> fx.GraphModule:
    """Capture ``module`` in eval mode.

    Three tries: non-strict export; strict export (some attribute writes only trace there); and both
    again on a copy whose pre-forward hooks have been run once and baked into buffers (equalized
    learning rate, old-style weight and spectral norm).

    Args:
        module: any module that ``torch.export`` can capture.
        example: inputs with a batch of ``EXAMPLE_BATCH`` along axis 0.

    Returns:
        A graph of functional ATen calls, dynamic in the batch, outputs equal to the module's.

    Raises:
        ModelError: if the module cannot run, cannot be captured, or does not batch along axis 0.
    """
    if any(len(value) != EXAMPLE_BATCH for value in example):
        raise ValueError(f"capture needs an example batch of {EXAMPLE_BATCH}")
    module.eval()
    try:
        with torch.no_grad():
            module(*example)
    except Exception as error:
        shapes = ", ".join(str(tuple(value.shape)) for value in example)
        raise ModelError(
            f"the generator fails on inputs of shape {shapes}: {_first_line(error)} Check "
            "`generator.inputs` in the recipe."
        ) from error
    first: Exception | None = None
    for bake in (False, True):
        for strict in (False, True):
            try:
                candidate = _bake_hooks(module, example) if bake else module
                return _export(candidate, example, strict)
            except Exception as error:  # torch.export raises many types
                first = first or error
    assert first is not None
    raise ModelError(
        f"the generator cannot be captured by torch.export: {_why(first, module)}"
    ) from first


@torch.no_grad()
def check_any_size(
    module: nn.Module, graph: fx.GraphModule, inputs: tuple[torch.Tensor, ...]
) -> None:
    """Whether a captured graph is right for pictures of another size than it was captured with.

    Raises:
        ModelError: if not: some layer takes the size for a constant, or cannot work on that size.
    """
    sizes = ", ".join("x".join(map(str, value.shape[2:])) for value in inputs if value.ndim == 4)
    reason = ""
    try:
        expected = module(*inputs)
    except Exception as error:
        raise ModelError(
            f"the generator fails on pictures of {sizes}: {_first_line(error)} Raise size_multiple, "
            "or leave it out."
        ) from error
    try:
        actual = graph(*inputs)
        same = torch.utils._pytree.tree_map(torch.allclose, actual, expected)
    except Exception as error:  # whatever an operator raises on a size it was not made for
        same, reason = False, f": {_first_line(error)}"
    if not all(torch.utils._pytree.tree_leaves(same)):
        raise ModelError(
            f"a layer takes the pictures' size for a constant: captured with one size, the generator is "
            f"wrong for {sizes}{reason or '.'} Leave size_multiple out."
        )


def _export(module: nn.Module, example: tuple[torch.Tensor, ...], strict: bool) -> fx.GraphModule:
    batch = Dim("batch", min=1, max=_MAX_BATCH)
    shapes: Any = tuple({0: batch} for _ in example)
    first = next(iter(inspect.signature(module.forward).parameters.values()), None)
    if first is not None and first.kind is first.VAR_POSITIONAL:
        shapes = (shapes,)
    with torch.no_grad(), _quiet():
        program = torch.export.export(module, example, dynamic_shapes=shapes, strict=strict)
        program = program.run_decompositions(_decompositions())
    unlifted = program.module(check_guards=False)
    graph = fx.GraphModule(unlifted, unlifted.graph)
    _own_tensors(graph)
    for node in graph.graph.nodes:
        stack = node.meta.get("nn_module_stack")
        path = list(stack.values())[-1][0] if stack else ""
        path = path.removeprefix("L__self__").removeprefix(".")
        if isinstance(module, Fixed):
            path = path.removeprefix("generator").removeprefix(".")
        node.meta = {"path": path}
    graph.graph.eliminate_dead_code()
    graph.recompile()
    annotate_shapes(graph, example)
    return graph


@functools.cache
def _decompositions() -> dict[Any, Any]:
    """For what would otherwise stay one operator that no pass understands."""
    einsum = torch.ops.aten.einsum.default
    attention = torch.ops.aten.scaled_dot_product_attention.default
    return {einsum: torch.export.default_decompositions()[einsum], attention: _attention}


def _attention(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | None = None,
    dropout: float = 0.0,
    causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """``softmax(scale · q kᵀ) v`` (Vaswani et al. 2017, equation 1); the scale folds into the queries."""
    if mask is not None or causal or enable_gqa:
        return NotImplemented
    scaled = queries * (scale or queries.shape[-1] ** -0.5)
    return torch.matmul(torch.softmax(torch.matmul(scaled, keys.transpose(-1, -2)), -1), values)


def _own_tensors(graph: fx.GraphModule) -> None:
    """Replace every tensor by a copy: torch.export shares them with the user's module."""
    copies: dict[int, nn.Parameter] = {}
    for part in graph.modules():
        for name, value in list(part._parameters.items()):
            if value is not None:
                own = nn.Parameter(value.detach().clone(), requires_grad=False)
                part._parameters[name] = copies.setdefault(id(value), own)
        for name, buffer in list(part._buffers.items()):
            if buffer is not None:
                part._buffers[name] = buffer.detach().clone()


def _bake_hooks(module: nn.Module, example: tuple[torch.Tensor, ...]) -> nn.Module:
    """A copy in which tensors that pre-forward hooks compute are plain buffers."""
    with torch.no_grad():
        module(*example)
        baked = copy.deepcopy(module)
    for part in baked.modules():
        if not part._forward_pre_hooks:
            continue
        part._forward_pre_hooks.clear()
        for name, value in list(vars(part).items()):
            if isinstance(value, torch.Tensor):
                delattr(part, name)
                part.register_buffer(name, value.detach())
    return baked


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """torch.export prints the offending graph on failure; the error's first line says enough."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    streams = contextlib.ExitStack()
    streams.enter_context(contextlib.redirect_stderr(io.StringIO()))
    streams.enter_context(contextlib.redirect_stdout(io.StringIO()))
    try:
        with streams, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _why(error: Exception, module: nn.Module) -> str:
    """Reason, layer and remedy of a failed capture, in a sentence."""
    if "specialized it to be a constant" in str(error):
        return (
            f"{_layer_at(error, module)} makes the batch size a constant; do without tolist(), item() "
            "and int(x.shape[0]) in forward()."
        )
    reason = _first_line(error)
    return (
        f"{_layer_at(error, module)}: {reason} Avoid branches on tensor values, item() and code outside "
        "PyTorch in forward()."
    )


def _layer_at(error: Exception, module: nn.Module) -> str:
    """The innermost of the user's layers that ran when ``error`` arose, and its line of code."""
    names = {id(part): name for name, part in module.named_modules()}
    layer, line = "forward()", ""
    step = error.__traceback__
    while step is not None:
        frame = step.tb_frame
        part = frame.f_locals.get("self")
        own = isinstance(part, nn.Module) and id(part) in names
        if own and not frame.f_code.co_filename.startswith(_TORCH):
            name = names[id(part)]
            layer = f"layer {name}" if name else f"forward() of {type(part).__name__}"
            source = linecache.getline(frame.f_code.co_filename, step.tb_lineno).strip()
            line = f" (line {step.tb_lineno}: {source})" if source else ""
        step = step.tb_next
    return layer + line


def _first_line(error: Exception | None) -> str:
    text = str(error).strip().splitlines()
    line = text[0].strip() if text else type(error).__name__
    return line if line.endswith((".", "!", "?")) else line + "."
