"""Names of the metrics and of their numbers; what gates and recipes may ask for."""

from __future__ import annotations

NUMBERS: dict[str, tuple[str, ...]] = {
    "fid": ("fid",),
    "qfid": ("qfid",),
    "kid": ("kid",),
    "is": ("is",),
    "prc": ("prc.precision", "prc.recall"),
    "density_coverage": ("density_coverage.density", "density_coverage.coverage"),
    "realism": ("realism.precision", "realism.recall"),
    "lpips": ("lpips", "lpips.worst", "lpips.diversity"),
    "psnr": ("psnr", "psnr.worst"),
    "ssim": ("ssim", "ssim.worst"),
    "fid_infinity": ("fid_infinity",),
}
"""By metric, its numbers; of each, those that can be had of the pictures at hand are measured."""

METRIC_NAMES = tuple(NUMBERS)
NUMBER_NAMES = tuple(name for names in NUMBERS.values() for name in names)

ON_PIXELS = ("psnr", "ssim")
"""Of no feature network."""


ON_REAL_IMAGES = ("kid", "prc", "density_coverage", "realism")
"""Of real images one by one; FID makes do with their statistics."""

IN_REPORTS = {"psnr": "psnr_db", "fid": "fid.quantized"}
"""Names of numbers that a bundle's report calls otherwise; beside FID stands that of the original."""
FID_OF_ORIGINAL = "fid.float"


def in_report(number: str) -> str:
    """A number's name in reports and in recipes' gates."""
    return IN_REPORTS.get(number, number)


def metric_of(number: str) -> str:
    """The metric that a number is of."""
    return next(metric for metric, names in NUMBERS.items() if number in names)
