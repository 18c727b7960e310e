"""Generators of one's own on every target: parity, instructions, sizes, engines.

    python -m benchmarks.targets

Needs ``edgegan setup arm64`` and the extra ``tensorrt-rtx``. Each generator (random weights with batch
norms of their own activations) is exported for all targets from one recipe, as a user would bring it.
Instructions of ONNX Runtime's own static quantization are counted beside.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.models import own_recipe
from benchmarks.results_file import write_result
from benchmarks.stock import quantize_static
from edgegan.cache import StageCache
from edgegan.checks.check import Check
from edgegan.emulation.cores import find_core
from edgegan.emulation.cost import count
from edgegan.pipeline import ExportResult, export
from edgegan.recipe import load_recipe, resolve
from edgegan.stages import Workbench
from edgegan.targets import TARGETS, find_target

COMMAND = "python -m benchmarks.targets"
MODELS = ("dcgan-64", "upsample-convolution-64-narrow", "cyclegan-128")
CAPABILITIES = ["sm75", "sm86", "sm89", "sm120"]
_FEW = {
    "cyclegan-128": {
        "calibration.samples": 4,
        "checks.parity_samples": 4,
        "checks.emulation.samples": 2,
    }
}


def exported(name: str, folder: Path) -> ExportResult:
    """A bundle for all targets."""
    settings = {"checks.parity_samples": 64, "checks.emulation.samples": 4} | _FEW.get(name, {})
    settings |= {"tensorrt.capabilities": CAPABILITIES, "targets": list(TARGETS)}
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


def rows(name: str, folder: Path) -> list[dict[str, Any]]:
    result = exported(name, folder)
    stock = stock_cost(folder)
    found: dict[str, dict[str, Any]] = {}
    for check in result.checks:
        found.setdefault(check.target, {})[check.name] = check
    engines = {
        engine["capability"]: engine["bytes"]
        for engine in result.report["targets"]["tensorrt-rtx"]["engines"]["engines"]
    }
    made = []
    for where, checks in found.items():
        row = {"model": name, "target": where} | {
            key: _value(checks.get(check)) for key, check in _CHECKS.items()
        }
        row["stock_cost_ratio"] = stock if where == "ort-arm64@cortex-a76" else None
        row["engine_bytes"] = engines.get(where.partition("@")[2])
        made.append(row)
    return made


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
    table: list[dict[str, Any]] = []
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            table += rows(name, Path(folder))
    note = (
        "Parity in steps of the grid: the worst tensor, the worst of the integer regions, and end to end "
        "(empty where no float operator stands between integers). Instructions of one warm inference of "
        "one sample on the emulated core; ratios are of the original float model's to them, `stock` those "
        "of `quantize_static`. TensorRT-RTX engines are built, never run; their bytes are of the "
        "engine file."
    )
    columns = {"model": "model", "target": "target"} | {
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
    }
    write_result("targets", COMMAND, table, columns, note)


if __name__ == "__main__":
    main()
