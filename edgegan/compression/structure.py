"""A compressed generator in files: which channels stayed, and the weights; the code makes the rest.

``compressed.json`` names the channels that stay, layer by layer, and ``weights.safetensors`` holds the
weights of what stays. The smaller graph is made from both by the steps that made it: the recipe's
architecture is built and captured, and the same channels are removed. No file holds code, and none a graph.

Before anything has learned, ``outline`` tells what will be left.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import fx, nn

from edgegan.compression.channels import Channels, Kept, find_channels, simplified
from edgegan.compression.progressive import drop_masks, make_progressive, masks_of
from edgegan.compression.removal import remove_channels
from edgegan.compression.sections import CompressSection
from edgegan.compression.selection import choose, hidden_channels
from edgegan.errors import ModelError, RecipeError
from edgegan.generators.contract import GeneratorSpec
from edgegan.generators.load import build_module, load_module
from edgegan.lowering.capture import capture

DOCUMENT, WEIGHTS = "compressed.json", "weights.safetensors"


def build_student(section: CompressSection, spec: GeneratorSpec, folder: Path) -> nn.Module:
    """The module that learns, or whose graph does; of progressive pruning with its masks.

    Raises:
        ModelError: if it cannot be built, or has no blocks to prune.
    """
    if section.student is not None:
        module = build_module(section.student.source, section.student.arguments, folder)
    elif section.random:
        module = build_module(spec.source, spec.arguments, folder)
    else:
        module = load_module(spec.source, spec.arguments, folder / spec.weights, folder)
    pruning = section.pruning
    if pruning is not None and pruning.method == "progressive":
        assert pruning.ratio is not None
        make_progressive(module, pruning.ratio, pruning.multiple, pruning.stem)
    return module


def refuse_fixed(spec: GeneratorSpec) -> None:
    """A generator learns with all of its inputs.

    Raises:
        RecipeError: if it does not have them.
    """
    if spec.fixed:
        raise RecipeError(
            f"generator.fixed: {', '.join(spec.fixed)} must stay free while a generator is "
            "compressed; leave `fixed` out, or `compress`."
        )


def find_hidden(
    student: nn.Module, example: tuple[torch.Tensor, ...]
) -> tuple[fx.GraphModule, Channels, Kept, fx.GraphModule]:
    """Of a student whose masks are binary; it loses them.

    Returns:
        Its graph without masks, the channels of that, those that the masks leave, and its graph with masks.
    """
    masked, channels = captured_channels(student, example)
    kept = hidden_channels(masked, channels)
    drop_masks(student)
    return *captured_channels(student, example), kept, masked


def captured_channels(
    module: nn.Module, example: tuple[torch.Tensor, ...]
) -> tuple[fx.GraphModule, Channels]:
    graph = simplified(capture(module, example), example)
    return graph, find_channels(graph)


def outline(
    section: CompressSection,
    spec: GeneratorSpec,
    folder: Path,
    example: tuple[torch.Tensor, ...],
) -> fx.GraphModule:
    """The generator with as many channels as compression will leave; which they are is learned.

    How many follows from the architecture and the section alone.

    Args:
        section: what is to be done.
        spec: of the original.
        folder: where the original's weights and local modules lie.
        example: inputs with the example batch.

    Raises:
        EdgeganError: if the generator cannot be pruned so.
    """
    refuse_fixed(spec)
    pruning = section.pruning
    module = build_student(section, spec, folder).eval().requires_grad_(False)
    if section.on_graph:
        assert pruning is not None
        graph, channels = captured_channels(module, example)
        kept = choose(graph, channels, pruning)
    else:
        for mask in masks_of(module):
            assert pruning is not None and pruning.ratio is not None
            mask.binarize(pruning.ratio, at_last=True)
        graph, channels, kept, _ = find_hidden(module, example)
    return remove_channels(graph, channels, kept, example)


def save(folder: Path, graph: fx.GraphModule, kept: Kept, about: dict[str, Any]) -> None:
    """Write both files; ``about`` goes into the document."""
    state = {name: value.detach().cpu().contiguous() for name, value in graph.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    document = {
        "schema": "edgegan.compressed/1",
        "kept": {n: list(k) for n, k in kept.items()},
    } | about
    (folder / DOCUMENT).write_text(json.dumps(document, indent=2) + "\n")


def rebuild(
    section: CompressSection,
    spec: GeneratorSpec,
    folder: Path,
    stored: Path,
    example: tuple[torch.Tensor, ...],
) -> fx.GraphModule:
    """The compressed generator as a captured graph.

    Args:
        section: that it was compressed by.
        spec: of the original.
        folder: where the original's weights and local modules lie.
        stored: with both files.
        example: inputs with the example batch.

    Raises:
        ModelError: if the files do not fit the architecture.
    """
    module = build_student(section, spec, folder).eval().requires_grad_(False)
    drop_masks(module)
    graph, channels = captured_channels(module, example)
    kept = json.loads((stored / DOCUMENT).read_text())["kept"]
    stays = {name: tuple(places) for name, places in kept.items()}
    smaller = remove_channels(graph, channels, stays, example)
    _fill(smaller, stored / WEIGHTS)
    return smaller


def _fill(graph: fx.GraphModule, path: Path) -> None:
    weights = load_file(path)
    for name, value in graph.state_dict().items():
        own = weights.get(name)
        if own is None or own.shape != value.shape:
            found = "is not there" if own is None else f"has the shape {list(own.shape)}"
            raise ModelError(
                f"{path}: {name} must have the shape {list(value.shape)}, and {found}; compress the "
                "generator again."
            )
        value.copy_(own)
