"""Models that take pictures: calibrated and tuned on the train split, measured on the test split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgegan.card import Card, card_folder, load_card
from edgegan.datasets.catalogue import find_source
from edgegan.errors import DataError

INPUT_CLASS = 0
"""Label of what is translated: a data set's first class."""


@dataclass(frozen=True)
class PictureInputs:
    """What a recipe needs beyond its model's name.

    Attributes:
        settings: by ``section.key``.
        test: inputs to measure with.
    """

    settings: dict[str, Any]
    test: Path


def takes_pictures(card: Card) -> bool:
    """Whether its generator needs pictures of a data set."""
    assert card.generator is not None, "a generator's card"
    return any(spec.is_picture for spec in card.generator.inputs)


def picture_inputs(model: str, data: Path, work: Path, distilled: bool) -> PictureInputs:
    """The model as one's own generator, whose inputs are files that are written to ``work`` once.

    Args:
        data: folder of the data set.
        distilled: whether the recipe trains against a discriminator.
    """
    card, folder = load_card(model), card_folder(model)
    assert card.generator is not None, "a generator's card"
    (spec,) = card.generator.inputs
    files = {}
    for split in ("train", "test"):
        files[split] = work / "inputs" / f"{model}-{split}.npz"
        if not files[split].exists():
            images = find_source(card.data.name).load(data, split).of_class(INPUT_CLASS)
            values = images.batch(np.arange(len(images.images)))
            files[split].parent.mkdir(parents=True, exist_ok=True)
            partial = files[split].with_name(f"partial-{split}.npz")
            np.savez(partial, allow_pickle=False, **{spec.name: values})
            partial.replace(files[split])
    own = card.generator.model_dump(mode="json")
    own["weights"] = str((folder / card.generator.weights).resolve())
    own["inputs"][0]["data"] = str(files["train"].resolve())
    settings: dict[str, Any] = {"generator": own, "checks.features": card.feature_network}
    if distilled and card.discriminator is not None:
        judge = card.discriminator.model_dump(mode="json")
        judge["weights"] = str((folder / card.discriminator.weights).resolve())
        settings["tune.distillation.discriminator"] = judge
    return PictureInputs(settings, files["test"])


def data_folder(root: Path, model: str) -> Path | None:
    """The folder, ``root`` or one in it, with the train split that a model was trained on."""
    source = find_source(load_card(model).data.name)
    for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        try:
            for file in source.train:
                source.check(folder / file.name, file)
        except DataError:
            continue
        return folder
    return None
