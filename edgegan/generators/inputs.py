"""Inputs of a generator: drawn from their law, or taken from the user's own files.

Files are an ``.npz`` (the array of the input's name, or the only one; ``[N, *shape]``) or a
folder: of pictures of exactly the input's size, or of the data set that the input names. Pictures are
mapped from 0..255 to the input's ``value_range``. Nothing is resized or normalized silently.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edgegan.datasets.catalogue import ImageSet, find_class
from edgegan.errors import DataError
from edgegan.generators import latents
from edgegan.generators.contract import InputSpec
from edgegan.generators.latents import Samples

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def draw_inputs(
    specs: Sequence[InputSpec], folder: Path, count: int, seed: int
) -> dict[str, Samples]:
    """``count`` samples of every input, or as many as the user's files hold.

    Args:
        specs: the generator's inputs, in order.
        folder: where relative paths start.
        count: how many; of files, a seeded choice without repetition.
        seed: of laws and choices.

    Returns:
        ``[N, *shape]`` by name, the same N for all; float32, labels int64.

    Raises:
        DataError: if a file is missing, damaged, of another shape, or holds labels of no class.
    """
    sources = {spec.name: _files(spec, folder) for spec in specs if spec.data is not None}
    held = [len(files) for files in sources.values()]
    if held and min(held) < 2:
        raise DataError("the inputs' files hold fewer than 2 samples; give more.")
    count = min([count, *held])
    result: dict[str, Samples] = {}
    for spec in specs:
        if spec.name not in sources:
            result[spec.name] = latents.draw(spec, count, seed)
            continue
        files = sources[spec.name]
        chosen = np.random.default_rng(seed).permutation(len(files))[:count]
        result[spec.name] = _take(spec, files, chosen)
    return result


def data_files(spec: InputSpec, folder: Path) -> list[Path]:
    """The files that an input is taken from; none for a law."""
    if spec.data is None:
        return []
    path = folder / spec.data
    if not path.is_dir():
        return [path]
    pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
    if pictures or spec.pictures_of is None:
        return pictures
    return [path / file.name for file in find_class(spec.pictures_of)[0].train]


def draw_other_sizes(
    specs: Sequence[InputSpec], multiple: int, count: int, seed: int
) -> dict[str, Samples]:
    """As ``draw_inputs``, with pictures higher by ``multiple`` pixels and wider by twice as many.

    Files hold pictures of one size: in their place stand random ones.
    """
    other = {}
    for spec in specs:
        if spec.is_picture:
            channels, height, width = spec.shape
            shape = (channels, height + multiple, width + 2 * multiple)
            law = spec.law if spec.data is None else "uniform"
            spec = spec.model_copy(update={"shape": shape, "law": law, "data": None})
        other[spec.name] = latents.draw(spec, count, seed)
    return other


def _files(spec: InputSpec, folder: Path) -> list[Path] | ImageSet | Samples:
    """Pictures of a folder or of a data set, or the samples of an array."""
    assert spec.data is not None
    path = folder / spec.data
    if not path.is_dir():
        return _read_array(path, spec)
    files = data_files(spec, folder)
    if not files:
        raise DataError(f"{path} holds no pictures ({', '.join(PICTURES)}).")
    if files[0].suffix.lower() in PICTURES:
        return files
    assert spec.pictures_of is not None, "other files are a data set's"
    pictures = _of_data_set(path, spec.pictures_of)
    shape = pictures.images.shape[1:]
    if shape != spec.shape:
        name = find_class(spec.pictures_of)[0].name
        raise DataError(
            f"{path}: {name} has pictures of shape {shape}, but input {spec.name!r} takes {spec.shape}."
        )
    return pictures


@lru_cache(maxsize=1)
def _of_data_set(folder: Path, pictures_of: str) -> ImageSet:
    """The train split's pictures of one class; kept, as an export asks for inputs a dozen times."""
    source, label = find_class(pictures_of)
    return source.load(folder, "train").of_class(label)


def _mapped(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """0..255 to the input's range of values."""
    low, high = spec.value_range
    return (pixels.astype(np.float32) * ((high - low) / 255.0) + low).astype(np.float32)


def _take(
    spec: InputSpec, files: list[Path] | ImageSet | Samples, chosen: NDArray[np.int64]
) -> Samples:
    if isinstance(files, np.ndarray):
        return files[chosen]
    if isinstance(files, ImageSet):
        return _mapped(files.images[chosen], spec)
    return np.stack([_read_picture(files[index], spec) for index in chosen])


def _read_array(path: Path, spec: InputSpec) -> Samples:
    try:
        with np.load(path, allow_pickle=False) as data:
            if not hasattr(data, "files"):
                raise DataError(f"{path} is a single array; save it as .npz.")
            key = spec.name if spec.name in data.files else data.files[0]
            if key != spec.name and len(data.files) != 1:
                raise DataError(
                    f"{path} has no array {spec.name!r}; it has: {', '.join(data.files)}."
                )
            values = np.asarray(data[key])
            values = values if spec.classes else values.astype(np.float32)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; check `data:` of input {spec.name!r}.") from None
    except (OSError, ValueError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not an .npz of plain arrays ({error}).") from None
    if values.shape[1:] != spec.shape:
        raise DataError(
            f"{path}: samples of shape {values.shape[1:]}, but input {spec.name!r} takes {spec.shape}."
        )
    if not np.isfinite(values).all():
        raise DataError(f"{path} holds NaN or infinity.")
    if spec.classes is None:
        return values
    labels: NDArray[np.int64] = values.astype(np.int64)
    if not np.array_equal(labels, values) or labels.min() < 0 or labels.max() >= spec.classes:
        raise DataError(
            f"{path}: labels of input {spec.name!r} must be whole numbers from 0 to "
            f"{spec.classes - 1}, as `classes: {spec.classes}` says."
        )
    return labels


def _read_picture(path: Path, spec: InputSpec) -> NDArray[np.float32]:
    if len(spec.shape) != 3 or spec.shape[0] not in (1, 3):
        raise DataError(
            f"input {spec.name!r} takes {spec.shape}; pictures need a shape of [1 or 3, H, W]."
        )
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("L" if spec.shape[0] == 1 else "RGB"))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a picture ({error}).") from None
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    if planes.shape != spec.shape:
        raise DataError(
            f"{path} is {planes.shape[2]}x{planes.shape[1]}, but input {spec.name!r} takes "
            f"{spec.shape[2]}x{spec.shape[1]}; resize it yourself, the way your training did."
        )
    return _mapped(planes, spec)
