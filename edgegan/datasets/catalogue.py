"""The data sets that the zoo is trained on: where to get them, their checksums, how to load them.

edgegan never downloads data. ``edgegan zoo data NAME`` prints what stands here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgegan.datasets.idx import read_idx
from edgegan.datasets.jpeg_arrays import read_jpeg_arrays
from edgegan.datasets.picture_tar import read_picture_tar
from edgegan.errors import DataError, UsageError

Pictures = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images ``[count, channels, height, width]`` and labels ``[count]``."""


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
        name: as its publisher names it.
        url: where to get it, or what it is made from.
        sha256: None where nobody publishes just this file; then any file of the same form is taken.
    """

    name: str
    url: str
    sha256: str | None


@dataclass(frozen=True)
class ImageSet:
    """Images with labels.

    Attributes:
        images: uint8 ``[count, channels, height, width]``, 0 to 255.
        labels: int64 ``[count]``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """The images at ``index`` as float32 in [-1, 1]."""
        return self.images[index].astype(np.float32) / 127.5 - 1.0

    def of_class(self, label: int) -> ImageSet:
        """The images of one class, in order."""
        chosen = self.labels == label
        return ImageSet(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True)
class DataSource:
    """A data set: its terms, its files, and how they are read.

    Attributes:
        name, title, license, attribution: for people.
        classes: names of the labels.
        train, test: files of each split.
        read: reads the files of a split, in order; it is given the split's name too.
    """

    name: str
    title: str
    license: str
    attribution: str
    classes: tuple[str, ...]
    train: tuple[DataFile, ...]
    test: tuple[DataFile, ...]
    read: Callable[[Sequence[Path], str], Pictures]

    def load(self, folder: Path, split: str) -> ImageSet:
        """Read the ``train`` or ``test`` split from ``folder``.

        Raises:
            DataError: if a file is missing, damaged, or not the published one (SHA-256).
        """
        files = self.train if split == "train" else self.test
        for file in files:
            self.check(folder / file.name, file)
        return ImageSet(*self.read([folder / file.name for file in files], split))

    def check(self, path: Path, file: DataFile) -> None:
        """Refuse a file that is missing or not the published one (DataError)."""
        if not path.is_file():
            raise DataError(
                f"{path} does not exist; `edgegan zoo data {self.name}` says where to get it."
            )
        if file.sha256 is None:
            return
        if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
            raise DataError(
                f"{path} is not the published file (its SHA-256 differs from {file.sha256}); "
                f"fetch it again from {file.url}."
            )


def read_gray_32(paths: Sequence[Path], split: str) -> Pictures:
    """IDX images ``[count, 28, 28]``, padded with black to ``[count, 1, 32, 32]``, and IDX labels."""
    images, labels = (read_idx(path) for path in paths)
    return np.pad(images, ((0, 0), (2, 2), (2, 2)))[:, None], labels.astype(np.int64)


def _cifar(paths: Sequence[Path], split: str) -> Pictures:
    return read_jpeg_arrays(paths[0], 32, 10)


def _horses_and_zebras(paths: Sequence[Path], split: str) -> Pictures:
    return read_picture_tar(paths[0], (f"{split}A", f"{split}B"), 128)


_FASHION = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"


def _fashion(name: str, sha256: str) -> DataFile:
    return DataFile(name, _FASHION + name, sha256)


def _mnist(name: str, sha256: str) -> DataFile:
    return DataFile(name, _MNIST + name, sha256)


def _cifar_file(name: str) -> tuple[DataFile]:
    return (DataFile(name, "https://www.cs.toronto.edu/~kriz/cifar.html", None),)


_HORSE2ZEBRA = (
    DataFile(
        "horse2zebra-128.tar",
        "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets/horse2zebra.zip",
        None,
    ),
)


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
        read=read_gray_32,
    ),
    "mnist": DataSource(
        name="mnist",
        title="MNIST (LeCun, Bottou, Bengio, Haffner 1998)",
        license="not stated",
        attribution="Yann LeCun, Corinna Cortes, Christopher J. C. Burges",
        classes=tuple("0123456789"),
        train=(
            _mnist(
                "train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            _mnist(
                "train-labels-idx1-ubyte.gz",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
        ),
        test=(
            _mnist(
                "t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            _mnist(
                "t10k-labels-idx1-ubyte.gz",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        read=read_gray_32,
    ),
    "cifar10-jpeg": DataSource(
        name="cifar10-jpeg",
        title="CIFAR-10 (Krizhevsky 2009) as JPEG of quality 75, a lossy copy",
        license="not stated",
        attribution="Alex Krizhevsky, Vinod Nair, Geoffrey Hinton",
        classes=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        train=_cifar_file("cifar10-train.npz"),
        test=_cifar_file("cifar10-test.npz"),
        read=_cifar,
    ),
    "horse2zebra": DataSource(
        name="horse2zebra",
        title="horse2zebra (Zhu, Park, Isola, Efros 2017, arXiv 1703.10593), as 128x128 JPEG",
        license="not stated",
        attribution="Jun-Yan Zhu and others, from pictures of ImageNet",
        classes=("horse", "zebra"),
        train=_HORSE2ZEBRA,
        test=_HORSE2ZEBRA,
        read=_horses_and_zebras,
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


def find_class(pictures_of: str) -> tuple[DataSource, int]:
    """The data set of ``DATA_SET/CLASS``, and the class's label.

    Raises:
        UsageError: if there is no such data set or class.
    """
    name, _, title = pictures_of.partition("/")
    source = find_source(name)
    if title not in source.classes:
        raise UsageError(
            f"data set {name!r} has no class {title!r}; it has: {', '.join(source.classes)}."
        )
    return source, source.classes.index(title)


def find_in_folder(folder: Path, split: str) -> DataSource | None:
    """The data set whose files of ``split`` lie in ``folder``, by their names and checksums."""
    for source in CATALOGUE.values():
        files = source.train if split == "train" else source.test
        try:
            for file in files:
                source.check(folder / file.name, file)
        except DataError:
            continue
        return source
    return None
