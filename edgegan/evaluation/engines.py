"""An engine against the float model that it was made from, on the same inputs: what an export measures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgegan.cache import StageCache
from edgegan.evaluation.evaluate import measure
from edgegan.evaluation.material import Material
from edgegan.evaluation.names import metric_of
from edgegan.evaluation.networks import Network
from edgegan.evaluation.pictures import Pictures
from edgegan.evaluation.score import Score
from edgegan.generators.latents import Samples
from edgegan.progress import Listener
from edgegan.runtimes.base import Engine, first_output

_FIRST = ("psnr", "qfid", "fid")
"""What every report begins with; the last two need a feature network."""


@dataclass(frozen=True)
class Compared:
    """The two engines.

    Attributes:
        engine, original: give the image first.
        keys: what identifies each of them.
        feed: inputs ``[N, ...]`` by name.
        value_range: of the images.
        title: of what executes ``engine``, for people.
    """

    engine: Engine
    original: Engine
    keys: tuple[Any, Any]
    feed: dict[str, Samples]
    value_range: tuple[float, float]
    title: str

    def pictures(self) -> tuple[Pictures, Pictures]:
        """Of the engine and of the original."""
        labels = [value for value in self.feed.values() if value.dtype == np.int64]
        count = len(next(iter(self.feed.values())))

        def of(engine: Engine, label: str, key: Any) -> Pictures:
            return Pictures(
                label=label,
                key=key,
                count=count,
                value_range=self.value_range,
                take=lambda chosen: first_output(
                    engine.run({name: value[chosen] for name, value in self.feed.items()})
                ),
                labels=np.asarray(labels[0], np.int64).reshape(-1) if len(labels) == 1 else None,
                inputs="the same",
            ).held()

        engine, original = self.keys
        return of(self.engine, self.title, engine), of(self.original, "the float model", original)


def measure_engines(
    compared: Compared,
    network: Network | None,
    cache: StageCache,
    metrics: Collection[str] = (),
    gated: Collection[str] = (),
    real: Pictures | None = None,
    seed: int = 0,
    listen: Listener = lambda event: None,
) -> tuple[Score, ...]:
    """PSNR, with a feature network qFID and (where it or ``real`` tells of real images) FID, and more.

    Args:
        metrics: further ones.
        gated: numbers whose interval and so whose metric is needed.

    Raises:
        LackingError: if one that was asked for cannot be measured.
    """
    measured, original = compared.pictures()
    material = Material(
        measured, original, real, network, cache, seed=seed, intervals=gated, listen=listen
    )
    asked = {*metrics, *(metric_of(number) for number in gated)}
    usual = _FIRST[:1] if network is None else _FIRST
    scores, _ = measure(material, {*asked, *usual}, {*usual} - asked)
    return tuple(sorted(scores, key=lambda score: (*_FIRST, score.name).index(score.name)))
