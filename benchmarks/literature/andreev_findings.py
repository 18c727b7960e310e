"""What Andreev et al. say in a sentence and give no table of: one setting in two or more ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Ways that differ in one thing.

    Attributes:
        name: of the thing.
        paper: what the paper finds, and where.
        model: of the zoo.
        method: whose recipe all ways have; weights have 4 bits.
        per_channel: of weights.
        ways: settings of a recipe, by name.
    """

    name: str
    paper: str
    model: str
    method: str
    per_channel: bool
    ways: Mapping[str, Mapping[str, Any]]


def _qat(observe: float, learn: bool) -> dict[str, Any]:
    return {"tune.distillation.observe": observe, "tune.distillation.learn_ranges": learn}


FINDINGS = (
    Finding(
        "ranges",
        "ranges fixed before training are worse (section 3.6); GAN Slimming fixes them",
        "fashion-dcgan",
        "lsq-qat",
        True,
        {
            "fixed": _qat(0.0, False),
            "observed (MA)": _qat(0.25, False),
            "learned (LSQ)": _qat(0.0, True),
            "observed, then learned": _qat(0.25, True),
        },
    ),
    Finding(
        "squared gradients",
        "weighting a block's error by them gains nothing (section 3.5)",
        "fashion-dcgan",
        "ste-brecq",
        True,
        {
            "unweighted": {"tune.reconstruction.gradient_weighting": False},
            "weighted": {"tune.reconstruction.gradient_weighting": True},
        },
    ),
    Finding(
        "rate of ranges",
        "attention needs a lower one (appendix A.2)",
        "fashion-sagan",
        "lsq-qat",
        False,
        {f"{rate:g}": {"tune.distillation.quantizer_rate": rate} for rate in (1e-3, 1e-4)},
    ),
    Finding(
        "MA before LSQ",
        "CycleGAN gains from it (section 4.2)",
        "horse2zebra-cyclegan",
        "lsq-qat",
        False,
        {"LSQ alone": _qat(0.0, True), "MA for half the steps": _qat(0.5, True)},
    ),
)
