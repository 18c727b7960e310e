"""From rows of ``qgan.py`` to its result files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.literature.plots import lines_panel, panels_svg, states_panel
from benchmarks.literature.published import (
    QGAN,
    QGAN_BASELINE,
    QGAN_CELLS,
    QGAN_MULTI_PRECISION,
)
from benchmarks.literature.rows import Row
from benchmarks.literature.summary import over_seeds
from benchmarks.results_file import write_result

_SCALE = (
    "Measured on the exported engine, whose weights are codebooks per tensor and whose activations have 8 "
    "bits (the paper's are float). Fine-tuning is quantization-aware training against the float generator "
    "(adversarial, content and style loss), levels fitted anew at every step; the paper's is GAN training "
    "on data. Inception Score and FID "
    "are of the features that each row names, not of Inception's: compare the order of methods, and ratios "
    "to float. Mean ± standard deviation over seeds. "
    "Rows were made with the `--budget` and the `--precision` that they name."
)
_NUMBERS = ("is", "fid", "qfid", "is_float", "fid_float", "states_used")
_OURS = {
    "is_text": "IS", "fid_text": "FID", "qfid_text": "qFID", "is_float_text": "IS of float",
    "fid_float_text": "FID of float",
}  # fmt: skip
_END = {
    "seeds": "seeds", "budget": "budget", "precision": "precision", "samples": "samples",
    "features": "features",
}  # fmt: skip


def publish(table: str, command: str, rows: list[Row], left_out: list[str], out: Path) -> None:
    """Write the result of a table."""
    shown, columns, note = _TABLES[table](rows)
    text = " ".join([f"{QGAN}, {note}", _SCALE, *(f"Left out: {one}" for one in left_out)])
    write_result(
        f"qgan-{table}", f"{command} --tables {table}", rows, columns, text, shown, folder=out
    )
    if table == "figure2":
        (out / "qgan-figure2.svg").write_text(sensitivity_svg(shown))
    if table == "table2":
        panels = states_panels(rows)
        if panels:
            (out / "qgan-figure1-3.svg").write_text(panels_svg(panels))


def _table2(rows: list[Row]) -> tuple[Any, ...]:
    by = ("model", "method", "bits", "fine_tuned", "budget", "precision", "samples", "features")
    shown = over_seeds(rows, by, _NUMBERS)
    for row in shown:
        row["fid_ratio"] = row["fid"] / row["fid_float"] if row["fid_float"] else None
        place = (row["method"], row["bits"])
        row["paper_is"], paper = QGAN_CELLS[place] if row["fine_tuned"] else (None, None)
        row["paper_fid"] = paper
        row["paper_ratio"] = paper / QGAN_BASELINE[1] if paper else None
    columns = {
        "model": "model", "method": "method", "bits": "bits", "fine_tuned": "fine-tuned", **_OURS,
        "fid_ratio": "FID / float's", "paper_is": "paper's IS", "paper_fid": "its FID",
        "paper_ratio": "its FID / float's", "states_used_text": "share of states used", **_END,
    }  # fmt: skip
    score, fid = QGAN_BASELINE
    note = (
        "table 2, and table 1 as its rows of 2 bits: weights of generator and discriminator in the same "
        "bits. log and tanh have no 1 bit, in the paper and here. The paper's float DCGAN has an Inception "
        f"Score of {score} and a FID of {fid}, with 5,000 images. Figures 1 and 3 (the generator's last "
        "layer in 2 bits) are drawn from the same rows, before fine-tuning."
    )
    return shown, columns, note


def states_panels(rows: list[Row]) -> list[str]:
    """Of the first run of each model and method in 2 bits without fine-tuning."""
    chosen: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row["bits"] == 2 and not row["fine_tuned"]:
            chosen.setdefault((row["model"], row["method"]), row)
    return [
        states_panel(f"{model}, {method}, 2 bits, last layer", row["last_layer_states"])
        for (model, method), row in chosen.items()
    ]


def _figure2(rows: list[Row]) -> tuple[Any, ...]:
    by = ("model", "quantized", "method", "bits", "budget", "precision", "samples", "features")
    shown = over_seeds(rows, by, _NUMBERS)
    columns = {
        "model": "model", "quantized": "quantized", "method": "method", "bits": "bits", **_OURS, **_END,
    }  # fmt: skip
    note = (
        "figure 2: which of discriminator (D) and generator (G) is quantized, logarithmically. The paper "
        "trains from scratch and shows curves; these are the scores after fine-tuning. A generator that "
        "is not quantized has symmetric weights of 8 bits, the engine's widest. The paper finds that D is "
        "the more sensitive, that a D which converges carries G along, and that both together are more "
        "stable than G alone."
    )
    return shown, columns, note


def sensitivity_svg(shown: list[Row]) -> str:
    """Inception Score and FID over bits, a line for each choice; a pair of panels for each model."""
    panels = []
    ticks = sorted({row["bits"] for row in shown})
    for model in dict.fromkeys(row["model"] for row in shown):
        for number, title in (("is", "Inception Score"), ("fid", "FID")):
            lines: dict[str, list[tuple[float, float]]] = {}
            for row in sorted(shown, key=lambda row: row["bits"]):
                if row["model"] == model and row[number] is not None:
                    lines.setdefault(row["quantized"], []).append((row["bits"], row[number]))
            panels.append(lines_panel(f"{model}: {title} by bits", lines, ticks))
    return panels_svg(panels)


def _table3(rows: list[Row]) -> tuple[Any, ...]:
    shown = over_seeds(
        rows, ("model", "d_bits", "g_bits", "budget", "precision", "samples", "features"), _NUMBERS
    )
    for row in shown:
        _, _, found, original = QGAN_MULTI_PRECISION[row["model"]]
        row["paper"] = "{} / {}".format(*found)
        row["paper_float"] = "{} / {}".format(*original)
    columns = {
        "model": "model", "d_bits": "bits of D", "g_bits": "bits of G", **_OURS,
        "paper": "paper's IS / FID", "paper_float": "in 32 bits", **_END,
    }  # fmt: skip
    note = "table 3: EM in the widths that the paper's search found."
    return shown, columns, note


def _multi_precision(rows: list[Row]) -> tuple[Any, ...]:
    shown = []
    for row in rows:
        d_bits, g_bits, *_ = QGAN_MULTI_PRECISION.get(row["model"], (None, None))
        way = "; ".join(f"{t['d_bits']}, {t['g_bits']}: {t['fid']:.3g}" for t in row["trials"])
        paper = "–" if d_bits is None else f"{d_bits}, {g_bits}"
        shown.append(row | {"way": way, "paper": paper})
    columns = {
        "model": "model", "worse": "FID asked / float's", "d_bits": "bits of D", "g_bits": "bits of G",
        "fid": "FID", "fid_float": "FID of float", "is": "IS", "is_float": "IS of float",
        "way": "trainings (bits of D, of G: FID)", "paper": "paper's bits of D, G",
        **_END, "seed": "seed",
    }  # fmt: skip
    del columns["seeds"]
    note = (
        "the search of section 4.2 with EM, by edgegan's `search.multi_precision`: the fewest bits of the "
        "discriminator with which training gives a good enough FID (the generator has 8 bits; in the "
        "paper, 32), then with that discriminator the fewest of the generator. Each trial is a training. "
        "The paper's quality is not said; ours is a multiple of the float generator's FID."
    )
    return shown, columns, note


_TABLES = {
    "table2": _table2,
    "figure2": _figure2,
    "table3": _table3,
    "multi-precision": _multi_precision,
}
