"""What docs/ci.md shows can be used as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from edgegan.cli import app
from edgegan.gates import SCHEMA, Gates
from edgegan.latency.measure import TAIL_RUNS
from edgegan.measurements import GATE_NAMES
from edgegan.schema import validate

DOCUMENT = (Path(__file__).resolve().parents[1] / "docs" / "ci.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def workflow() -> dict[str, Any]:
    (found,) = (data for data in map(yaml.safe_load, blocks("yaml")) if "jobs" in data)
    return found


def scripts() -> list[str]:
    steps = [step for job in workflow()["jobs"].values() for step in job["steps"]]
    return [*blocks("sh"), *(step["run"] for step in steps if "run" in step)]


def commands() -> list[list[str]]:
    lines = [line for text in scripts() for line in text.replace("\\\n", " ").splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("edgegan ")]


def test_gates_fit_the_schema() -> None:
    shown = [data for data in map(yaml.safe_load, blocks("yaml")) if data.get("schema") == SCHEMA]
    assert len(shown) == 3
    for data in shown:
        validate(Gates, data, "docs/ci.md")


def test_every_gate_is_described() -> None:
    table = DOCUMENT[DOCUMENT.index("| check |") : DOCUMENT.index("## What to gate on")]
    for name in GATE_NAMES:
        assert f"`{name}`" in table or f"`{name.split('.')[-1].removesuffix('_ms')}`" in table


def test_the_stated_runs_are_the_rule() -> None:
    text = " ".join(DOCUMENT.split())
    said = re.search(r"Below (\d+) runs p90 .* below (\d+) p95, below (\d+) p99", text)
    assert said is not None
    assert tuple(map(int, said.groups())) == (TAIL_RUNS[90], TAIL_RUNS[95], TAIL_RUNS[99])


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_commands_exist_with_their_options(command: list[str]) -> None:
    tree: Any = typer.main.get_command(app)
    known = {option for param in tree.commands[command[1]].params for option in param.opts}
    assert {word for word in command[2:] if word.startswith("-")} <= known
    tree.commands[command[1]].make_context(command[1], command[2:])


def test_options_in_the_text_exist() -> None:
    tree: Any = typer.main.get_command(app)
    known = {option for param in tree.commands["benchmark"].params for option in param.opts}
    assert set(re.findall(r"`(--[a-z0-9-]+)", DOCUMENT)) <= known


def test_the_workflow_has_both_machines() -> None:
    jobs = workflow()["jobs"]
    assert {job["runs-on"] for job in jobs.values()} == {"ubuntu-24.04", "ubuntu-24.04-arm"}
    for job in jobs.values():
        text = "\n".join(step.get("run", "") for step in job["steps"])
        assert "edgegan verify" in text and "edgegan benchmark" in text and "--junit" in text
    assert len(commands()) == 10
