"""Every generator family through the whole pipeline: what was rewritten, what stays float, parity, speed.

    python -m benchmarks.families [--work FOLDER] [--only 'sngan-*' ...]

Needs the extra ``peers`` for the machine's ceiling. With ``--work`` bundles and finished rows are kept
there, and a later run goes on from them; empty the folder after a change of code.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import onnx
from safetensors import safe_open

from benchmarks.ceiling import Machine, ceiling, known_machine, work_of
from benchmarks.kept_rows import KeptRows, work_folder
from benchmarks.models import SOURCES, own_recipe
from benchmarks.results_file import write_result
from edgegan.cache import StageCache
from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED, measure_speed
from edgegan.errors import EdgeganError
from edgegan.generators.contract import InputSpec
from edgegan.latency.measure import Effort
from edgegan.output_file import write_whole
from edgegan.pipeline import export, plan
from edgegan.recipe import load_recipe, resolve
from edgegan.runtimes.macs import count_macs
from edgegan.runtimes.ort import OrtRuntime

COMMAND = "python -m benchmarks.families"
THREADS = (1, 2)
_CHECKS = {
    "exactness": "lowering.relative_error",
    "mac_share": "int8.mac_share",
    "parity_lsb": "parity.max_lsb",
    "integer_lsb": "parity.integer_lsb",
    "end_to_end_lsb": "parity.end_to_end_lsb",
    "psnr_db": "psnr_db",
    "size_ratio": "size.ratio",
}
_VECTORS = {"calibration.samples": 100, "checks.parity_samples": 8}
_PICTURES = {"calibration.samples": 8, "checks.parity_samples": 2}
_ALWAYS = {"checks.samples": 16, "checks.latency_seconds": 0.2, "calibration.observer": "min-max"}


def exported(name: str, folder: Path) -> Path:
    """The family's bundle for ``ort-x86``, and beside it ``row.json``, what does not need timing."""
    bundle, done = folder / "bundle", folder / "row.json"
    if done.exists():
        return bundle
    folder.mkdir(parents=True, exist_ok=True)
    few = _PICTURES if len(SOURCES[name].input_shape) > 1 else _VECTORS
    overrides = tuple(f"{key}={value}" for key, value in {**few, **_ALWAYS}.items())
    recipe, base = load_recipe(str(own_recipe(name, folder)), overrides)
    result = export(recipe, base, bundle, StageCache(folder / "cache"), overwrite=True)
    checks = {check.name: check.value for check in result.checks}
    target = result.report["targets"]["ort-x86"]
    islands = plan(recipe, base)[0]["islands"]
    with safe_open(folder / "weights.safetensors", "pt") as weights:
        parameters = sum(weights.get_tensor(key).numel() for key in weights.keys())  # noqa: SIM118
    original = onnx.load(bundle / "reference" / "float.onnx")
    row = {
        "family": name,
        "parameters": parameters,
        "macs": sum(macs for _, macs in count_macs(original).values()),
        "rewrites": dict(Counter(rewrite["rule"] for rewrite in target["rewrites"])),
        "islands": dict(Counter(island["operator"] for island in islands)),
        "kernels": target["devices"]["ort-x86"]["execution"]["islands"],
    } | {key: checks.get(check) for key, check in _CHECKS.items()}
    write_whole(done, json.dumps(row, indent=1), "row")
    return bundle


def timed(name: str, folder: Path, machine: Machine, effort: Effort) -> dict[str, Any]:
    """The family's row with its speed."""
    bundle = exported(name, folder)
    row: dict[str, Any] = json.loads((folder / "row.json").read_text())
    models = {
        QUANTIZED: bundle / "model.onnx",
        FLOAT: bundle / "reference" / "float.onnx",
        LOWERED: bundle / "reference" / "lowered.onnx",
    }
    work = work_of(onnx.load(models[form]) for form in (FLOAT, QUANTIZED))
    for threads in THREADS:
        speed = measure_speed(models, _inputs(folder), OrtRuntime(), threads, 1, effort)
        p50 = speed.timings[QUANTIZED].percentile(50)
        limit = ceiling(work, machine, threads, 1)
        row |= {
            f"p50_ms_{threads}": p50,
            f"ratio_{threads}": speed.ratio.value,
            f"ratio_{threads}_low": speed.ratio.low,
            f"ratio_{threads}_high": speed.ratio.high,
            f"ceiling_ms_{threads}": limit.ms,
            f"ceiling_share_{threads}": limit.ms / p50,
        }
    return row


def _inputs(folder: Path) -> tuple[InputSpec, ...]:
    resolved, _ = resolve(*load_recipe(str(folder / "recipe.yaml")))
    return resolved.generator.free_inputs


def chosen(patterns: Iterable[str]) -> list[str]:
    """Families that match a pattern; all without one."""
    wanted = list(patterns) or ["*"]
    return [name for name in SOURCES if any(fnmatch(name, one) for one in wanted)]


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as they are read: counts in words, sizes in millions."""
    return [
        row
        | {
            "million": row["parameters"] / 1e6,
            "mmacs": row["macs"] / 1e6,
            "rewrites": _words(row["rewrites"]),
            "islands": _words(row["islands"]),
            "interval": f"{row['ratio_1_low']:.3g}–{row['ratio_1_high']:.3g}",
        }
        for row in rows
    ]


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def main() -> None:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="PATTERN")
    parser.add_argument("--work", type=Path, help="folder to keep bundles and finished rows in")
    parser.add_argument("--seconds", type=float, default=1.0, help="of every engine")
    given = parser.parse_args()
    names = chosen(given.only)
    if not names:
        parser.error(f"--only: none of {', '.join(SOURCES)} matches")
    effort = Effort(runs=10, seconds=given.seconds, limit_seconds=20 * given.seconds)
    failed = False
    with work_folder(given.work) as work:
        kept = KeptRows(work / "rows")
        for name in list(names):
            print(f"{name}: export", file=sys.stderr, flush=True)
            try:
                exported(name, work / name)
            except EdgeganError as error:
                print(f"{name}: {error}", file=sys.stderr, flush=True)
                names.remove(name)
                failed = True
        machine = known_machine(work)
        for name in names:
            if name not in kept:
                print(f"{name}: speed", file=sys.stderr, flush=True)
                kept.keep(name, [timed(name, work / name, machine, effort)])
        rows = kept.of(SOURCES)
    write_result("families", COMMAND, rows, _COLUMNS, _note(machine), table(rows), ("openvino",))
    sys.exit(1 if failed else 0)


def _note(machine: Machine) -> str:
    return " ".join(
        [
            "One standard configuration or two of each family, random weights, through `edgegan export` "
            "for `ort-x86` at w8a8. Error: the largest difference that the rewrites make in float, "
            "relative to the original's largest value. LSB: engine against exact simulation, the worst "
            "tensor with each region fed the engine's own integers; then the integer regions alone; then "
            "end to end (empty where no float operator stands between integers). Ratios: median of the "
            "original float model over ours, batch 1, interleaved, with 95 % interval; ceiling as in "
            f"`ceiling.py` at {machine.rate / 1e9:.0f} GMAC/s a thread.",
            "Islands are operators that compute in float.",
            *(f"`{operator}`: {reason}." for operator, reason in _REASONS.items()),
        ]
    )


_REASONS = {
    "tanh, sigmoid": "the last operator; its output is the picture, in float",
    "instance_norm": "needs mean and variance of every picture's channel, in more than 8 bits",
    "softmax": "exponentials over a row; on integers ONNX Runtime takes nine times as long",
    "maximum": "PReLU with a slope a channel; on integers it would cost two more roundings",
    "mul, rsqrt, mean, sum, pow": "pixel norm and demodulation: reductions of squares, on short vectors",
}
_COLUMNS = {
    "family": "family",
    "million": "M parameters",
    "mmacs": "M MACs",
    "rewrites": "rewrites",
    "exactness": "error",
    "mac_share": "int8 MACs",
    "islands": "float islands",
    "parity_lsb": "LSB",
    "integer_lsb": "integer regions",
    "end_to_end_lsb": "end to end",
    "psnr_db": "PSNR dB",
    "p50_ms_1": "ms",
    "ratio_1": "ratio, 1 thread",
    "interval": "95 %",
    "ratio_2": "2 threads",
    "size_ratio": "size ratio",
    "ceiling_share_1": "share of ceiling",
}

if __name__ == "__main__":
    main()
