"""Pictures that lie in folders: a folder of files, with or without one for each class, or a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edgegan.cache import digest, file_digest
from edgegan.datasets.catalogue import DataSource, find_in_folder
from edgegan.errors import DataError
from edgegan.evaluation.pictures import Pictures
from edgegan.generators.inputs import PICTURES
from edgegan.metrics.extractor import Images

_RANGE = (-1.0, 1.0)


def folder_pictures(folder: Path, count: int | None = None) -> Pictures:
    """The pictures of a folder in the order of their names; those of its folders are its classes.

    Args:
        count: the first so many of them; all if None.

    Raises:
        DataError: if there are none.
    """
    files = _files(folder)[:count]
    if not files:
        raise DataError(f"{folder} holds no pictures ({', '.join(PICTURES)}); check the path.")
    names = [path.relative_to(folder).as_posix() for path in files]
    size = _read(files[0]).shape

    def take(indices: NDArray[np.int64]) -> Images:
        return np.stack([_scaled(_of_size(files[index], size)) for index in indices])

    return Pictures(
        label=folder.name or str(folder),
        key=digest([[name, file_digest(path)] for name, path in zip(names, files, strict=True)]),
        count=len(files),
        value_range=_RANGE,
        take=take,
        labels=_labels(folder, files),
        inputs=[Path(name).with_suffix("").as_posix() for name in names],
    )


def real_pictures(folder: Path, split: str, count: int, seed: int) -> Pictures:
    """Real pictures: of a data set of the catalogue whose files lie in ``folder``, or of its pictures.

    Args:
        split: ``train`` or ``test`` of a data set.
        count: how many, or as many as there are; a seeded choice without repetition.

    Raises:
        DataError: if there is neither.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give one of pictures, or a data set's.")
    source = find_in_folder(folder, split)
    if source is None:
        return _chosen(folder_pictures(folder), count, seed)
    return _chosen(_data_set(source, folder, split), count, seed)


def _data_set(source: DataSource, folder: Path, split: str) -> Pictures:
    images = source.load(folder, split)
    files = source.train if split == "train" else source.test
    return Pictures(
        label=f"{source.name} {split}",
        key=[source.name, split, [file_digest(folder / file.name) for file in files]],
        count=len(images.images),
        value_range=_RANGE,
        take=images.batch,
        labels=images.labels,
    )


def _chosen(pictures: Pictures, count: int, seed: int) -> Pictures:
    count = min(count, pictures.count)
    chosen = np.random.default_rng(seed).permutation(pictures.count)[:count]
    return Pictures(
        label=pictures.label,
        key=[pictures.key, count, seed],
        count=count,
        value_range=pictures.value_range,
        take=lambda indices: pictures.take(chosen[indices]),
        labels=None if pictures.labels is None else pictures.labels[chosen],
    )


def _files(folder: Path) -> list[Path]:
    """Pictures of the folder itself and of those in it."""
    found = [*folder.glob("*"), *folder.glob("*/*")]
    return sorted(path for path in found if path.suffix.lower() in PICTURES and path.is_file())


def _labels(folder: Path, files: list[Path]) -> NDArray[np.int64] | None:
    parents = [path.parent for path in files]
    classes = sorted(set(parents))
    if folder in classes or len(classes) < 2:
        return None
    return np.array([classes.index(parent) for parent in parents], np.int64)


def _of_size(path: Path, size: tuple[int, ...]) -> NDArray[np.uint8]:
    pixels = _read(path)
    if pixels.shape != size:
        raise DataError(
            f"{path} is {_named(pixels.shape)}, and others of its folder {_named(size)}; give pictures of "
            "one size and kind."
        )
    return pixels


def _read(path: Path) -> NDArray[np.uint8]:
    """``[C, H, W]``: one channel of a gray picture, else three."""
    try:
        with Image.open(path) as picture:
            gray = picture.mode in ("1", "L", "LA", "I;16")
            pixels = np.asarray(picture.convert("L" if gray else "RGB"))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a picture ({error}).") from None
    return pixels[None] if gray else pixels.transpose(2, 0, 1)


def _scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / 127.5 - 1.0


def _named(size: tuple[int, ...]) -> str:
    return f"{size[2]}x{size[1]} {'gray' if size[0] == 1 else 'colour'}"
