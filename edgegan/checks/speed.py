"""Latency of a model against its float originals, measured interleaved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from edgegan.generators import latents
from edgegan.generators.contract import InputSpec
from edgegan.latency.confidence import Estimate, ratio_estimate
from edgegan.latency.measure import Effort, Timing, measure
from edgegan.runtimes.base import Runtime

QUANTIZED, FLOAT, LOWERED, HALF = "quantized", "float", "lowered", "half"
COMPRESSED = "compressed"


@dataclass(frozen=True)
class Speed:
    """Timings of one batch size and thread count.

    Attributes:
        timings: by model (``quantized``, ``float``: the original graph, ``lowered``: the rewritten
            float graph, ``compressed``: the smaller generator in float, ``half``: the original in fp16,
            where a GPU would run that instead).
        ratio, ratio_lowered, ratio_half: p50 of ``float``, ``lowered`` and ``half`` over p50 of
            ``quantized``; the last one None without ``half``.
    """

    timings: dict[str, Timing]
    ratio: Estimate
    ratio_lowered: Estimate
    threads: int
    batch: int
    ratio_half: Estimate | None = None


def measure_speed(
    models: dict[str, Path],
    inputs: tuple[InputSpec, ...],
    runtime: Runtime,
    threads: int = 1,
    batch: int = 1,
    effort: Effort | None = None,
    seed: int = 0,
) -> Speed:
    """Time ``models`` (keys as ``Speed.timings``, the last two optional) on the same seeded inputs."""
    feed = {i.name: latents.draw(i, batch, seed) for i in inputs}
    calls: dict[str, Callable[[], object]] = {}
    for name, path in models.items():
        engine = runtime.load(path, threads)
        calls[name] = partial(engine.run, feed)
    timings = measure(calls, effort or Effort())
    quantized = timings[QUANTIZED]
    return Speed(
        timings=timings,
        ratio=ratio_estimate(timings[FLOAT], quantized),
        ratio_lowered=ratio_estimate(timings[LOWERED], quantized),
        threads=threads,
        batch=batch,
        ratio_half=ratio_estimate(timings[HALF], quantized) if HALF in timings else None,
    )


def spread_note(speed: Speed) -> str:
    """How it was measured, for a check's detail."""
    runs = len(speed.timings[QUANTIZED].milliseconds)
    p50 = float(np.median(speed.timings[QUANTIZED].milliseconds))
    return (
        f"{speed.threads} thread{'s' if speed.threads > 1 else ''}, batch {speed.batch}, {runs} "
        f"interleaved runs, quantized p50 {p50:.3f} ms"
    )
