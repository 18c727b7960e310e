"""``report.html``: the report as one page for people, with nothing outside of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from markupsafe import Markup
from numpy.typing import NDArray

from edgegan.reports.curves import curve_svg
from edgegan.reports.gallery import template_environment
from edgegan.reports.pictures import (
    DIFFERENCE_GAIN,
    as_pixels,
    data_uri,
    difference,
    histogram_svg,
    states_svg,
)
from edgegan.tuning.history import curves

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
    environment = template_environment()
    environment.filters["number"] = _number
    first, *_ = report["targets"].values()
    checks = _of_first_target(report)
    return environment.get_template("page.html.jinja").render(
        report=report,
        verdict=_verdict(report["checks"]),
        checks=checks,
        groups=_groups(report["checks"]),
        variants=_variants(report["targets"]),
        executions=_executions(report["targets"]),
        latency=_note(first),
        samples=_pictures(samples),
        gain=int(DIFFERENCE_GAIN),
        license_text=license_text,
    )


def _of_first_target(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Checks of the recipe's first target by name, for the summary."""
    name, *_ = report["targets"]
    of_it = [c for c in report["checks"] if c["target"].partition("@")[0] == name]
    return {check["name"]: check for check in of_it}


def _groups(checks: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Checks by target and device, in order."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for check in checks:
        groups.setdefault(check["target"], []).append(check)
    return groups


def _variants(targets: dict[str, Any]) -> list[dict[str, Any]]:
    """What targets of one grid share, once: names, rewrites, tensors and weights with pictures."""
    variants: dict[str, dict[str, Any]] = {}
    for name, data in targets.items():
        if data["grid"] in variants:
            variants[data["grid"]]["targets"].append(name)
            continue
        diagnosis = data["diagnosis"]
        variants[data["grid"]] = {
            "grid": data["grid"],
            "targets": [name],
            "rewrites": data["rewrites"],
            "compressed": data["compressed"] and _compressed(data["compressed"]),
            "tuned": data["tuned"] and _tuned(data["tuned"]),
            "tensors": [t | {"picture": _histogram(t)} for t in diagnosis["tensors"]],
            "weights": [
                w | {"picture": Markup(states_svg(w["states"]))} for w in diagnosis["weights"]
            ],
        }
    return list(variants.values())


def _compressed(compressed: dict[str, Any]) -> dict[str, Any]:
    """Rows of the models on the way, and curves as of ``_tuned``, those of all phases."""
    return {
        "rows": compressed["waterfall"],
        "settings": yaml.safe_dump({"compress": compressed["settings"]}, sort_keys=False),
        "budget": compressed["settings"]["budget"],
        "trained_on": compressed["trained_on"],
        "curves": [
            Markup(curve_svg(f"{phase}: {name}", points))
            for phase, history in compressed["history"].items()
            for name, points in curves(history).items()
        ],
    }


def _tuned(tuned: dict[str, Any]) -> dict[str, Any]:
    """The settings as they stand in a recipe, and a picture of every curve."""
    samples = {record["samples"] for record in tuned["history"] if "samples" in record}
    return {
        "settings": yaml.safe_dump({"tune": tuned["settings"]}, sort_keys=False),
        "budget": tuned["settings"]["budget"],
        "trained_on": tuned["trained_on"],
        "samples": max(samples, default=0),
        "curves": [Markup(curve_svg(*curve)) for curve in curves(tuned["history"]).items()],
    }


def _executions(targets: dict[str, Any]) -> list[dict[str, Any]]:
    """How layers run, once for all devices that run them alike."""
    executions: list[dict[str, Any]] = []
    for data in targets.values():
        for label, device in data["devices"].items():
            same = next((e for e in executions if e["execution"] == device["execution"]), None)
            if same is None:
                same = {"execution": device["execution"], "devices": [], "kept": data["kept_float"]}
                executions.append(same)
            same["devices"].append(label)
    return executions


def _note(target: dict[str, Any]) -> str:
    """How latency was measured, or nothing where it was not."""
    notes = [d["latency"]["note"] for d in target["devices"].values() if d["latency"]]
    return notes[0] if notes else ""


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
