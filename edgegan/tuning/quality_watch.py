"""qFID while a generator learns: a few times, of a small fixed sample, on the training simulation.

It is there to show a trend: so few samples bias the distance upwards, and the recipe's own check measures
the engine. Nothing that the training goes on from is touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from edgegan.evaluation.pictures import Pictures, fitted
from edgegan.metrics.extractor import FeatureExtractor, Images
from edgegan.metrics.fid import frechet_distance
from edgegan.metrics.statistics import FeatureStatistics, MomentAccumulator
from edgegan.tuning.history import Record

SAMPLES = 500
POINTS = 10
SHARE = 0.1
"""Of the training's time that measuring may take; at least one point is measured whatever it takes."""

Generate = Callable[..., torch.Tensor]


class QualityWatch:
    """Measures one generator against the float one.

    Args:
        network: that sees the images.
        inputs: of the sample.
        teacher: the float generator; inputs to images.
        value_range: of the images.
        clock: seconds.
    """

    def __init__(
        self,
        network: FeatureExtractor,
        inputs: tuple[torch.Tensor, ...],
        teacher: Generate,
        value_range: tuple[float, float],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.network = network
        self.inputs = inputs
        self.teacher = teacher
        self.value_range = value_range
        self.clock = clock
        self.reference: FeatureStatistics | None = None
        self.begun = clock()
        self.spent = self.last = 0.0
        self.previous = 0

    def at(self, step: int, steps: int, generator: Generate) -> Record | None:
        """A record, where a point is due behind ``step`` of ``steps`` and there is time for it."""
        due = step * POINTS // steps > self.previous * POINTS // steps
        self.previous = step
        start = self.clock()
        trained = start - self.begun - self.spent
        if not due or (self.last and self.spent + self.last > SHARE * trained):
            return None
        value = self.measure(generator)
        self.last = self.clock() - start
        self.spent += self.last
        return {"step": step, "qfid": value, "samples": len(self.inputs[0])}

    def measure(self, generator: Generate) -> float:
        """Of ``generator``'s images of the sample."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            if self.reference is None:
                self.reference = self._statistics(self.teacher)
            return frechet_distance(self.reference, self._statistics(generator))

    def _statistics(self, generator: Generate) -> FeatureStatistics:
        def take(index: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Images:
            chosen = torch.from_numpy(index)
            images: Images = generator(*(value[chosen] for value in self.inputs)).numpy()
            return images

        pictures = Pictures("tuning", None, len(self.inputs[0]), self.value_range, take)
        seen, _ = fitted(pictures, self.network.description)
        moments = MomentAccumulator(self.network.description.dimensions)
        for images in seen.batches():
            moments.add(self.network.extract(images))
        return moments.statistics()
