"""Models that take pictures: calibrated and tuned on the train split, measured on the test split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgegan.card import Card, load_card
from edgegan.datasets.catalogue import find_class, find_source
from edgegan.errors import DataError


def takes_pictures(card: Card) -> bool:
    """Whether its generator needs pictures of a data set."""
    assert card.generator is not None, "a generator's card"
    return any(spec.is_picture for spec in card.generator.inputs)


def held_out_pictures(model: str, data: Path, work: Path) -> Path:
    """The test split of what a model takes, as a file of inputs that is written to ``work`` once.

    Args:
        data: folder of the data set.
    """
    card = load_card(model)
    assert card.generator is not None, "a generator's card"
    (spec,) = card.generator.inputs
    assert spec.pictures_of is not None, "the zoo's generators of pictures name their data set"
    source, label = find_class(spec.pictures_of)
    file = work / "inputs" / f"{model}-test.npz"
    if not file.exists():
        images = source.load(data, "test").of_class(label)
        values = images.batch(np.arange(len(images.images)))
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name("partial-test.npz")
        np.savez(partial, allow_pickle=False, **{spec.name: values})
        partial.replace(file)
    return file


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
