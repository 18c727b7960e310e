"""Inputs that a recipe fixes: constants of the graph, so that what depends on them alone folds away."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from edgegan.errors import ModelError
from edgegan.generators.contract import GeneratorSpec, InputSpec


class Fixed(nn.Module):
    """A generator some of whose inputs are constants.

    Args:
        generator: the module itself.
        values: for each of its positional inputs the constant ``[1, *shape]``, or None where it stays
            an input.
        options: keyword arguments of its ``forward``.
    """

    def __init__(
        self, generator: nn.Module, values: list[torch.Tensor | None], options: dict[str, Any]
    ) -> None:
        super().__init__()
        self.generator = generator
        self.names = [None if value is None else f"fixed_{i}" for i, value in enumerate(values)]
        self.options = options
        for name, value in zip(self.names, values, strict=True):
            if name is not None:
                self.register_buffer(name, value)

    def forward(self, *free: torch.Tensor) -> Any:
        rest, batch = iter(free), free[0].shape[0]
        inputs = []
        for name in self.names:
            value = next(rest) if name is None else getattr(self, name)
            inputs.append(value if name is None else value.expand(batch, *value.shape[1:]))
        return self.generator(*inputs, **self.options)


def fix_inputs(module: nn.Module, spec: GeneratorSpec) -> nn.Module:
    """``module`` with the inputs that ``spec.fixed`` names made constants.

    A name that is none of ``spec.inputs`` is a keyword argument of ``forward`` (a truncation, a switch).

    Raises:
        ModelError: if ``forward`` has no such argument.
    """
    if not spec.fixed:
        return module
    options = dict(spec.fixed)
    values = [_constant(i, options.pop(i.name)) if i.name in options else None for i in spec.inputs]
    try:
        inspect.signature(module.forward).bind(*spec.inputs, **options)
    except TypeError as error:
        raise ModelError(
            f"generator.fixed: {', '.join(options) or 'it'} does not fit forward() of "
            f"{type(module).__name__} ({error}); fix an input ({', '.join(i.name for i in spec.inputs)}) "
            "or another argument of forward()."
        ) from None
    return Fixed(module, values, options).eval()


def _constant(spec: InputSpec, value: Any) -> torch.Tensor:
    if spec.labels is not None and value in spec.labels:
        value = spec.labels.index(value)
    kind = torch.int64 if spec.dtype == "int64" else torch.float32
    return torch.full((1, *spec.shape), value, dtype=kind)
