"""Distances between features, in blocks: float32 finds the pairs that matter, float64 decides on them.

A matrix of all distances of 10,000 by 10,000 images takes 800 MB in float64. Here one block of rows at a
time is the product of two float32 matrices, [x, |x|², 1] and [-2y, 1, |y|²], whose rounding has a bound.
What is decided (the radius of a neighbourhood, a pair within the bound of that radius) is computed
again in float64 from the differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgegan.metrics.feature_sets import Features

_BLOCK = 1 << 21  # distances
_PAIRS = 1 << 21  # numbers of exact differences at a time
_SPARE = 16  # nearest neighbours that are looked at beyond those that are asked for

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Rows of a matrix of squared distances.

    Attributes:
        rows: which, int64 ``[R]``.
        squares: float32 ``[R, len(b)]``, each off by no more than ``Distances.bound``.
    """

    rows: Index
    squares: NDArray[np.float32]


class Distances:
    """Squared Euclidean distances between float ``a`` ``[N, D]`` and ``b`` ``[M, D]``."""

    def __init__(self, a: Features, b: Features) -> None:
        self.a, self.b = a, b
        centre = (a.mean(0, dtype=np.float64) + b.mean(0, dtype=np.float64)) / 2
        self._left, norms_a = _centred(a, centre)
        self._right, norms_b = (self._left, norms_a) if b is a else _centred(b, centre)
        largest = max(norms_a.max(), norms_b.max())
        # a sum of D + 2 products of at most 4 |x|² together, and the rounding of its factors
        self.bound = float(4 * (a.shape[1] + 8) * np.finfo(np.float32).eps / 2 * largest)
        ones = np.ones((2, max(len(a), len(b))), np.float32)
        self._left = np.column_stack([self._left, norms_a, ones[0, : len(a)]])
        self._right = np.column_stack([-2 * self._right, ones[1, : len(b)], norms_b])

    def blocks(self) -> Iterator[Block]:
        """All rows in turn; a block's array is used again for the next."""
        count = max(1, min(len(self.a), _BLOCK // len(self.b)))
        buffer = np.empty((count, len(self.b)), np.float32)
        for start in range(0, len(self.a), count):
            left = self._left[start : start + count]
            squares = np.matmul(left, self._right.T, out=buffer[: len(left)])
            yield Block(np.arange(start, start + len(left)), squares)

    def half(self) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
        """Rows, columns and squares of the tiles on and above the diagonal, where ``a`` is ``b``."""
        side = int(_BLOCK**0.5)
        parts = [slice(i, min(i + side, len(self.a))) for i in range(0, len(self.a), side)]
        for number, rows in enumerate(parts):
            for columns in parts[number:]:
                yield rows, columns, self._left[rows] @ self._right[columns].T

    def exact(self, rows: Index, columns: Index) -> NDArray[np.float64]:
        """The squared distances of these pairs, float64 ``[P]``."""
        result = np.empty(len(rows))
        step = max(1, _PAIRS // self.a.shape[1])
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            difference = self.a[rows[part]].astype(np.float64) - self.b[columns[part]]
            result[part] = np.einsum("ij,ij->i", difference, difference)
        return result

    def within(
        self, block: Block, squared_radii: NDArray[np.float64], of_rows: bool = False
    ) -> tuple[Index, Index]:
        """Pairs (row, column) of a block whose distance is at most the radius, which counts as within.

        Args:
            squared_radii: of the columns ``[len(b)]``, or of all rows ``[len(a)]``.
            of_rows: which of the two.
        """
        limits = squared_radii[block.rows, None] if of_rows else squared_radii[None, :]
        flat = np.flatnonzero(block.squares <= (limits + self.bound).astype(np.float32))
        places, columns = np.divmod(flat, len(self.b))
        rows = block.rows[places]
        radii = squared_radii[rows if of_rows else columns]
        unclear = block.squares.reshape(-1)[flat] > radii - self.bound
        kept = np.ones(len(flat), bool)
        kept[unclear] = self.exact(rows[unclear], columns[unclear]) <= radii[unclear]
        return rows[kept], columns[kept]


def squared_radii(features: Features, k: int) -> NDArray[np.float64]:
    """Squared distance of each vector to its ``k``-th nearest other one, float64 ``[N]``.

    Exact unless more than 16 others are as near as the ``k``-th within float32's rounding.
    """
    distances = Distances(features, features)
    size = len(features)
    nearest = _Nearest(size, min(k + _SPARE, size - 1))
    for rows, columns, squares in distances.half():
        if rows == columns:
            np.fill_diagonal(squares, np.inf)
        else:
            nearest.add(columns, rows, np.ascontiguousarray(squares.T))
        nearest.add(rows, columns, squares)
    last = np.partition(nearest.squares, k - 1, axis=1)[:, k - 1, None]
    places, ranks = np.nonzero(nearest.squares <= last + 2 * distances.bound)
    exact = np.full(nearest.squares.shape, np.inf)
    exact[places, ranks] = distances.exact(places, nearest.columns[places, ranks])
    result: NDArray[np.float64] = np.partition(exact, k - 1, axis=1)[:, k - 1]
    return result


class _Nearest:
    """The ``count`` smallest values of each row of a matrix that comes in parts."""

    def __init__(self, rows: int, count: int) -> None:
        self.squares = np.full((rows, count), np.inf, np.float32)
        self.columns = np.zeros((rows, count), np.int64)

    def add(self, rows: slice, columns: slice, squares: NDArray[np.float32]) -> None:
        count = self.squares.shape[1]
        if squares.shape[1] > count:
            found = np.argpartition(squares, count - 1, axis=1)[:, :count]
        else:
            found = np.broadcast_to(np.arange(squares.shape[1]), squares.shape)
        values = [self.squares[rows], np.take_along_axis(squares, found, axis=1)]
        both = np.concatenate(values, axis=1)
        places = np.concatenate([self.columns[rows], found + columns.start], axis=1)
        kept = np.argpartition(both, count - 1, axis=1)[:, :count]
        self.squares[rows] = np.take_along_axis(both, kept, axis=1)
        self.columns[rows] = np.take_along_axis(places, kept, axis=1)


def _centred(
    features: Features, centre: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32 features around the centre, and their squared norms."""
    moved = np.empty(features.shape, np.float32)
    np.subtract(features, centre, out=moved, casting="same_kind")
    return moved, np.einsum("ij,ij->i", moved, moved)
