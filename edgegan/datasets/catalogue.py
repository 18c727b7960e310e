"""The data sets that the zoo is trained on: where to get them, their checksums, how to load them.

edgegan never downloads data. ``edgegan zoo data NAME`` prints what stands here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgegan.datasets.idx import read_idx
from edgegan.errors import DataError, UsageError


@dataclass(frozen=True)
class DataFile:
    """One file of a data set, as its publisher names it."""

    name: str
    url: str
    sha256: str


@dataclass(frozen=True)
class ImageSet:
    """Images with labels.

    Attributes:
        images: uint8 ``[count, channels, height, width]``, 0 to 255.
        labels: int64 ``[count]``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def batch(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """The images at ``index`` as float32 in [-1, 1]."""
        return self.images[index].astype(np.float32) / 127.5 - 1.0


@dataclass(frozen=True)
class DataSource:
    """A data set of IDX files: four files, 28x28 gray images padded with black to 32x32."""

    name: str
    title: str
    license: str
    attribution: str
    classes: tuple[str, ...]
    train: tuple[DataFile, DataFile]
    test: tuple[DataFile, DataFile]
    padding: int = 2

    def load(self, folder: Path, split: str) -> ImageSet:
        """Read the ``train`` or ``test`` split from ``folder``.

        Raises:
            DataError: if a file is missing, damaged, or not the published one (SHA-256).
        """
        files = self.train if split == "train" else self.test
        for file in files:
            path = folder / file.name
            if not path.is_file():
                raise DataError(
                    f"{path} does not exist; `edgegan zoo data {self.name}` says where to get it."
                )
            if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
                raise DataError(
                    f"{path} is not the published file (its SHA-256 differs from {file.sha256}); "
                    f"fetch it again from {file.url}."
                )
        images = read_idx(folder / files[0].name)
        labels = read_idx(folder / files[1].name)
        p = self.padding
        return ImageSet(np.pad(images, ((0, 0), (p, p), (p, p)))[:, None], labels.astype(np.int64))


_FASHION = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"


def _fashion(name: str, sha256: str) -> DataFile:
    return DataFile(name, _FASHION + name, sha256)


CATALOGUE: dict[str, DataSource] = {
    "fashion-mnist": DataSource(
        name="fashion-mnist",
        title="Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747)",
        license="MIT",
        attribution="Copyright (c) 2017 Zalando SE, https://tech.zalando.com",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        train=(
            _fashion(
                "train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            _fashion(
                "train-labels-idx1-ubyte.gz",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
        ),
        test=(
            _fashion(
                "t10k-images-idx3-ubyte.gz",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            _fashion(
                "t10k-labels-idx1-ubyte.gz",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    ),
}


def find_source(name: str) -> DataSource:
    """The catalogue's entry.

    Raises:
        UsageError: if there is none of this name.
    """
    if name not in CATALOGUE:
        raise UsageError(f"data set {name!r} is unknown; known data sets: {', '.join(CATALOGUE)}.")
    return CATALOGUE[name]
