"""Options, names and the absence of NVIDIA's libraries: no package is needed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgegan.errors import EdgeganError, ModelError, UnavailableError, UsageError
from edgegan.runtimes.trt import TensorRtRuntime
from edgegan.runtimes.trt_build import build_engine, build_engines
from edgegan.runtimes.trt_device import gpu_problem
from edgegan.runtimes.trt_library import (
    TENSORRT,
    Flavour,
    load_library,
    why_no_build,
    why_unavailable,
)
from edgegan.runtimes.trt_options import BatchProfile, BuildOptions, engine_name
from tests.runtimes.trt_models import residual

ABSENT = Flavour("tensorrt-rtx", "no_such_tensorrt", "TensorRT-RTX", ahead_of_time=True)
STANDIN = Flavour("tensorrt-rtx", "json", "TensorRT-RTX", ahead_of_time=True)
"""Counts as installed."""


def test_engines_are_named_after_model_and_capability() -> None:
    assert engine_name(Path("out/model.onnx"), "sm89") == "model.sm89.engine"


def test_an_unknown_capability_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'sm99' is unknown; TensorRT-RTX builds for sm75, sm80"):
        BuildOptions(("sm89", "sm99"))


@pytest.mark.parametrize("sizes", [(0, 1, 1), (2, 1, 4), (1, 8, 4)])
def test_a_batch_profile_must_be_in_order(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="not in order"):
        BatchProfile(*sizes)


def test_an_absent_package_is_a_sentence_with_the_remedy() -> None:
    expected = r"not installed: pip install 'edgegan\[tensorrt-rtx\]' .* proprietary licence\.$"
    for call in (
        lambda: load_library(ABSENT),
        lambda: TensorRtRuntime(ABSENT).load(b""),
        lambda: build_engine(Path("m.onnx"), BuildOptions(("sm89",)), Path("out"), ABSENT),
    ):
        with pytest.raises(UnavailableError, match=expected):
            call()


def test_a_package_that_does_not_load_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_a_tensorrt.py").write_text("raise ImportError('libnvinfer.so is missing')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        UnavailableError, match=r"does not load \(libnvinfer\.so is missing\); reinstall"
    ):
        load_library(Flavour("tensorrt-rtx", "half_a_tensorrt", "TensorRT-RTX", True))


@pytest.mark.skipif(gpu_problem() is None, reason="this machine has a GPU")
def test_without_a_gpu_nothing_runs_but_ahead_of_time_builds_may() -> None:
    assert why_no_build(STANDIN) is None
    assert why_unavailable(STANDIN) == gpu_problem()
    assert why_no_build(Flavour("tensorrt", "json", "TensorRT", False)) == gpu_problem()
    with pytest.raises(UnavailableError, match="GPU"):
        TensorRtRuntime(STANDIN).load(b"")


@pytest.mark.skipif(gpu_problem() is None, reason="this machine has a GPU")
def test_without_a_gpu_a_capability_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="name a compute capability"):
        build_engines(tmp_path / "m.onnx", BuildOptions(), tmp_path, STANDIN)


def test_one_engine_is_for_one_capability(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one compute capability, not sm86, sm89"):
        build_engine(tmp_path / "m.onnx", BuildOptions(("sm86", "sm89")), tmp_path / "e", STANDIN)


def test_tensorrt_takes_no_capability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegan.runtimes.trt_build.why_no_build", lambda flavour: None)
    with pytest.raises(UsageError, match="GPU of this machine only; leave out sm89"):
        build_engine(tmp_path / "m.onnx", BuildOptions(("sm89",)), tmp_path / "e", TENSORRT)


def test_an_engine_file_has_no_execution_map() -> None:
    with pytest.raises(EdgeganError, match="give the ONNX model"):
        TensorRtRuntime(STANDIN).execution_map(Path("model.sm89.engine"))


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_what_is_no_model_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx (is not an ONNX model|cannot be read)"):
        build_engine(path, BuildOptions(("sm89",)), tmp_path / "out" / "e", STANDIN)
    assert not (tmp_path / "out").exists()


def test_a_builder_that_breaks_down_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    model = tmp_path / "model.onnx"
    model.write_bytes(residual().SerializeToString())
    output = tmp_path / "out" / "model.engine"
    with pytest.raises(ModelError, match="broke down while building: it ended with 1"):
        build_engine(model, BuildOptions(("sm89",)), output, STANDIN)
    assert list(output.parent.iterdir()) == []
