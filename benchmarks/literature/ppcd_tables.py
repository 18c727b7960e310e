"""From rows of ``ppcd.py`` to its result files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from benchmarks.literature.plots import lines_panel, panels_svg
from benchmarks.literature.published import PPCD, PPCD_ABLATION
from benchmarks.literature.rows import Row
from benchmarks.literature.summary import over_seeds
from benchmarks.results_file import write_result

_NOTE = (
    "tables 1 and 3, figure 4. In the tables `ablation` and `ratios` every method starts from the "
    "trained student and takes the same steps of one schedule; L1 pruning keeps as many parameters as "
    "progressive pruning at the ratio, and is fine-tuned by the GAN loss; the engine has 8 bits. "
    "`composed` are shipped recipes as they are: the budget is their own, and the engine has 4-bit "
    "weights that were tuned. Their ratios are of bytes, and of the median time of one sample on one "
    "thread, to the float original's. FID of the compressed float model and of the engine, on the "
    "features that each row names, not on Inception's: compare orders, and ratios to the original's. "
    "The paper's student is SA-GAN and its teacher BigGAN, at 128x128 on ImageNet; its numbers stand "
    "beside. Speed-up: a batch of 64 on one thread, median, the three models interleaved. Mean ± "
    "standard deviation over seeds. Rows were made with the `--budget` and the `--precision`, and trained "
    "and measured on the machines, that they name."
)
_NUMBERS = (
    "fid",
    "fid_compressed",
    "fid_original",
    "qfid",
    "size_ratio",
    "latency_ratio",
    "parameters",
    "macs",
    "original_ms",
    "float_ms",
    "int8_ms",
)
_BY = (
    "model", "method", "ratio", "budget", "precision", "samples", "features", "trained_on", "measured_on",
    "executed_by",
)  # fmt: skip


def publish(command: str, rows: dict[str, list[Row]], out: Path, compared: Collection[str]) -> None:
    """Write ``ppcd.json`` and ``ppcd.md``, and the plot of figure 4 where its rows are there.

    Args:
        compared: the methods of figure 4.
    """
    flat = [row | {"table": table} for table, found in rows.items() for row in found]
    shown = over_seeds([_flat(row) for row in flat], ("table", *_BY), _NUMBERS)
    for row in shown:
        row["paper_parameters"], row["paper_fid"] = PPCD_ABLATION.get(
            (row["method"], row["ratio"]), (None, None)
        )
        if row["original_ms"]:
            row["speed_up"] = row["original_ms"] / row["float_ms"]
            row["int8_speed_up"] = row["original_ms"] / row["int8_ms"]
    columns = {
        "table": "table", "method": "method", "ratio": "ratio", "parameters_text": "parameters",
        "macs_text": "MACs", "fid_compressed_text": "FID", "fid_text": "FID of the engine",
        "fid_original_text": "FID of the original", "qfid_text": "qFID of the engine",
        "size_ratio_text": "bytes / original's", "latency_ratio_text": "times as fast, one sample",
        "speed_up": "float speed-up",
        "int8_speed_up": "int8 speed-up", "paper_parameters": "paper's parameters",
        "paper_fid": "its FID", "seeds": "seeds", "budget": "budget", "precision": "precision",
        "samples": "samples", "features": "features", "trained_on": "trained on",
        "measured_on": "measured on",
    }  # fmt: skip
    write_result("ppcd", command, flat, columns, f"{PPCD}, {_NOTE}", shown, folder=out)
    if rows.get("ratios"):
        (out / "ppcd-figure4.svg").write_text(_figure4(shown, compared))


def _flat(row: Row) -> Row:
    times = row["batch_ms"]
    return row | {
        "original_ms": times.get("float"),
        "float_ms": times.get("lowered"),
        "int8_ms": times.get("quantized"),
    }


def _figure4(shown: list[dict[str, Any]], compared: Collection[str]) -> str:
    lines: dict[str, list[tuple[float, float]]] = {}
    chosen = [row for row in shown if row["method"] in compared]
    for row in sorted(chosen, key=lambda row: row["ratio"]):
        lines.setdefault(row["method"], []).append((row["ratio"], row["fid_compressed"]))
    ticks = sorted({row["ratio"] for row in chosen})
    return panels_svg([lines_panel("FID by the share of channels pruned", lines, ticks)])
