"""Ours against ONNX Runtime's and OpenVINO's own int8, and all against float and the machine's ceiling.

    python -m benchmarks.peers [--rows 'dcgan-64/1/*' ...] [--work FOLDER] [--seconds 1]

Needs the extra ``peers``. All engines of a row (a family, a thread count, a batch size) take turns in one
process; ratios are of medians, with 95 % intervals. With ``--work`` the quantized models and every
finished row are kept there, and a later run goes on from them; empty the folder after a change of code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from itertools import groupby, product
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from benchmarks import openvino_peer
from benchmarks.ceiling import Ceiling, Machine, Work, ceiling, known_machine, work_of
from benchmarks.kept_rows import KeptRows, work_folder
from benchmarks.peer_engines import RUNTIMES, Prepared, prepare, sentence
from benchmarks.results_file import write_result
from edgegan.latency.confidence import ratio_estimate
from edgegan.latency.measure import Effort, Timing, measure

COMMAND = "python -m benchmarks.peers"
FAMILIES = (
    "dcgan-64",
    "upsample-convolution-64",
    "sagan-64",
    "stylegan-64",
    "cyclegan-128",
    "srgan-x4",
    "cyclegan-256",
)
ONLY_WHEN_NAMED = frozenset({"cyclegan-256"})
"""A run of its own: it takes as long as the others together."""

THREADS, BATCHES = (1, 2), (1, 16)
FLOAT, PEER, OURS = RUNTIMES[0], "openvino-nncf-int8", "edgegan-int8"
TARGETS = {"edgegan-int8-ort": "ort-x86", "edgegan-int8-openvino": "openvino-x86"}


@dataclass(frozen=True)
class Setting:
    """What one row of the table measures."""

    family: str
    threads: int
    batch: int

    @property
    def label(self) -> str:
        """As in ``--rows``."""
        return f"{self.family}/{self.threads}/{self.batch}"


def settings(patterns: Iterable[str]) -> list[Setting]:
    """Those that match a pattern like ``cyclegan-*/1/16``; without patterns, the usual ones."""
    every = [Setting(*one) for one in product(FAMILIES, THREADS, BATCHES)]
    wanted = list(patterns)
    if not wanted:
        return [one for one in every if one.family not in ONLY_WHEN_NAMED]
    return [one for one in every if any(fnmatch(one.label, pattern) for pattern in wanted)]


def measured(
    setting: Setting, prepared: Prepared, machine: Machine, effort: Effort
) -> list[dict[str, Any]]:
    """One row for every runtime."""
    calls, refused = prepared.load(setting.threads, setting.batch)
    work = work_of(prepared.forms())
    limit = ceiling(work, machine, setting.threads, setting.batch)
    return rows(setting, measure(calls, effort), refused, work, limit)


def rows(
    setting: Setting,
    timings: dict[str, Timing],
    refused: dict[str, str],
    work: Work,
    limit: Ceiling,
) -> list[dict[str, Any]]:
    """The JSON rows of one setting; a runtime that refused has its reason in place of numbers."""
    made = []
    for runtime in RUNTIMES:
        row = asdict(setting) | {"runtime": runtime}
        if runtime not in timings:
            made.append(row | {"p50_ms": None, "reason": refused[runtime]})
            continue
        timing = timings[runtime]
        p50 = timing.percentile(50)
        row |= {"p50_ms": p50, "runs": timing.runs, "spread": timing.as_json()["spread"]}
        for key, other in (("ratio", FLOAT), ("nncf_ratio", PEER)):
            if other in timings:
                found = ratio_estimate(timings[other], timing)
                row |= {key: found.value, f"{key}_low": found.low, f"{key}_high": found.high}
        row |= {
            "macs": work.macs * setting.batch,
            "bytes": work.weights + work.activations * setting.batch,
            "ceiling_compute_ms": limit.compute_ms,
            "ceiling_memory_ms": limit.memory_ms,
            "ceiling_ms": limit.ms,
            "ceiling_share": limit.ms / p50,
        }
        made.append(row)
    return made


def with_ours(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``found``, and for every setting a row of ours: that of the target whose median is the smaller."""
    ours: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in found:
        if row["runtime"] not in TARGETS or row["p50_ms"] is None:
            continue
        key = (row["family"], row["threads"], row["batch"])
        if key not in ours or row["p50_ms"] < ours[key]["p50_ms"]:
            ours[key] = row
    best = [row | {"runtime": OURS, "target": TARGETS[row["runtime"]]} for row in ours.values()]
    return [*found, *best]


def table(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a setting, with the runtimes side by side."""
    lines: dict[Setting, dict[str, Any]] = {}
    for row in found:
        setting = Setting(row["family"], row["threads"], row["batch"])
        line = lines.setdefault(setting, asdict(setting))
        runtime = row["runtime"]
        line[runtime] = row["p50_ms"] if runtime == FLOAT else row.get("ratio")
        if runtime == OURS:
            line |= {
                key: row.get(key) for key in ("target", "p50_ms", "ceiling_ms", "ceiling_share")
            }
            line["interval"] = _interval(row, "ratio")
            line["nncf_ratio"] = row.get("nncf_ratio")
    return list(lines.values())


def against_nncf(found: list[dict[str, Any]]) -> str:
    """Geometric means over the families of how much faster ours is than NNCF's int8 of the original."""
    parts = []
    for threads, batch in product(THREADS, BATCHES):
        ratios = [
            row["nncf_ratio"]
            for row in found
            if row["runtime"] == OURS and (row["threads"], row["batch"]) == (threads, batch)
            if row.get("nncf_ratio")
        ]
        if ratios:
            mean, least = geometric_mean(ratios), min(ratios)
            parts.append(f"{threads} and {batch}: {mean:.2f}x (least {least:.2f}x)")
    return "; ".join(parts) or "not measured"


def main() -> None:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", default=[], metavar="FAMILY/THREADS/BATCH")
    parser.add_argument("--work", type=Path, help="folder to keep models and finished rows in")
    parser.add_argument("--seconds", type=float, default=1.0, help="of every engine of a row")
    given = parser.parse_args()
    openvino_peer.require()
    chosen = settings(given.rows)
    if not chosen:
        parser.error(f"--rows: none of {', '.join(one.label for one in settings(['*']))} matches")
    effort = Effort(runs=8, seconds=given.seconds, limit_seconds=15 * given.seconds)
    with work_folder(given.work) as work:
        machine = known_machine(work)
        kept = KeptRows(work / "rows")
        reasons = _run(chosen, work, kept, machine, effort)
        found = with_ours(kept.of(one.label for one in settings(["*"])))
    if not found:
        sys.exit(f"nothing was measured: {'; '.join(reasons)}")
    write_result(
        "peers", COMMAND, found, _COLUMNS, _note(found, machine, reasons), table(found),
        packages=("openvino", "nncf"),
    )  # fmt: skip


def _run(
    chosen: list[Setting], work: Path, kept: KeptRows, machine: Machine, effort: Effort
) -> list[str]:
    """Measure what is not yet there; returns why families were left out."""
    reasons = []
    missing = [one for one in chosen if one.label not in kept]
    for family, group in groupby(missing, key=lambda one: one.family):
        try:
            print(f"{family}: models", file=sys.stderr, flush=True)
            prepared = prepare(family, work / family)
            for one in group:
                print(one.label, file=sys.stderr, flush=True)
                kept.keep(one.label, measured(one, prepared, machine, effort))
        except Exception as error:  # an exporter's own, too: the other families are still measured
            reasons.append(f"{family} is left out: {sentence(error).rstrip('.')}")
            print(reasons[-1], file=sys.stderr, flush=True)
    return reasons


def _interval(row: dict[str, Any], key: str) -> str:
    return f"{row[f'{key}_low']:.3g}–{row[f'{key}_high']:.3g}" if key in row else "–"


def _note(found: list[dict[str, Any]], machine: Machine, reasons: list[str]) -> str:
    fastest = max(machine.macs_per_second, key=machine.macs_per_second.__getitem__)
    bandwidths = ", ".join(
        f"{value / 1e9:.0f} GB/s to {size >> 20 or 0.5} MB"
        for size, value in machine.bytes_per_second.items()
    )
    refusals = sorted(
        {f"{r['family']} on {r['runtime']}: {r['reason']}" for r in found if "reason" in r}
    )
    return " ".join(
        [
            "`ort-float` and `edgegan-int8` have their median in ms; the other columns are medians of "
            "`ort-float` over theirs. `edgegan-int8` is the faster of our two targets, as named; "
            "`edgegan-int8-ort` and `edgegan-int8-openvino` are what `ort-x86` and `openvino-x86` ship, "
            "`edgegan-nncf-int8` is our rewritten float graph quantized by NNCF. OpenVINO is given fixed "
            "shapes, one stream and the latency hint; `openvino-float` computes in float32, NNCF's int8 "
            "models do their floats in OpenVINO's own choice (bfloat16 where the processor has it).",
            f"{OURS} against {PEER} of the original, geometric mean over the families by threads and "
            f"batch: {against_nncf(found)}.",
            "The ceiling is the least multiplications and bytes of the original and the rewritten "
            f"graph at {machine.rate / 1e9:.0f} GMAC/s a thread ({fastest}) and at the bandwidth of "
            f"their working set ({bandwidths}).",
            *(f"{one}." for one in [*reasons, *refusals]),
        ]
    )


_COLUMNS = {
    "family": "family",
    "threads": "threads",
    "batch": "batch",
    FLOAT: "ort-float ms",
    "target": "ours on",
    "p50_ms": f"{OURS} ms",
    OURS: OURS,
    "interval": "95 %",
    "nncf_ratio": "over NNCF",
    **{name: name for name in RUNTIMES if name not in (FLOAT, OURS)},
    "ceiling_ms": "ceiling ms",
    "ceiling_share": "share",
}

if __name__ == "__main__":
    main()
