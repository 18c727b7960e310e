"""The benchmark with gates: verdicts, files and exit codes, on a real small bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from edgegan.benchmark import REGRESSION, Row, baseline_rows, benchmark
from edgegan.bundle import open_bundle
from edgegan.checks.check import Verdict
from edgegan.cli import main
from edgegan.errors import BundleError, UsageError
from edgegan.gates import Gates
from edgegan.latency.baseline import Baseline
from edgegan.latency.environment import environment
from edgegan.latency.memory import footprint

KEY = "tiny-w8a8/ort-x86/1/1"
QUICK = {"schema": "edgegan.gates/1", "seconds": 0.02}
FOOTPRINT = cache(footprint)
"""Load time and memory take processes of their own: once a file is enough here."""

Outcome = tuple[int, str, str]
Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _footprints_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegan.benchmark.footprint", FOOTPRINT)


@pytest.fixture
def bundle(tiny_bundle: Path) -> Path:
    return tiny_bundle


@pytest.fixture
def run(bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`edgegan benchmark BUNDLE` with further arguments: exit code, stdout, stderr."""

    def call(*arguments: object) -> Outcome:
        argv = ["edgegan", "benchmark", str(bundle), *map(str, arguments)]
        monkeypatch.setattr("sys.argv", argv)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def gates(folder: Path, **sections: object) -> Path:
    path = folder / "gates.yaml"
    path.write_text(yaml.safe_dump(QUICK | sections))
    return path


def measure(bundle: Path, baseline: Baseline | None = None, **sections: Any) -> Row:
    (row,) = benchmark([bundle], Gates(**QUICK | sections), environment(), baseline)
    return row


def baseline_of(environment_key: str, row: str, p50_ms: float) -> Baseline:
    data = {
        "schema": "edgegan.baseline/2",
        "environments": {environment_key: {row: {"p50_ms": p50_ms}}},
    }
    return Baseline.model_validate(data)


def test_gates_of_all_kinds(bundle: Path) -> None:
    row = measure(
        bundle,
        runs=200,
        gates={
            "latency.p99_ms": {"max": 1e4},
            "latency.ratio": {"min": 1e4},
            "load_ms": {"max": 1e5},
            "peak_bytes": {"min": 1},
            "size.bytes": {"max": 1},
            "size.ratio": {"max": 1e3},
            "int8.mac_share": {"min": 1},
        },
        bundles={
            "tiny-w8a8": {"ort-x86/latency.ratio": {"min": 1e-4}},
            "b": {"load_ms": {"max": 0}},
        },
    )
    verdicts = {check.name: check.verdict for check in row.checks}
    assert verdicts == dict.fromkeys(verdicts, Verdict.PASS) | {"size.bytes": Verdict.FAIL}
    assert list(verdicts) == [
        "latency.p99_ms", "latency.ratio", "load_ms", "peak_bytes", "size.bytes", "size.ratio",
        "int8.mac_share",
    ]  # fmt: skip
    size = next(check for check in row.checks if check.name == "size.bytes")
    assert size.value == open_bundle(bundle).manifest.files["model.onnx"].bytes
    assert {n: len(f.load_ms) for n, f in row.footprints.items()} == {
        "quantized": 6,
        "float": 1,
        "lowered": 1,
    }
    data = row.as_json()
    assert set(data["models"]) == {"quantized", "float", "lowered"}
    for model in data["models"].values():
        assert model["p50_ms"] > 0 and model["load_ms"] > 0 and model["peak_bytes"] > 0


def test_a_regression_against_the_baseline(bundle: Path) -> None:
    here = environment().key()
    row = measure(bundle, baseline_of(here, KEY, 1e-6), min_delta_ms=0.0)
    (check,) = row.checks
    assert (check.name, check.verdict) == (REGRESSION, Verdict.FAIL)
    assert check.limit is not None and check.limit.max == pytest.approx(1.05e-6)
    (check,) = measure(bundle, baseline_of(here, KEY, 1e3)).checks
    assert check.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("elsewhere", "key", "reason"),
    [
        (True, KEY, "the baseline knows no such machine"),
        (False, "tiny-w8a8/ort-x86/2/1", f"the baseline has no row {KEY} of this machine"),
    ],
)
def test_a_baseline_without_this_row(bundle: Path, elsewhere: bool, key: str, reason: str) -> None:
    machine = "other" if elsewhere else environment().key()
    (check,) = measure(bundle, baseline_of(machine, key, 9.0)).checks
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.detail == f"{reason}: add it with --save-baseline"


def test_rows_for_a_baseline(bundle: Path) -> None:
    row = measure(bundle)
    assert row.key == KEY
    assert baseline_rows([row])[KEY].p50_ms == row.speed.timings["quantized"].percentile(50)
    with pytest.raises(UsageError, match=f"two bundles have the row {KEY}"):
        baseline_rows([row, row])


def test_all_bundles_are_opened_first(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegan.benchmark.measure_speed", None)
    with pytest.raises(BundleError, match="is not a bundle"):
        benchmark([bundle, bundle.parent], Gates(**QUICK), environment())


def test_exit_0_and_a_junit_file(run: Run, tmp_path: Path) -> None:
    file = gates(tmp_path, gates={"size.ratio": {"max": 1e3}, "int8.mac_share": {"min": 0.97}})
    code, out, err = run("--gates", file, "--junit", tmp_path / "new" / "gates.xml")
    assert (code, err) == (0, "")
    assert out.rstrip().splitlines()[-1] == "PASS: 2 gates held"
    root = ElementTree.parse(tmp_path / "new" / "gates.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "0")


def test_exit_3_and_a_junit_file(run: Run, tmp_path: Path) -> None:
    file = gates(tmp_path, gates={"size.bytes": {"max": 1}})
    code, out, _ = run("--gates", file, "--junit", tmp_path / "gates.xml", "--min-ratio", "1e-4")
    assert code == 3
    assert out.rstrip().splitlines()[-1].startswith("FAIL: size.bytes = ")
    root = ElementTree.parse(tmp_path / "gates.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")


def test_too_few_runs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 60 s a measurement; here at most none, so the least runs are all there is."""
    monkeypatch.setattr("edgegan.benchmark.Effort", _shortened)
    file = gates(tmp_path, runs=12, gates={"latency.p99_ms": {"max": 1e4}})
    junit = tmp_path / "gates.xml"
    code, out, _ = run("--gates", file, "--junit", junit)
    assert code == 0
    assert "PASS (inconclusive): latency.p99_ms" in out
    assert "p99 needs 200 runs, not 12: give --runs 200" in out
    table = out.splitlines()[1:5]
    assert table[0].split()[:6] == ["model", "p50", "ms", "p95", "ms", "p99"]
    assert all(line.split()[2:4] == ["-", "-"] for line in table[1:])
    skipped = ElementTree.parse(junit).getroot().find(".//skipped")
    assert skipped is not None and "give --runs 200" in skipped.get("message", "")
    code, out, _ = run("--gates", file, "--junit", junit, "--fail-on-noise")
    assert (code, out.rstrip().splitlines()[-1][:5]) == (3, "FAIL:")
    assert ElementTree.parse(junit).getroot().get("failures") == "1"
    code, _, _ = run("--gates", file, "--runs", 200)
    assert code == 0


def _shortened(runs: int, seconds: float) -> Any:
    from edgegan.latency.measure import Effort

    return Effort(warmup_seconds=0.0, runs=runs, seconds=1e-9)


def test_a_baseline_goes_round(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    file = gates(tmp_path, baseline="baselines", max_regression="9900%")
    code, _, err = run("--gates", file)
    assert code == 2
    assert "baselines does not exist; make one with --save-baseline" in err
    assert run("--seconds", 0.02, "--save-baseline", folder)[0] == 0
    code, out, _ = run("--gates", file)
    assert code == 0
    assert "PASS: 1 gate held" in out
    (saved,) = folder.iterdir()
    document = json.loads(saved.read_text())
    document["environments"]["another"] = document["environments"].pop(environment().key())
    saved.write_text(json.dumps(document))
    code, out, _ = run("--gates", file, "--fail-on-noise", "--save-baseline", folder)
    assert code == 3
    assert "knows no such machine" in out
    assert set(json.loads(saved.read_text())["environments"]) == {"another", environment().key()}


def test_a_bundle_that_is_not_there_is_noted(run: Run, tmp_path: Path) -> None:
    limits = {"size.bytes": {"max": 1}}
    code, _, err = run("--gates", gates(tmp_path, bundles={"tiny-w4a8": limits}), "--json")
    assert code == 0
    assert "no bundle here is named 'tiny-w4a8'" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gates", "{tmp}/none.yaml"], "none.yaml does not exist; check the path."),
        (["--gates", "{tmp}/broken.yaml"], "broken.yaml is not valid YAML: "),
        (["--gates", "{tmp}/list.yaml"], "list.yaml must be a mapping"),
        (
            ["--gates", "{tmp}/typo.yaml"],
            "unknown gate 'latency.rato'; did you mean 'latency.ratio'",
        ),
        (["--gates", "{tmp}"], "cannot be read"),
        (["--junit", "{tmp}/list.yaml/out.xml"], "--junit"),
        (["--junit", "{tmp}"], "not a regular file"),
        (["--save-baseline", "{tmp}/list.yaml"], "list.yaml is not a baseline"),
        (["--save-baseline", "{tmp}/list.yaml/b.json"], "--save-baseline"),
        (["--baseline", "{tmp}/none.json"], "does not exist; make one with --save-baseline"),
        (["--max-regression", "much"], "max_regression: must read like 5% or 0.05"),
        (["--min-ratio", "nan"], "gates.latency.ratio.min: should be a finite number"),
    ],
)
def test_faults_are_found_before_measuring(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setattr("edgegan.cli.benchmark", None)
    (tmp_path / "broken.yaml").write_text("gates: {")
    (tmp_path / "list.yaml").write_text("- 1")
    (tmp_path / "typo.yaml").write_text(
        "schema: edgegan.gates/1\ngates: {latency.rato: {min: 1}}\n"
    )
    code, out, err = run(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert message in err


def test_output_fits_80_columns(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = ("latency.ratio_lowered", "peak_bytes", "size.bytes", "load_ms")
    every = {name: {"min": 0, "max": 9e9} for name in names}
    code, out, _ = run("--gates", gates(tmp_path, gates=every))
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80


def test_two_bundles_of_one_name(run: Run, bundle: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copytree(bundle, second)
    code, _, err = run(second, "--seconds", 0.02, "--save-baseline", tmp_path / "b.json")
    assert code == 2
    assert f"two bundles have the row {KEY}" in err
    assert not (tmp_path / "b.json").exists()
