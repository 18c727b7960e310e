"""From rows of ``andreev.py`` to its result files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.literature.andreev_findings import FINDINGS
from benchmarks.literature.plots import lines_panel, panels_svg
from benchmarks.literature.published import (
    ANDREEV,
    ANDREEV_CELLS,
    ANDREEV_FLOAT_FID,
    ANDREEV_OBJECTIVES,
)
from benchmarks.literature.rows import Row
from benchmarks.literature.summary import over_seeds
from benchmarks.results_file import write_result

_SCALE = (
    "Measured on the exported engine. FID and qFID are distances of the features that each row names, "
    "not of Inception's: the paper's numbers are for the order of methods, not of their size. "
    "Rows were made with the `--budget` and the `--precision` that they name."
)
_OURS = {"fid_text": "FID", "qfid_text": "qFID", "fid_float_text": "FID of float"}
_END = {
    "seeds": "seeds", "budget": "budget", "precision": "precision", "samples": "samples",
    "features": "features",
}  # fmt: skip


def publish(
    table: str,
    command: str,
    rows: list[Row],
    left_out: list[str],
    out: Path,
    paper_model: Mapping[str, str],
) -> None:
    """Write the result of a table."""
    shown, columns, note = _TABLES[table](rows, paper_model)
    text = " ".join([f"{ANDREEV}, {note}", _SCALE, *(f"Left out: {one}" for one in left_out)])
    write_result(
        f"andreev-{table}", f"{command} --tables {table}", rows, columns, text, shown, folder=out
    )
    if table == "figure1":
        (out / "andreev-figure1.svg").write_text(_plot(rows))


def _table4(rows: list[Row], paper_model: Mapping[str, str]) -> tuple[Any, ...]:
    by = (
        "model", "method", "weight_bits", "per_channel", "budget", "precision", "samples", "features"
    )  # fmt: skip
    shown = over_seeds(rows, by, ("fid", "qfid", "fid_float"))
    vanilla = {
        (row["model"], row["weight_bits"], row["per_channel"], row["samples"]): row["qfid"]
        for row in shown
        if row["method"] == "vanilla"
    }
    for row in shown:
        place = (row["model"], row["weight_bits"], row["per_channel"], row["samples"])
        base = vanilla.get(place)
        row["of_vanilla"] = row["qfid"] / base if base else None
        cell = (row["method"], row["weight_bits"], row["per_channel"])
        alike = paper_model.get(row["model"], "")
        row["paper_model"] = alike or None
        row["paper_fid"], row["paper_qfid"] = ANDREEV_CELLS.get((alike, *cell), (None, None))
    columns = {
        "model": "model", "method": "method", "weight_bits": "weight bits",
        "per_channel": "per channel", **_OURS, "of_vanilla": "qFID / vanilla's",
        "paper_model": "paper's model", "paper_fid": "its FID", "paper_qfid": "its qFID", **_END,
    }  # fmt: skip
    floats = ", ".join(f"{model} {fid}" for model, fid in ANDREEV_FLOAT_FID.items())
    note = (
        "tables 3 and 4. vanilla: the best by qFID of four pairs of quantiles for activations, all of "
        "them in the JSON file; the others start from its ranges. Mean ± standard deviation over seeds "
        f"(of inputs, calibration and tuning). The paper's FID in full precision: {floats}."
    )
    return shown, columns, note


def _figure1(rows: list[Row], paper_model: Mapping[str, str]) -> tuple[Any, ...]:
    shown = [
        row
        | {
            key: f"{row[f'{key}_quantiles'][1]:g}/{row[f'{key}_quantiles'][0]:g}"
            for key in ("activation", "weight")
        }
        for row in rows
    ]
    columns = {
        "model": "model", "weight_bits": "weight bits", "activation": "activation quantiles",
        "weight": "weight quantiles", "qfid": "qFID", "fid": "FID", "fid_float": "FID of float",
        "samples": "samples", "seed": "seed", "features": "features",
    }  # fmt: skip
    note = (
        "figure 1 and section 4.1: vanilla calibration, weights per channel. The paper finds that the "
        "quantiles of activations matter, those of weights do not; best were 0.9999/0.0001 for StyleGAN "
        "and CycleGAN, 1/0 for SAGAN. It publishes no numbers of the figure."
    )
    return shown, columns, note


def _plot(rows: list[Row]) -> str:
    """qFID over the pairs for activations, a line for each pair for weights."""
    panels = []
    for model, bits in dict.fromkeys((row["model"], row["weight_bits"]) for row in rows):
        chosen = [row for row in rows if (row["model"], row["weight_bits"]) == (model, bits)]
        lines: dict[str, list[tuple[float, float]]] = {}
        for row in sorted(chosen, key=lambda row: row["activation_quantiles"]):
            name = f"w {row['weight_quantiles'][1]:g}"
            lines.setdefault(name, []).append((row["activation_quantiles"][1], row["qfid"]))
        ticks = sorted({row["activation_quantiles"][1] for row in chosen}, reverse=True)
        title = f"{model} w{bits}a8: qFID by quantile"
        panels.append(lines_panel(title, lines, ticks))
    return panels_svg(panels)


def _appendix_b(rows: list[Row], paper_model: Mapping[str, str]) -> tuple[Any, ...]:
    by = ("model", "objective", "budget", "precision", "samples", "features")
    shown = over_seeds(rows, by, ("fid", "qfid", "fid_float"))
    for row in shown:
        alike = paper_model.get(row["model"], "")
        row["paper_qfid"] = ANDREEV_OBJECTIVES.get((alike, row["objective"]))
    columns = {
        "model": "model", "objective": "objective", **_OURS, "paper_qfid": "paper's qFID", **_END,
    }  # fmt: skip
    note = (
        "appendix B: MA-QAT at w8a8, per channel, the perceptual losses against the mean squared error "
        "of pixels; both with the recipe's adversarial loss. The paper takes the best of several pairs "
        "of quantiles for each, we the best pair of vanilla calibration for both."
    )
    return shown, columns, note


def _loss_weights(rows: list[Row], paper_model: Mapping[str, str]) -> tuple[Any, ...]:
    shown = sorted(rows, key=lambda row: row["qfid"])
    columns = {
        "model": "model", "adversarial": "adversarial", "content": "content", "style": "style",
        "qfid": "qFID", "fid": "FID", "budget": "budget", "precision": "precision",
        "samples": "samples", "seed": "seed", "features": "features",
    }  # fmt: skip
    note = (
        "section 4.2: the 27 sums of losses, best first; LSQ-QAT at w4a8, per tensor. The paper searches "
        "on SAGAN, and finds no large differences; the values that it tries are lost in our text of it."
    )
    return shown, columns, note


def _findings(rows: list[Row], paper_model: Mapping[str, str]) -> tuple[Any, ...]:
    by = ("finding", "model", "method", "way", "budget", "precision", "samples", "features")
    shown = over_seeds(rows, by, ("fid", "qfid", "fid_float"))
    papers = {finding.name: finding.paper for finding in FINDINGS}
    for row in shown:
        row["paper"] = papers[row["finding"]]
    columns = {
        "finding": "finding", "model": "model", "method": "method", "way": "way", **_OURS,
        "paper": "the paper", **_END,
    }  # fmt: skip
    granularity = ", ".join(
        f"{finding.name} {'per channel' if finding.per_channel else 'per tensor'}"
        for finding in FINDINGS
    )
    note = (
        "findings without a table of their own: one setting in several ways, everything else alike, at "
        f"w4a8 from the ranges of vanilla's best pair. Weights: {granularity}."
    )
    return shown, columns, note


_TABLES = {
    "table4": _table4,
    "figure1": _figure1,
    "appendix-b": _appendix_b,
    "loss-weights": _loss_weights,
    "findings": _findings,
}
