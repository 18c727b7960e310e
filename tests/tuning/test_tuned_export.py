"""Tuning through the command line: its report, an interruption, several processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from edgegan.cache import StageCache
from edgegan.pipeline import export
from edgegan.progress import Event
from edgegan.recipe import load_recipe
from tests.evaluation.made import save_pictures
from tests.models import write_own_generator

STEPS = 400
TUNE = {
    "budget": 0.5,
    "distillation": {
        "images": 64,
        "batch_size": 8,
        "steps": 2 * STEPS,
        "loss": {"pixel": 1.0, "content": 0.0},
    },
}


JUDGE = """
from torch import nn


class Judge(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(64, 1))

    def forward(self, images):
        return super().forward(images.flatten(1))[:, 0]
"""


def write_recipe(folder: Path, **tune: Any) -> Path:
    quantization = {"weight_bits": 4}
    return write_own_generator(folder / "own", quantization=quantization, tune=TUNE | tune)


@pytest.mark.slow
def test_the_report_shows_how_it_learned(tmp_path: Path) -> None:
    recipe, base = load_recipe(str(write_recipe(tmp_path, budget=0.05)))
    events: list[Event] = []
    export(recipe, base, tmp_path / "b", StageCache(tmp_path / "cache"), events.append)
    report = json.loads((tmp_path / "b" / "report.json").read_text())
    tuned = report["targets"]["ort-x86"]["tuned"]
    assert tuned["settings"]["budget"] == 0.05
    assert tuned["settings"]["distillation"]["steps"] == 2 * STEPS
    assert [record["step"] for record in tuned["history"]] == list(range(2, 41, 2))
    assert all(record["pixel"] > 0 for record in tuned["history"])
    page = (tmp_path / "b" / "report.html").read_text()
    assert page.count('<svg class="curve"') == 1 and "budget: 0.05" in page
    shown = [event.losses["pixel"] for event in events if event.losses]
    assert shown == [record["pixel"] for record in tuned["history"]]


@pytest.mark.slow
def test_a_quantized_discriminator_judges_by_real_pictures(tmp_path: Path) -> None:
    """Of one's own, from a folder of pictures; other pictures, another result."""
    loss = {"adversarial": 1.0, "content": 0.0}
    training = TUNE["distillation"] | {  # type: ignore[operator]
        "steps": 20,
        "loss": loss,
        "real": "data",
        "data": "pictures",
        "discriminator": {"source": "judge:Judge", "weights": "judge.safetensors"},
        "discriminator_weights": {"quantizer": "em", "bits": 2},
    }
    path = write_recipe(tmp_path, budget=1.0, distillation=training)
    (path.parent / "judge.py").write_text(JUDGE)
    save_file(
        {
            "0.weight": np.random.default_rng(0).normal(0, 0.1, (1, 64)).astype(np.float32),
            "0.bias": np.zeros(1, np.float32),
        },
        path.parent / "judge.safetensors",
    )
    recipe, base = load_recipe(str(path))
    found = []
    for seed in range(2):
        images = np.random.default_rng(seed).uniform(-1, 1, (9, 1, 8, 8)).astype(np.float32)
        shutil.rmtree(path.parent / "pictures", ignore_errors=True)
        save_pictures(path.parent / "pictures", images)
        cache = tmp_path / "cache"
        export(recipe, base, tmp_path / f"b{seed}", StageCache(cache), lambda event: None)
        report = json.loads((tmp_path / f"b{seed}" / "report.json").read_text())
        (target,) = report["targets"].values()
        assert {"adversarial", "discriminator"} <= set(target["tuned"]["history"][-1])
        found.append(target["tuned"]["history"][-1]["discriminator"])
    assert found[0] != found[1]
    assert len(list((tmp_path / "cache" / "tuned").iterdir())) == 2


def start(command: list[str], cache: Path) -> subprocess.Popen[str]:
    def heed() -> None:
        """A runner in the background of a shell ignores SIGINT, and its children with it."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    return subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"EDGEGAN_CACHE": str(cache), "NO_COLOR": "1", "COLUMNS": "80"},
        preexec_fn=heed,
    )


def weights_of(cache: Path) -> dict[str, np.ndarray[Any, Any]]:
    (weights,) = cache.glob("stages/tuned/*/weights.safetensors")
    found: dict[str, np.ndarray[Any, Any]] = load_file(weights)
    return found


@pytest.mark.slow
def test_an_interrupted_tuning_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    recipe = str(write_recipe(tmp_path))
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    process = start(["edgegan", "export", recipe, "-o", str(tmp_path / "b")], cut)
    while not list(cut.glob("stages/tuned/*.work/checkpoint.pt")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err and not (tmp_path / "b").exists()
    assert list(cut.glob("stages/tuned/*.work/checkpoint.pt"))
    for cache in (cut, whole):
        command = ["edgegan", "export", recipe, "-o", str(tmp_path / cache.name / "bundle")]
        process = start(command, cache)
        _, err = process.communicate()
        assert process.returncode == 0, err
        assert f"tuned {STEPS} of {STEPS}: pixel" in err
        assert not list(cache.glob("stages/tuned/*.work"))
    resumed, straight = weights_of(cut), weights_of(whole)
    assert all(np.array_equal(resumed[name], straight[name]) for name in straight)


@pytest.mark.slow
def test_processes_of_torchrun_tune_together(tmp_path: Path) -> None:
    recipe = str(write_recipe(tmp_path, budget=0.05))
    found = {}
    for count in (1, 2):
        cache, bundle = tmp_path / f"cache{count}", tmp_path / f"bundle{count}"
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(count), "-m"]
        command = ["edgegan", "export", recipe, "-o", str(bundle), "--json"]
        process = start([*launcher, *command] if count > 1 else command, cache)
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert json.loads(out)["bundle"] == str(bundle)  # one document: one process prints
        assert err.count("PASS") == 1 and err.count("emitted: ") == 1
        assert not list(cache.glob("stages/tuned/*.work"))
        found[count] = weights_of(cache)
    for name, weight in found[1].items():
        np.testing.assert_allclose(found[2][name], weight, atol=1e-4)
    assert any(not np.array_equal(found[2][name], weight) for name, weight in found[1].items())
