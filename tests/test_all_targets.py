"""The shipped generator on every target: what a CI job on one x86 machine proves for the others."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from edgegan.against_engine import read_parameters
from edgegan.benchmark import benchmark
from edgegan.bundle import damaged_files, open_bundle
from edgegan.cache import StageCache
from edgegan.checks.check import Verdict
from edgegan.checks.parity import measure_parity
from edgegan.devices import devices_for
from edgegan.emulation.cores import find_core
from edgegan.emulation.machine import EmulatedRuntime
from edgegan.gates import default_gates
from edgegan.latency.environment import environment
from edgegan.pipeline import ExportResult, export
from edgegan.quantization.calibrate import apply_parameters
from edgegan.recipe import load_recipe, resolve
from edgegan.targets import find_target
from edgegan.verification import verify
from edgegan.workbench import Workbench
from tests.machine import EXACT, requires_exact_cpu

pytestmark = pytest.mark.slow

BUILDS_ENGINES = importlib.util.find_spec("tensorrt_rtx") is not None
QUICK = (
    "calibration.samples=100", "checks.parity_samples=32", "checks.samples=200",
    "checks.latency_seconds=0.05", "checks.emulation.samples=4", "tensorrt.capabilities=[sm75, sm89]",
)  # fmt: skip


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, machine_folder: Path
) -> tuple[Path, ExportResult]:
    folder = tmp_path_factory.mktemp("targets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEGAN_EMULATION", str(machine_folder))
        recipe, base = load_recipe("fashion-dcgan-w8a8-all-targets", QUICK)
        result = export(recipe, base, folder / "bundle", StageCache(folder / "cache"))
    return folder, result


def test_every_gate_holds(exported: tuple[Path, ExportResult]) -> None:
    _, result = exported
    failed = [(c.target, c.name, c.value) for c in result.checks if c.verdict is Verdict.FAIL]
    assert failed == []


def test_arm64_computes_what_was_simulated(exported: tuple[Path, ExportResult]) -> None:
    _, result = exported
    lsb = {c.target: c.value for c in result.checks if c.name == "parity.max_lsb"}
    for core in ("cortex-a53", "cortex-a72", "cortex-a76", "i8mm"):
        assert lsb[f"ort-arm64@{core}"] == 0
    shares = {c.target: c.value for c in result.checks if c.name == "int8.mac_share"}
    assert shares["ort-arm64@cortex-a76"] == 1.0
    (ratio,) = (c.value for c in result.checks if (c.target, c.name) == _A76_RATIO)
    assert ratio >= 3.0


_A76_RATIO = ("ort-arm64@cortex-a76", "cost.ratio")


def test_the_bundle_is_whole(exported: tuple[Path, ExportResult]) -> None:
    folder, _ = exported
    bundle = open_bundle(folder / "bundle")
    assert damaged_files(bundle) == []
    entries = {entry.name: entry for entry in bundle.manifest.targets}
    assert entries["ort-x86"].model == entries["ort-arm64"].model == "model.onnx"
    assert entries["ort-x86-avx2"].model == "model.affine-u8-narrow.onnx"
    assert entries["tensorrt"].model == entries["tensorrt-rtx"].model == "model.symmetric-s8.onnx"
    assert entries["tensorrt"].engines == () and entries["tensorrt"].devices == ()
    assert {"handoff/HANDOFF.md", "handoff/model.ort"} <= set(bundle.manifest.files)
    verdicts = {c.target: c.verdict for c in verify(folder / "bundle")}
    assert verdicts["ort-arm64"] is (Verdict.PASS if EXACT else Verdict.INCONCLUSIVE)
    assert verdicts["tensorrt"] is Verdict.INCONCLUSIVE


@pytest.mark.skipif(not BUILDS_ENGINES, reason="needs the extra tensorrt-rtx")
def test_engines_are_built_without_a_gpu(exported: tuple[Path, ExportResult]) -> None:
    folder, result = exported
    entry = next(
        e for e in open_bundle(folder / "bundle").manifest.targets if e.name == "tensorrt-rtx"
    )
    assert [e.capability for e in entry.engines] == ["sm75", "sm89"]
    assert all(e.file.endswith(".engine") and not e.ran for e in entry.engines)
    shares = {c.target: c.value for c in result.checks if c.name == "int8.mac_share"}
    assert (shares["tensorrt-rtx@sm75"], shares["tensorrt-rtx@sm89"]) == (0.0, 1.0)
    count = next(c for c in result.checks if (c.target, c.name) == ("tensorrt-rtx", "engine.count"))
    assert count.value == 2 and "built, not run" in count.detail


@requires_exact_cpu
def test_an_unguarded_model_fails_without_vnni(
    exported: tuple[Path, ExportResult], machine: Path
) -> None:
    """Full 8-bit weights saturate 16-bit sums on AVX2; the narrow grid's fit."""
    folder, result = exported
    narrow = next(
        c
        for c in result.checks
        if (c.target, c.name) == ("ort-x86-avx2@x86-avx2", "parity.max_lsb")
    )
    assert narrow.value <= 1
    recipe, base = load_recipe("fashion-dcgan-w8a8-all-targets", QUICK)
    resolved, weights = resolve(recipe, base)
    bench = Workbench(resolved, weights, recipe.variant(find_target("ort-x86")))
    model = folder / "bundle" / "model.onnx"
    apply_parameters(bench.placed, read_parameters(model, bench.placed))
    runtime = EmulatedRuntime(find_core("x86-avx2"))
    parity = measure_parity(model, bench.placed.graph, bench.feed(4, 1), runtime)
    assert parity.max_lsb > 10


def test_instructions_are_gated_on_an_x86_machine(
    exported: tuple[Path, ExportResult], machine: Path
) -> None:
    folder, _ = exported
    limits = {"ort-arm64/cost.ratio": {"min": 3.0}, "ort-arm64/size.ratio": {"max": 0.27}}
    gates = default_gates().with_options(limits, runs=10, seconds=0.02)
    rows = benchmark([folder / "bundle"], gates, environment())
    counted = next(row for row in rows if row.target == "ort-arm64@cortex-a76")
    assert counted.speed is None
    assert {c.name: c.verdict for c in counted.checks} == {
        "cost.ratio": Verdict.PASS, "size.ratio": Verdict.PASS,
    }  # fmt: skip


def test_without_an_emulated_machine_there_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEGAN_EMULATION", str(tmp_path / "none"))
    devices, reason = devices_for(find_target("ort-arm64"), ("cortex-a53",), environment())
    if devices and devices[0].core is None:
        pytest.skip("this machine is an ARM64 one")
    assert devices == () and "edgegan setup arm64" in reason
