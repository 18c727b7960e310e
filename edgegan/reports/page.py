"""``report.html``: the report as one page for people, with nothing outside of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from edgegan.reports.pictures import (
    DIFFERENCE_GAIN,
    as_pixels,
    data_uri,
    difference,
    histogram_svg,
    states_svg,
)

_SAMPLES = 16
_SMALL = 64


@dataclass(frozen=True)
class Samples:
    """Images of the same inputs.

    Attributes:
        original, quantized: float32 ``[N, C, H, W]``.
        value_range: of both.
    """

    original: NDArray[np.float32]
    quantized: NDArray[np.float32]
    value_range: tuple[float, float]


def render(report: dict[str, Any], samples: Samples, license_text: str) -> str:
    """The page. Everything that comes from the user's model is escaped by the template."""
    environment = Environment(
        loader=PackageLoader("edgegan.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    checks = {check["name"]: check for check in report["checks"]}
    target, data = next(iter(report["targets"].items()))
    return environment.get_template("page.html.jinja").render(
        report=report,
        verdict=_verdict(report["checks"]),
        checks=checks,
        target=target,
        data=data,
        samples=_pictures(samples),
        gain=int(DIFFERENCE_GAIN),
        tensors=[t | {"picture": _histogram(t)} for t in data["diagnosis"]["tensors"]],
        weights=[
            w | {"picture": Markup(states_svg(w["states"]))} for w in data["diagnosis"]["weights"]
        ],
        license_text=license_text,
    )


def _histogram(tensor: dict[str, Any]) -> Markup:
    """Only numbers go into the picture, so it needs no escaping."""
    return Markup(histogram_svg(*(tensor[key] for key in ("histogram", "edges", "low", "high"))))


def _pictures(samples: Samples) -> list[dict[str, str]]:
    original = as_pixels(samples.original, samples.value_range)
    quantized = as_pixels(samples.quantized, samples.value_range)
    if original is None or quantized is None:
        return []
    count = _SAMPLES if max(original.shape[1:3]) <= _SMALL else _SAMPLES // 2
    delta = difference(original, quantized)
    rows = zip(original[:count], quantized[:count], delta[:count], strict=True)
    return [
        {"original": data_uri(a), "quantized": data_uri(b), "difference": data_uri(c)}
        for a, b, c in rows
    ]


def _verdict(checks: list[dict[str, Any]]) -> str:
    verdicts = {check["verdict"] for check in checks}
    return next((v for v in ("fail", "inconclusive") if v in verdicts), "pass")


def _number(value: Any, digits: int = 4) -> str:
    if value is None:
        return "∞"
    if isinstance(value, float):
        return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    return str(value)
