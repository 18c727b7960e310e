"""What a compression depends on besides the generator, as a key; computed without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgegan.cache import file_digest
from edgegan.card import card_folder, load_card
from edgegan.compression.sections import CompressSection
from edgegan.evaluation.folders import real_pictures
from edgegan.generators.identity import generator_digest, source_files_digest
from edgegan.recipe import ResolvedRecipe

ALL = 1_000_000
"""Real pictures, at most."""


def compression_key(resolved: ResolvedRecipe, section: CompressSection, folder: Path) -> list[Any]:
    """The section, and digests of all networks and pictures that it names.

    Raises:
        EdgeganError: if one of them is not there.
    """
    parts: list[Any] = [section.model_dump(mode="json")]
    if section.student is not None:
        parts.append(source_files_digest(section.student.source, folder))
    if section.teacher is not None and section.teacher.own is not None:
        parts.append(generator_digest(section.teacher.own, folder))
    if section.teacher is not None and section.teacher.zoo is not None:
        spec = load_card(section.teacher.zoo).generator
        parts.append(spec and generator_digest(spec, card_folder(section.teacher.zoo)))
    network = section.discriminator or resolved.discriminator
    if section.loss.adversarial and network is not None:
        parts += [network.model_dump(mode="json"), source_files_digest(network.source, folder)]
        parts.append(_weights(folder / network.weights))
    if resolved.compression_data is not None:
        parts.append(real_pictures(resolved.compression_data, "train", ALL, section.seed).key)
    return parts


def _weights(path: Path) -> str | None:
    return file_digest(path) if path.is_file() else None
