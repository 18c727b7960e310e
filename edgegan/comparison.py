"""`edgegan compare`: bundles side by side, from what their own reports hold. Runs without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgegan.bundle import Bundle, TargetEntry, open_bundle
from edgegan.checks.check import number
from edgegan.errors import BundleError
from edgegan.generators.latents import Samples
from edgegan.reports.gallery import Gallery, Section, Table, Tile
from edgegan.reports.pictures import as_pixels, data_uri
from edgegan.reports.trade_off import Point, trade_off_svg

SCHEMA = "edgegan.compare/1"
_SHOWN, _SMALL = 16, 64


@dataclass(frozen=True)
class ComparedRow:
    """A target of a bundle.

    Attributes:
        name: of the bundle; with its folder where several bundles have it.
        label: the name without what all names begin with; with the target where the bundle has several.
        bytes: of the quantized model.
        p50_ms: of one inference; None where it was not timed.
        qfid, fid, psnr_db: None where they were not measured.
        how: how qFID was measured; numbers of different ones do not compare.
    """

    name: str
    target: str
    label: str
    weight_bits: int
    bytes: int
    p50_ms: float | None
    ratio: float | None
    qfid: float | None
    fid: float | None
    psnr_db: float | None
    how: str


@dataclass(frozen=True)
class Comparison:
    """Bundles, measured when they were made.

    Attributes:
        rows: one a target.
        bundles: by the names in the rows.
        prefix: what all names begin with.
    """

    rows: tuple[ComparedRow, ...]
    bundles: dict[str, Bundle]
    prefix: str

    @property
    def note(self) -> str:
        """Why numbers do not compare; empty where they do."""
        ways = {row.how for row in self.rows if row.qfid is not None}
        if len(ways) < 2:
            return ""
        return f"qFID and FID were not measured alike: {'; '.join(sorted(ways))}"

    def as_json(self) -> dict[str, Any]:
        rows = [asdict(row) for row in self.rows]
        return {"schema": SCHEMA, "rows": rows, "note": self.note}


def compare(folders: Sequence[Path]) -> Comparison:
    """Read bundles and their reports.

    Raises:
        BundleError: if one is damaged.
    """
    opened = [open_bundle(folder) for folder in folders]
    names = [bundle.manifest.name for bundle in opened]
    bundles = {
        f"{name} ({bundle.folder})" if names.count(name) > 1 else name: bundle
        for name, bundle in zip(names, opened, strict=True)
    }
    prefix = _common_prefix(list(bundles))
    rows = [
        row
        for name, bundle in bundles.items()
        for row in _rows(name, name.removeprefix(prefix), bundle)
    ]
    return Comparison(tuple(rows), bundles, prefix)


def _common_prefix(names: list[str]) -> str:
    """The words that all names begin with, of those that hyphens divide; the last word stays."""
    common = ""
    for words in zip(*(name.split("-")[:-1] for name in names), strict=False):
        if len(set(words)) > 1 or len(names) < 2:
            break
        common += f"{words[0]}-"
    return common


def _rows(name: str, shown: str, bundle: Bundle) -> list[ComparedRow]:
    path = bundle.path("report.json")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        values = {(c["target"], c["name"]): c for c in report["checks"]}
        timed = {
            target: data["devices"].get(target, {}).get("latency")
            for target, data in report["targets"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path} is no report of this edgegan ({error!r}).") from None
    rows = []
    for entry in bundle.manifest.targets:
        latency = timed.get(entry.name)

        def value(check: str, target: str = entry.name) -> float | None:
            found = values.get((target, check))
            return None if found is None else found["value"]

        rows.append(
            ComparedRow(
                name=name,
                target=entry.name,
                label=_label(shown, bundle, entry),
                weight_bits=entry.weight_bits,
                bytes=bundle.manifest.files[entry.model].bytes,
                p50_ms=latency["timings"]["quantized"]["p50_ms"] if latency else None,
                ratio=value("latency.ratio"),
                qfid=value("qfid"),
                fid=value("fid.quantized"),
                psnr_db=value("psnr_db"),
                how=values.get((entry.name, "qfid"), {}).get("detail", ""),
            )
        )
    return rows


def _title(comparison: Comparison) -> str:
    if len(comparison.bundles) == 1:
        return next(iter(comparison.bundles))
    what = comparison.prefix.rstrip("-")
    count = f"{len(comparison.bundles)} bundles"
    return f"{what}: {count}" if what else count


def _label(name: str, bundle: Bundle, entry: TargetEntry) -> str:
    return name if len(bundle.manifest.targets) == 1 else f"{name} on {entry.name}"


def gallery_of(comparison: Comparison) -> Gallery:
    """The page: plots of what is lost for what is saved, numbers, and pictures that flip."""
    rows = comparison.rows
    measured = [row for row in rows if row.qfid is not None]
    plots = []
    if measured:
        sizes = [Point(row.label, row.bytes / 1e3, row.qfid or 0.0) for row in measured]
        plots.append(trade_off_svg(sizes, "size in kB", "qFID"))
    timed = [row for row in measured if row.p50_ms is not None]
    if timed:
        times = [Point(row.label, row.p50_ms or 0.0, row.qfid or 0.0) for row in timed]
        plots.append(trade_off_svg(times, "latency p50 in ms", "qFID"))
    versions, sections = _pictures(comparison)
    text = "Measured when each bundle was made; less is better in the plots."
    note = f" {comparison.note}." if comparison.note else ""
    return Gallery(
        title=_title(comparison),
        text=text + note,
        versions=versions,
        sections=sections,
        table=Table(COLUMNS, tuple(cells(row) for row in rows)),
        plots=tuple(plots),
    )


COLUMNS = ("bundle", "bytes", "p50 ms", "speed", "qFID", "FID", "PSNR dB")


def cells(row: ComparedRow) -> tuple[str, ...]:
    """A row as texts, see ``COLUMNS``."""
    speed = "-" if row.ratio is None else f"{row.ratio:.2f}x"
    rest = (row.qfid, row.fid, row.psnr_db)
    numbers = (f"{row.bytes:,}", _short(row.p50_ms), speed, *(_short(value) for value in rest))
    return (row.label, *numbers)


def _short(value: float | None) -> str:
    return "-" if value is None else number(float(f"{value:.4g}"))


def _pictures(comparison: Comparison) -> tuple[tuple[str, ...], tuple[Section, ...]]:
    """Golden pictures of the same inputs: float, then one version a target, flipped and as a grid."""
    made: dict[str, list[str]] = {}
    first: dict[str, Samples] | None = None
    for name, bundle in comparison.bundles.items():
        inputs = bundle.golden(bundle.manifest.golden_inputs)
        if first is not None and not _same(first, inputs):
            continue  # of other inputs, so there is nothing to flip to
        for entry in bundle.manifest.targets:
            golden = bundle.golden(entry.golden)
            output = bundle.manifest.output
            for label, key in (
                ("float", f"{output.name}_float"),
                (_label(name.removeprefix(comparison.prefix), bundle, entry), output.name),
            ):
                if key not in golden or label in made:
                    continue
                pixels = as_pixels(golden[key].astype(np.float32), output.value_range)
                if pixels is not None:
                    few = _SHOWN if max(pixels.shape[1:3]) <= _SMALL else _SHOWN // 2
                    made[label] = [data_uri(one) for one in pixels[:few]]
                    first = inputs
    if len(made) < 2:
        return (), ()
    versions = tuple(made)
    flipped = tuple(Tile(pictures) for pictures in zip(*made.values(), strict=True))
    grid = tuple(
        (label, tuple(Tile((picture,)) for picture in pictures[:8]))
        for label, pictures in made.items()
    )
    return versions, (
        Section("The same inputs", "The golden samples of the bundles.", (("", flipped),)),
        Section("All at once", "A row for each model.", grid, joined=True),
    )


def _same(a: dict[str, Samples], b: dict[str, Samples]) -> bool:
    """Whether two bundles' golden inputs are equal."""
    return a.keys() == b.keys() and all(
        a[name].shape == b[name].shape and bool((a[name] == b[name]).all()) for name in a
    )
