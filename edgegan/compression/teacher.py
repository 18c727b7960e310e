"""A teacher that is given what its student is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from edgegan.errors import RecipeError
from edgegan.generators.contract import InputSpec


def adapted(
    teacher: nn.Module, student: Sequence[InputSpec], specs: Sequence[InputSpec]
) -> Callable[..., torch.Tensor]:
    """The student's inputs to the teacher's pictures.

    Where the student's latents are longer than the teacher's, the teacher is given their beginning: the
    paper's have 128 and 120 numbers (Vo et al., PPCD-GAN, after SAGAN and BigGAN), and nothing is said of
    the rest.

    Raises:
        RecipeError: if inputs are of other kinds, or the teacher's latents are longer.
    """
    alike = len(student) == len(specs) and all(map(_fits, student, specs))
    if not alike:
        raise RecipeError(
            f"compress.teacher: it takes {', '.join(map(_said, specs))}, and the student "
            f"{', '.join(map(_said, student))}; a teacher must take the same, or a shorter latent."
        )

    def run(*inputs: torch.Tensor) -> torch.Tensor:
        pictures: torch.Tensor = teacher(
            *(
                value[:, : spec.shape[0]] if len(spec.shape) == 1 else value
                for value, spec in zip(inputs, specs, strict=True)
            )
        )
        return pictures

    return run


def _fits(own: InputSpec, theirs: InputSpec) -> bool:
    if own.law != theirs.law or own.classes != theirs.classes:
        return False
    if len(own.shape) == len(theirs.shape) == 1:
        return own.shape[0] >= theirs.shape[0]
    return own.shape == theirs.shape


def _said(spec: InputSpec) -> str:
    return f"{spec.name} {spec.classes or list(spec.shape)}"
