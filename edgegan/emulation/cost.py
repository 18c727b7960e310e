"""What one inference costs, in instructions: deterministic, so that a gate on it does not flicker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgegan.emulation.cores import Core
from edgegan.emulation.launch import Job, launch
from edgegan.emulation.machine import find_emulator
from edgegan.errors import EdgeganError
from edgegan.runtimes.base import Tensors

REPEATABILITY = 0.001
"""Counts of the same inference differ by less than this share: addresses decide how long a hash
chain or an unaligned copy is. Counts of arithmetic (``dot``, ``mmla``, ...) are equal."""

_RUNS = 3


@dataclass(frozen=True)
class Cost:
    """Instructions of one warm inference of one sample, on one thread.

    Attributes:
        instructions: all of them, with the few thousand of Python's call into ONNX Runtime.
        simd: SIMD and scalar floating-point instructions.
        dot: 8-bit dot products (SDOT, UDOT, USDOT, SUDOT).
        mmla: 8-bit matrix products (SMMLA, UMMLA, USMMLA).
        widening_multiply: integer multiplications to twice the width (SMLAL, UMULL, ...): what int8
            convolutions are made of on cores without dot products.
        fma: vector multiply-adds in float (FMLA, FMLS).

    All but ``instructions`` are None on x86-64, where they are not told apart.
    """

    instructions: int
    simd: int | None
    dot: int | None
    mmla: int | None
    widening_multiply: int | None
    fma: int | None


def count(model: Path, inputs: Tensors, core: Core) -> Cost:
    """Count the third inference of the first sample; hash seeds and environment are fixed.

    Args:
        inputs: ``[N, ...]`` by name; the first sample is used.

    Raises:
        UnavailableError: if no emulated machine or no counter is set up.
        BundleError: if ONNX Runtime refuses the model or its inputs.
    """
    repeated = {name: np.repeat(value[:1], _RUNS, axis=0) for name, value in inputs.items()}
    done = launch(core, find_emulator(), Job(model, repeated, count=True))
    return last_inference(done.counts)


def last_inference(text: str) -> Cost:
    """The difference of the counter's last two lines.

    Raises:
        EdgeganError: if they are not what the counter writes.
    """
    try:
        before, after = (
            {name: int(number) for name, number in (part.split("=") for part in line.split())}
            for line in text.splitlines()[-2:]
        )
        spent = {name: after[name] - before[name] for name in after}
        return Cost(
            instructions=spent["all"],
            simd=spent.get("simd"),
            dot=spent.get("dot"),
            mmla=spent.get("mmla"),
            widening_multiply=spent.get("widening_multiply"),
            fma=spent.get("fma"),
        )
    except (ValueError, KeyError) as error:
        raise EdgeganError(f"the instruction counter wrote no valid counts ({error}).") from None
