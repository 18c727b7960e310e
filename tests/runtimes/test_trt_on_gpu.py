"""Building with TensorRT for the GPU that is there, against a stand-in of its builder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgegan.runtimes import trt_build, trt_library, trt_worker
from edgegan.runtimes.trt import TensorRtRuntime
from edgegan.runtimes.trt_build import build_engines
from edgegan.runtimes.trt_library import Flavour
from edgegan.runtimes.trt_options import BatchProfile, BuildOptions
from tests.runtimes.fake_cuda import PLAN, FakeCuda, install
from tests.runtimes.trt_models import residual

FAKE = Flavour("tensorrt", "fake_tensorrt", "TensorRT", ahead_of_time=False)


class Builder:
    """What edgegan asks of a builder; it remembers what it was asked, in ``asked``."""

    asked: dict[str, Any] = {}

    def __init__(self, log: Any) -> None:
        Builder.asked = {}

    def create_network(self, flags: int) -> Any:
        self.asked["flags"] = flags
        tensor = SimpleNamespace(name="x", shape=(-1, 3))
        return SimpleNamespace(num_inputs=1, get_input=lambda index: tensor)

    def create_optimization_profile(self) -> Any:
        return SimpleNamespace(set_shape=lambda *shapes: self.asked.update(profile=shapes))

    def create_builder_config(self) -> Any:
        cache = SimpleNamespace(serialize=lambda: b"times after")
        return SimpleNamespace(
            add_optimization_profile=lambda profile: 0,
            create_timing_cache=lambda known: self.asked.update(known=known),
            set_timing_cache=lambda cache, ignore_mismatch: True,
            get_timing_cache=lambda: cache,
        )

    def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
        self.asked["verbosity"] = config.profiling_verbosity
        return PLAN


class Parser:
    def __init__(self, network: Any, log: Any) -> None:
        pass

    def parse(self, model: bytes, path: str) -> bool:
        return len(model) > 0 and Path(path).is_file()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stand-in; the worker runs in this process."""
    install(monkeypatch, FakeCuda())
    fake = sys.modules["fake_tensorrt"]
    flags = SimpleNamespace(STRONGLY_TYPED=1)
    for name, value in {
        "Builder": Builder,
        "OnnxParser": Parser,
        "NetworkDefinitionCreationFlag": flags,
        "ProfilingVerbosity": SimpleNamespace(DETAILED="detailed"),
    }.items():
        monkeypatch.setattr(fake, name, value, raising=False)

    def run(command: list[str], **options: Any) -> Any:
        trt_worker._main(Path(command[-1]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(trt_build.subprocess, "run", run)
    monkeypatch.setitem(trt_library.FLAVOURS, "tensorrt", FAKE)
    return fake


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(residual().SerializeToString())
    return path


def test_the_engine_is_for_the_gpu_here_and_the_cache_is_kept(
    library: Any, model: Path, tmp_path: Path
) -> None:
    options = BuildOptions(batch=BatchProfile(1, 2, 4), timing_cache=tmp_path / "times")
    (engine,) = build_engines(model, options, tmp_path / "out", FAKE).engines
    assert engine.file == tmp_path / "out" / "model.sm89.engine"
    assert engine.file.read_bytes() == PLAN
    assert (engine.library, engine.version, engine.capability) == ("tensorrt", "11.4.0", "sm89")
    assert Builder.asked == {
        "flags": 2,  # 1 << STRONGLY_TYPED
        "profile": ("x", (1, 3), (2, 3), (4, 3)),
        "known": b"",
        "verbosity": "detailed",
    }
    (cache,) = (tmp_path / "times").iterdir()
    assert cache.name == "tensorrt-11.4.0-Fake-GPU-1.timing"
    assert cache.read_bytes() == b"times after"
    build_engines(model, options, tmp_path / "out", FAKE)
    assert Builder.asked["known"] == b"times after"


def test_a_model_is_built_and_run(library: Any, model: Path) -> None:
    engine = TensorRtRuntime(FAKE, BuildOptions(batch=BatchProfile(1, 1, 4))).load(model)
    np.testing.assert_array_equal(engine.run({"x": np.ones((2, 3))})["y"], 2 * np.ones((2, 3)))


def test_a_silent_refusal_is_a_sentence(
    library: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Builder, "build_serialized_network", lambda *anything: None)
    built = build_engines(model, BuildOptions(), tmp_path / "out", FAKE)
    assert built.engines == ()
    assert [
        "cannot build an engine from it: no reason given" in r for r in built.refused.values()
    ] == [True]
    assert list((tmp_path / "out").iterdir()) == []
