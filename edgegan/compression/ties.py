"""Channels that can only be removed together: disjoint sets of numbered variables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
"""Variables along one axis of a tensor, one for each of its places."""


class Ties:
    """Union-find (Galler and Fischer 1964): of each set the smallest number stands for it."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._pinned: set[int] = set()

    def fresh(self, count: int) -> Ids:
        """So many variables that are tied to none."""
        start = len(self._parent)
        self._parent += range(start, start + count)
        return np.arange(start, start + count)

    def tie(self, first: Ids, second: Ids) -> None:
        """Tie place by place."""
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            low, high = sorted((self._find(one), self._find(other)))
            self._parent[high] = low

    def pin(self, ids: Ids) -> None:
        """These stay, and all that is or will be tied to them."""
        self._pinned.update(ids.tolist())

    def root(self, ids: Ids) -> Ids:
        """Who stands for them."""
        return np.array([self._find(one) for one in ids.tolist()], np.int64)

    def pinned(self) -> set[int]:
        """Roots of what stays."""
        return {self._find(one) for one in self._pinned}

    def _find(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one
