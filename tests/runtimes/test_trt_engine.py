"""The order of calls when an engine runs, against stand-ins for CUDA and TensorRT."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from edgegan.errors import BundleError
from edgegan.runtimes.trt import TensorRtRuntime
from edgegan.runtimes.trt_device import Gpu, local_gpu
from edgegan.runtimes.trt_engine import TensorRtEngine
from edgegan.runtimes.trt_layers import EngineLayer
from edgegan.runtimes.trt_library import Flavour, why_unavailable
from tests.runtimes.fake_cuda import PLAN, FakeCuda, install

FAKE = Flavour("tensorrt", "fake_tensorrt", "TensorRT", ahead_of_time=False)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    install(monkeypatch, fake)
    return fake


def test_the_gpu_is_described(cuda: FakeCuda) -> None:
    assert why_unavailable(FAKE) is None
    assert local_gpu() == Gpu("Fake GPU 1", "sm89")


def test_an_engine_file_runs(cuda: FakeCuda, tmp_path: Path) -> None:
    path = tmp_path / "model.sm89.engine"
    path.write_bytes(PLAN)
    engine = TensorRtRuntime(FAKE).load(path)
    for batch in (2, 4, 1):  # memory grows, then is used again
        x = np.arange(batch * 3, dtype=np.float64).reshape(batch, 3)
        result = engine.run({"x": x})
        assert list(result) == ["y"]
        assert result["y"].dtype == np.float32
        np.testing.assert_array_equal(result["y"], 2 * x)
    assert len(cuda.memory) == 2
    engine.close()
    assert not cuda.memory
    assert cuda.streams == 0
    engine.close()


def test_a_forgotten_engine_gives_its_memory_back(cuda: FakeCuda) -> None:
    TensorRtEngine(PLAN, FAKE).run({"x": np.ones((1, 3))})
    gc.collect()
    assert not cuda.memory


def test_results_outlive_the_next_run(cuda: FakeCuda) -> None:
    engine = TensorRtEngine(PLAN, FAKE)
    first = engine.run({"x": np.ones((1, 3))}, ["y"])["y"]
    engine.run({"x": np.zeros((1, 3))})
    np.testing.assert_array_equal(first, [[2, 2, 2]])


def test_faults_of_the_caller_are_sentences(cuda: FakeCuda) -> None:
    engine = TensorRtEngine(PLAN, FAKE)
    with pytest.raises(BundleError, match="the engine needs the input 'x', which was not given"):
        engine.run({"z": np.ones((1, 3))})
    with pytest.raises(
        BundleError, match=r"not built for 'x' of shape \(5, 3\); build it with a batch"
    ):
        engine.run({"x": np.ones((5, 3))})
    with pytest.raises(BundleError, match="has no output 'image'; it has y"):
        engine.run({"x": np.ones((1, 3))}, ["image"])


def test_an_engine_of_another_version_is_a_sentence(cuda: FakeCuda, tmp_path: Path) -> None:
    path = tmp_path / "old.engine"
    path.write_bytes(b"other")
    expected = (
        r"TensorRT 11\.4\.0 cannot load .*old\.engine: Version tag does not match; .* build it anew"
    )
    with pytest.raises(BundleError, match=expected):
        TensorRtRuntime(FAKE).load(path)


def test_a_full_gpu_is_a_sentence(cuda: FakeCuda) -> None:
    cuda.capacity = 8
    with pytest.raises(
        BundleError, match="the GPU failed in cudaMalloc: cudaErrorMemoryAllocation"
    ):
        TensorRtEngine(PLAN, FAKE).run({"x": np.ones((1, 3))})


def test_the_inspector_tells_the_layers(cuda: FakeCuda) -> None:
    assert TensorRtEngine(PLAN, FAKE).layers() == (EngineLayer("kgen", (), (), ()),)
