"""Every generator family on every target: parity, instructions, sizes, engines, refusals.

    python -m benchmarks.targets [--work FOLDER] [--only 'sngan-*' ...]

Needs ``edgegan setup arm64`` and the extra ``tensorrt-rtx``. Each generator (random weights with batch
norms of their own activations) is exported for all targets from one recipe, as a user would bring it.
Of three, the instructions of ONNX Runtime's own static quantization are counted beside. With ``--work``
finished rows are kept there, and a later run goes on from them; empty the folder after a change of code.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from benchmarks.kept_rows import KeptRows, work_folder
from benchmarks.models import SOURCES, own_recipe
from benchmarks.results_file import write_result
from benchmarks.stock import quantize_static
from edgegan.cache import StageCache
from edgegan.checks.check import Check
from edgegan.emulation.cores import find_core
from edgegan.emulation.cost import count
from edgegan.pipeline import ExportResult, export
from edgegan.recipe import load_recipe, resolve
from edgegan.targets import TARGETS, find_target
from edgegan.workbench import Workbench

Row = dict[str, Any]

COMMAND = "python -m benchmarks.targets"
MODELS = (
    "fc-gan-28",
    "cnn-gan-28",
    "dcgan-64",
    "upsample-convolution-64-narrow",
    "wgan-gp-32",
    "lsgan-32",
    "sngan-32",
    "sagan-64",
    "biggan-64",
    "tinygan-128",
    "stylegan-64",
    "stylegan2-64",
    "cyclegan-128",
    "unet-256",
    "srgan-x4",
)
"""One of each family."""

STOCK = ("dcgan-64", "upsample-convolution-64-narrow", "cyclegan-128")
CAPABILITIES = ["sm75", "sm86", "sm89", "sm120"]
LARGE = ("biggan-64", "stylegan-64", "stylegan2-64")
_FEW = {"calibration.samples": 4, "checks.parity_samples": 4, "checks.emulation.samples": 2}


def exported(name: str, folder: Path) -> ExportResult:
    """A bundle for all targets."""
    settings: dict[str, Any] = {"checks.parity_samples": 64, "checks.emulation.samples": 4}
    if name in LARGE or len(SOURCES[name].input_shape) > 1:
        settings |= _FEW
    settings |= {"tensorrt.capabilities": CAPABILITIES, "targets": list(TARGETS)}
    settings |= {"calibration.observer": "min-max", "checks.latency_seconds": 0.2}
    overrides = tuple(f"{key}={value}" for key, value in settings.items())
    recipe, base = load_recipe(str(own_recipe(name, folder)), overrides)
    return export(recipe, base, folder / "bundle", StageCache(folder / "cache"))


def stock_cost(folder: Path) -> float:
    """Instructions of the original float model over those of ``quantize_static``, on a Cortex-A76."""
    recipe, base = load_recipe(str(folder / "recipe.yaml"))
    resolved, weights = resolve(recipe, base)
    bench = Workbench(resolved, weights, recipe.variant(find_target("ort-arm64")))
    original = folder / "bundle" / "reference" / "float.onnx"
    quantize_static(bench, original, folder / "stock.onnx")
    core, one = find_core("cortex-a76"), bench.feed(2, 1)
    costs = [count(path, one, core).instructions for path in (original, folder / "stock.onnx")]
    return costs[0] / costs[1]


def rows(name: str, folder: Path) -> list[Row]:
    """One row a device: a target, an emulated core of it, or an engine for a GPU."""
    result = exported(name, folder)
    stock = stock_cost(folder) if name in STOCK else None
    found: dict[str, dict[str, Check]] = {}
    for check in result.checks:
        found.setdefault(check.target, {})[check.name] = check
    engines, refused = _engines(result.report["targets"])
    made = []
    for where, checks in found.items():
        row = {"model": name, "target": where} | {
            key: _value(checks.get(check)) for key, check in _CHECKS.items()
        }
        row["verdict"] = "fail" if any(c.verdict == "fail" for c in checks.values()) else "pass"
        row["stock_cost_ratio"] = stock if where == "ort-arm64@cortex-a76" else None
        row["engine_bytes"] = engines.get(where)
        row["refused"] = refused.get(where)
        made.append(row)
    return made


def _engines(targets: dict[str, Any]) -> tuple[dict[str, int], dict[str, str]]:
    """Bytes of the engines by device; by target, what was refused and why."""
    sizes, refused = {}, {}
    for target, document in targets.items():
        built = document["engines"]
        if built is None:
            if document["unavailable"]:
                refused[target] = document["unavailable"]
            continue
        sizes |= {f"{target}@{e['capability']}": e["bytes"] for e in built["engines"]}
        if built["refused"]:
            refused[target] = "; ".join(f"{gpu}: {why}" for gpu, why in built["refused"].items())
    return sizes, refused


def verdict(row: Row) -> str:
    """``fail`` where a check failed, or parity is not what the target owes: one step at float islands."""
    owed = find_target(row["target"].partition("@")[0]).parity_lsb
    whole, inner = row["parity_lsb"] or 0, row["integer_lsb"]
    held = whole <= owed if inner is None else inner <= owed and whole <= max(owed, 1)
    return row["verdict"] if held else "fail"


_CHECKS = {
    "parity_lsb": "parity.max_lsb",
    "integer_lsb": "parity.integer_lsb",
    "end_to_end_lsb": "parity.end_to_end_lsb",
    "psnr_db": "psnr_db",
    "mac_share": "int8.mac_share",
    "instructions": "cost.instructions",
    "cost_ratio": "cost.ratio",
    "size_ratio": "size.ratio",
}


def _value(check: Check | None) -> float | None:
    return None if check is None or check.value != check.value else check.value


def main() -> None:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN")
    parser.add_argument("--work", type=Path, help="folder to keep finished rows in")
    given = parser.parse_args()
    with work_folder(given.work) as work:
        kept = KeptRows(work)
        for name in MODELS:
            if name in kept or not any(fnmatch(name, pattern) for pattern in given.only):
                continue
            print(name, file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory() as folder:
                kept.keep(name, rows(name, Path(folder)))
        table = [row | {"verdict": verdict(row)} for row in kept.of(MODELS)]
    note = (
        "Parity in steps of the grid: the worst tensor, the worst of the integer regions, and end to "
        "end (empty where no float operator stands between integers). A target passes with 0 in "
        "integer regions and 1 at float islands; OpenVINO with 1 at each tensor. Instructions of one "
        "warm inference of one sample on the emulated core; ratios are of the original float model's "
        "to them, `stock` those of `quantize_static`. TensorRT-RTX engines are built, never run; "
        "their bytes are of the engine file. `refused`: what a target does not take, in its own "
        "words."
    )
    columns = {"model": "model", "target": "target", "verdict": "verdict"} | {
        "parity_lsb": "LSB",
        "integer_lsb": "integer regions",
        "end_to_end_lsb": "end to end",
        "psnr_db": "PSNR dB",
        "mac_share": "int8 MACs",
        "instructions": "instructions",
        "cost_ratio": "ratio",
        "stock_cost_ratio": "stock ratio",
        "size_ratio": "size ratio",
        "engine_bytes": "engine bytes",
        "refused": "refused",
    }
    write_result("targets", COMMAND, table, columns, note)


if __name__ == "__main__":
    main()
