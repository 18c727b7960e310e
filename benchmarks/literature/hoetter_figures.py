"""From rows of ``hoetter.py`` to its result files."""

from __future__ import annotations

from html import escape
from pathlib import Path

from benchmarks.literature.plots import lines_panel, panels_svg
from benchmarks.literature.published import HOETTER
from benchmarks.literature.rows import Row
from benchmarks.literature.summary import over_seeds
from benchmarks.results_file import write_result

FLOAT_BITS = 32
_NUMBERS = ("is", "precision", "recall", "realism_precision", "realism_recall", "fid")
_PLOTS = {
    "figure3": (("is",), "Inception Score"),
    "figure4": (("precision", "recall"), "precision and recall"),
    "figure5": (("realism_precision", "realism_recall"), "realism"),
}
_NOTE = (
    "figures 2 to 5: weights rounded evenly between the smallest and the largest of each tensor, without "
    "tuning; 32 bits is the float model. Measured on the exported engine, whose activations have 8 bits "
    "(the paper's are float) and whose levels are int8 integers. Precision, recall and realism (medians) "
    "are of as many real as generated pictures, in the features that each row names; the paper takes "
    "20,000 in all, of VGG-16 and Inception, from 8 to 3 bits, and publishes plots without numbers. Mean "
    "± standard deviation over seeds."
)
_COLUMNS = {
    "model": "model", "bits": "bits", "is_text": "IS", "precision_text": "precision",
    "recall_text": "recall", "realism_precision_text": "realism precision",
    "realism_recall_text": "realism recall", "fid_text": "FID", "seeds": "seeds", "samples": "samples",
    "features": "features",
}  # fmt: skip


def publish(command: str, rows: list[Row], left_out: list[str], out: Path) -> None:
    """Write the table and the figures."""
    shown = over_seeds(
        with_float(rows), ("model", "bits", "method", "samples", "features"), _NUMBERS
    )
    shown.sort(key=lambda row: (row["model"], row["samples"], -row["bits"]))
    note = " ".join([f"{HOETTER}, {_NOTE}", *(f"Left out: {one}" for one in left_out)])
    kept = [{key: row[key] for key in row if key != "pictures"} for row in rows]
    write_result("hoetter-figures", command, kept, _COLUMNS, note, shown, folder=out)
    for name, (numbers, title) in _PLOTS.items():
        (out / f"hoetter-{name}.svg").write_text(_plot(shown, numbers, title))
    (out / "hoetter-figure2.svg").write_text(grid_svg(rows))


def with_float(rows: list[Row]) -> list[Row]:
    """The rows, and for each model and seed one of the float model in 32 bits."""
    floats: dict[tuple[str, int, int], Row] = {}
    for row in rows:
        found = row | {"bits": FLOAT_BITS} | {name: row[f"{name}_float"] for name in _NUMBERS}
        floats.setdefault((row["model"], row["seed"], row["samples"]), found)
    return [*rows, *floats.values()]


def _plot(shown: list[Row], numbers: tuple[str, ...], title: str) -> str:
    """A panel for each model; bits fall to the right, as in the paper."""
    ticks = sorted({row["bits"] for row in shown}, reverse=True)
    panels = []
    for model in dict.fromkeys(row["model"] for row in shown):
        lines = {
            number.replace("_", " "): [(row["bits"], row[number]) for row in shown if row["model"] == model]
            for number in numbers
        }  # fmt: skip
        panels.append(lines_panel(f"{model}: {title} by bits", lines, ticks))
    return panels_svg(panels)


def grid_svg(rows: list[Row]) -> str:
    """Figure 2: a row of pictures for each model, real, then float, then fewer and fewer bits.

    Of each model and width the first run is shown; all of a model's share the same latents.
    """
    first: dict[str, dict[int, Row]] = {}
    for row in rows:
        first.setdefault(row["model"], {}).setdefault(row["bits"], row)
    widths = sorted({bits for found in first.values() for bits in found}, reverse=True)
    left, top, tile, tall = 110, 24, 68, 132
    names = ["real", "float", *(f"{bits} bits" for bits in widths)]
    parts = [
        f'<text x="{left + place * tile + 32}" y="16" text-anchor="middle">{name}</text>'
        for place, name in enumerate(names)
    ]
    for line, (model, found) in enumerate(first.items()):
        y = top + line * tall
        parts.append(f'<text x="4" y="{y + 64}">{escape(model)}</text>')
        some = next(iter(found.values()))["pictures"]
        tiles = [some["real"], some["float"]]
        tiles += [found[bits]["pictures"]["quantized"] if bits in found else "" for bits in widths]
        parts += [
            f'<image x="{left + place * tile}" y="{y}" width="64" height="128" href="{picture}"/>'
            for place, picture in enumerate(tiles)
            if picture
        ]
    width, height = left + len(names) * tile, top + len(first) * tall
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">'
        "<style>text{font:11px sans-serif;fill:#444}image{image-rendering:pixelated}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
