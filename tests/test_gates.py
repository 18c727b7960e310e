"""The gates file: strict, and resolved to the limits of one bundle and target."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edgegan.checks.check import Limit
from edgegan.errors import RecipeError
from edgegan.gates import SCHEMA, Gates, default_gates, load_gates
from edgegan.measurements import GATE_NAMES, MEASURES


def write(folder: Path, **sections: object) -> Path:
    path = folder / "gates.yaml"
    path.write_text(yaml.safe_dump({"schema": SCHEMA} | sections))
    return path


def test_every_name_can_be_gated(tmp_path: Path) -> None:
    gates = load_gates(write(tmp_path, gates={name: {"max": 1} for name in GATE_NAMES}))
    assert tuple(gates.limits_for("any", "ort-x86")) == GATE_NAMES == tuple(MEASURES)


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(
        "schema: edgegan.gates/1\nthreads: 2\nbatch: 4\nruns: 200\nseconds: 0.5\n"
        "baseline: baselines/\nmax_regression: 5%\nmin_delta_ms: 0.1\n"
        "gates: {peak_bytes: {max: 20_000_000}}\n"
    )
    gates = load_gates(path)
    assert (gates.threads, gates.batch, gates.runs, gates.seconds) == (2, 4, 200, 0.5)
    assert gates.baseline == tmp_path / "baselines"
    assert (gates.max_regression, gates.min_delta_ms) == (0.05, 0.1)
    assert gates.gates == {"peak_bytes": Limit(max=20e6)}


def test_the_narrower_limit_wins(tmp_path: Path) -> None:
    gates = load_gates(
        write(
            tmp_path,
            gates={
                "ort-x86/latency.p50_ms": {"max": 2},
                "latency.p50_ms": {"max": 1},
                "ort-x86/load_ms": {"max": 20},
                "load_ms": {"max": 10},
                "size.ratio": {"max": 0.3},
            },
            bundles={
                "big": {
                    "latency.p50_ms": {"max": 3},
                    "ort-x86/load_ms": {"max": 40},
                    "load_ms": {"max": 30},
                }
            },
        )
    )
    assert gates.limits_for("small", "ort-x86") == {
        "latency.p50_ms": Limit(max=2),
        "load_ms": Limit(max=20),
        "size.ratio": Limit(max=0.3),
    }
    assert gates.limits_for("small", "another") == {
        "latency.p50_ms": Limit(max=1),
        "load_ms": Limit(max=10),
        "size.ratio": Limit(max=0.3),
    }
    assert gates.limits_for("big", "ort-x86") == {
        "latency.p50_ms": Limit(max=3),
        "load_ms": Limit(max=40),
        "size.ratio": Limit(max=0.3),
    }
    assert gates.limits_for("big", "another")["load_ms"] == Limit(max=30)


def test_options_win_over_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        threads=2,
        runs=50,
        gates={"latency.ratio": {"min": 2}, "ort-x86/latency.ratio": {"min": 3}},
        bundles={"big": {"latency.ratio": {"min": 4}, "load_ms": {"max": 9}}},
    )
    gates = load_gates(path).with_options(
        {"latency.ratio": {"min": 5}}, runs=300, seconds=None, max_regression="10%"
    )
    assert (gates.threads, gates.runs, gates.seconds, gates.max_regression) == (2, 300, 1.0, 0.1)
    assert gates.limits_for("small", "ort-x86") == {"latency.ratio": Limit(min=5)}
    assert gates.limits_for("big", "ort-x86") == {
        "latency.ratio": Limit(min=5),
        "load_ms": Limit(max=9),
    }


def test_no_options_change_nothing(tmp_path: Path) -> None:
    gates = load_gates(
        write(tmp_path, max_regression="7.5%", bundles={"b": {"load_ms": {"min": 0, "max": 5}}})
    )
    assert gates.with_options({}, threads=None, baseline=None) == gates
    assert default_gates().limits_for("b", "ort-x86") == {}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"gaets": {}}, "unknown key 'gaets'; did you mean 'gates'?"),
        ({"thread": 1}, "unknown key 'thread'; did you mean 'threads'?"),
        (
            {"gates": {"latency.p95": {"max": 1}}},
            "gates: unknown gate 'latency.p95'; did you mean 'latency.p95_ms'?",
        ),
        (
            {"gates": {"ort-x68/load_ms": {"max": 1}}},
            "gates: unknown target 'ort-x68'; did you mean 'ort-x86'?",
        ),
        (
            {"bundles": {"big": {"lod_ms": {"max": 1}}}},
            "bundles.big: unknown gate 'lod_ms'; did you mean 'load_ms'?",
        ),
        (
            {"gates": {"load_ms": {"mx": 1}}},
            "unknown key 'gates.load_ms.mx'; did you mean 'max'?",
        ),
        ({"gates": {"load_ms": {}}}, "gates.load_ms: must have min or max (given: {})."),
        ({"gates": {"load_ms": 5}}, "gates.load_ms: "),
        ({"gates": {"load_ms": {"max": float("nan")}}}, "gates.load_ms.max: should be a finite"),
        ({"max_regression": "much"}, "max_regression: must read like 5% or 0.05 (given: 'much')."),
        ({"max_regression": -0.1}, "max_regression: must read like 5% or 0.05 (given: -0.1)."),
        ({"runs": 5}, "runs: should be greater than or equal to 10 (given: 5)."),
        ({"schema": "edgegan.recipe/1"}, "schema: should be 'edgegan.gates/1'"),
    ],
)
def test_faults_name_file_key_and_rule(
    tmp_path: Path, sections: dict[str, object], message: str
) -> None:
    path = write(tmp_path, **sections)
    with pytest.raises(RecipeError) as caught:
        load_gates(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert "\n" not in text
    assert caught.value.exit_code == 2


def test_a_file_without_schema(tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text("gates: {}\n")
    with pytest.raises(RecipeError, match="the key 'schema' is missing"):
        load_gates(path)
    path.write_text("shema: edgegan.gates/1\nschema: edgegan.gates/1\n")
    with pytest.raises(RecipeError, match=r"unknown key 'shema'; did you mean 'schema'\?"):
        load_gates(path)


@pytest.mark.parametrize("text", ["gates: [", "- a\n", "\t", ""])
def test_what_is_no_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"gates\.yaml"):
        load_gates(path)


def test_options_are_held_to_the_same_rules() -> None:
    with pytest.raises(RecipeError, match=r"options: gates.latency.ratio.min: should be a finite"):
        default_gates().with_options({"latency.ratio": {"min": float("nan")}})
    assert isinstance(default_gates().with_options({}, runs=10), Gates)
