"""A generator as PyTorch runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from edgegan.generators.contract import GeneratorSpec
from edgegan.generators.fixed import fix_inputs
from edgegan.generators.identity import generator_digest
from edgegan.generators.latents import Samples
from edgegan.generators.load import load_module
from edgegan.metrics.extractor import Images


def load_generator(
    spec: GeneratorSpec, folder: Path
) -> tuple[Any, Callable[[dict[str, Samples]], Images]]:
    """What identifies the generator, and what maps inputs ``[N, ...]``, in order, to pictures.

    Raises:
        ModelError: see ``load_module``.
    """
    module = load_module(spec.source, spec.arguments, folder / spec.weights, folder)
    fixed = fix_inputs(module, spec)

    @torch.no_grad()
    def run(feed: dict[str, Samples]) -> Images:
        made = fixed(*(torch.from_numpy(value) for value in feed.values()))
        first = made if isinstance(made, torch.Tensor) else made[0]
        images: Images = first.contiguous().numpy()
        return images

    return [generator_digest(spec, folder), torch.__version__], run
