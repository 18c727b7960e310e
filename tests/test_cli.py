"""The command line: exit codes, JSON, and never a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgegan.cli import main
from tests.models import write_own_generator

ENVIRONMENT = {"COLUMNS": "80", "NO_COLOR": "1"}


def edgegan(*arguments: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgegan", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | ENVIRONMENT | ({"EDGEGAN_CACHE": str(cache)} if cache else {}),
        check=False,
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    recipe = write_own_generator(folder / "own")
    output, cache = str(folder / "bundle"), folder / "cache"
    result = edgegan("export", str(recipe), "-o", output, "--json", "-q", cache=cache)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["schema"] == "edgegan.report/2"
    assert document["verdict"] in ("pass", "inconclusive")
    assert result.stderr.strip().startswith("PASS")
    return folder / "bundle"


def test_export_refuses_an_existing_output(bundle: Path) -> None:
    recipe = bundle.parent / "own" / "recipe.yaml"
    result = edgegan("export", str(recipe), "-o", str(bundle))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and "--overwrite" in result.stderr


def test_a_missed_gate_exits_3(bundle: Path, tmp_path: Path) -> None:
    recipe = bundle.parent / "own" / "recipe.yaml"
    gate = "checks.gates.size.ratio.max=0.001"
    arguments = ("export", str(recipe), "-o", str(tmp_path / "b"), "--set", gate)
    result = edgegan(*arguments, cache=bundle.parent / "cache")
    assert result.returncode == 3
    assert result.stdout.strip().splitlines()[-1].startswith("FAIL: size.ratio")
    assert "emitted: " in result.stderr


@pytest.mark.slow
def test_benchmark(bundle: Path, tmp_path: Path) -> None:
    fast = ("--seconds", "0.02")
    saved = str(tmp_path / "base.json")
    result = edgegan("benchmark", str(bundle), *fast, "--save-baseline", saved, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["schema"] == "edgegan.benchmark/1"
    result = edgegan(
        "benchmark", str(bundle), *fast, "--baseline", saved, "--max-regression", "900%"
    )
    assert result.returncode == 0
    assert result.stdout.strip().splitlines()[-1].startswith("PASS")
    result = edgegan("benchmark", str(bundle), *fast, "--min-ratio", "9999")
    assert result.returncode == 3
    assert "latency.ratio" in result.stdout


@pytest.mark.slow
def test_noise_fails_only_on_demand(bundle: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "other.json"
    key = "tiny-w8a8/ort-x86/1/1"
    data = {"schema": "edgegan.baseline/2", "environments": {"another": {key: {"p50_ms": 1.0}}}}
    baseline.write_text(json.dumps(data))
    command = ("benchmark", str(bundle), "--seconds", "0.02", "--baseline", str(baseline))
    result = edgegan(*command)
    assert result.returncode == 0
    assert "inconclusive" in result.stdout
    assert edgegan(*command, "--fail-on-noise").returncode == 3


def test_verify_and_inspect(bundle: Path) -> None:
    result = edgegan("verify", str(bundle), "--json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["schema"] == "edgegan.verify/1"
    result = edgegan("inspect", str(bundle))
    assert result.returncode == 0
    assert "100.00% of the MACs run in int8" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80 + len(str(bundle))


@pytest.mark.slow
def test_doctor_and_zoo() -> None:
    assert json.loads(edgegan("doctor", "--json").stdout)["schema"] == "edgegan.doctor/1"
    assert "ort-x86" in edgegan("doctor").stdout
    assert "fashion-dcgan" in edgegan("zoo", "list").stdout
    assert "sha256" in edgegan("zoo", "data", "fashion-mnist").stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["export", "no-such-recipe", "-o", "x"], 2),
        (["export", "missing.yaml", "-o", "x"], 2),
        (["export", "fashion-dcgan-w8a8", "-o", "x", "--set", "a.b=1"], 2),
        (["export", "fashion-dcgan-w8a8"], 2),
        (["exprot"], 2),
        (["benchmark", "no-bundle"], 1),
        (["benchmark", "no-bundle", "--baseline", "none.json"], 2),
        (["benchmark", "no-bundle", "--max-regression", "much"], 2),
        (["benchmark", "no-bundle", "--threads", "0"], 2),
        (["verify", "no-bundle"], 1),
        (["evaluate", "nothing"], 2),
        (["evaluate", "no.onnx"], 1),
        (["evaluate", "no.engine"], 1),
        (["evaluate", "fashion-dcgan", "--metrics", "fdi"], 2),
        (["evaluate", "fashion-dcgan", "--max", "fid"], 2),
        (["evaluate", "fashion-dcgan", "--split", "both"], 2),
        (["evaluate", "fashion-dcgan", "--real", "nowhere"], 1),
        (["evaluate", "fashion-dcgan", "--metrics", "qfid"], 2),
        (["compare", "no-bundle"], 1),
        (["inspect", "none.onnx"], 1),
        (["zoo", "data", "imagenet"], 2),
        (["zoo", "train", "nothing", "--data", "."], 2),
        (["zoo", "train", "fashion-dcgan", "--data", "nowhere", "-o", "x"], 1),
    ],
)
def test_faults_are_a_sentence_and_a_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["edgegan", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr().err
    assert ended.value.code == code, shown
    assert "Traceback" not in shown
    assert shown.strip()
    assert not (tmp_path / "x" / "manifest.json").exists()


def test_evaluate(bundle: Path) -> None:
    command = ("evaluate", str(bundle), "--samples", "20", "--seed", "3", "-q")
    result = edgegan(*command, "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["schema"] == "edgegan.evaluate/1"
    assert [score["name"] for score in document["metrics"]] == ["psnr"]
    result = edgegan(*command, "--min", "psnr=10")
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 80
    assert result.stdout.strip().splitlines()[-1].startswith("PASS: 1 gate held")
    assert edgegan(*command, "--max", "psnr=1").returncode == 3
    close = f"psnr={document['metrics'][0]['value'] - 0.001}"
    noisy = edgegan(*command, "--min", close)
    assert noisy.returncode == 0 and "PASS (inconclusive)" in noisy.stdout
    assert edgegan(*command, "--min", close, "--fail-on-noise").returncode == 3
    page = bundle.parent / "page.html"
    assert edgegan(*command, "--pictures", str(page)).returncode == 0
    assert "Worst pairs" in page.read_text()
    assert edgegan(*command, "--pictures", str(page)).returncode == 2
