"""The real thing: int8 convolutions on emulated processors, and what they cost."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgegan.emulation.cores import CORES
from edgegan.emulation.cost import REPEATABILITY, count
from edgegan.emulation.machine import EmulatedRuntime, emulator_missing, find_emulator
from edgegan.errors import BundleError
from edgegan.runtimes.base import Engine, Runtime
from edgegan.runtimes.ort import OrtRuntime
from tests.emulation.models import bytes_of, convolution
from tests.machine import requires_exact_cpu

pytestmark = pytest.mark.slow
ARM = [core.name for core in CORES.values() if core.architecture == "aarch64"]
X = bytes_of((2, 32, 12, 12))


def image(runtime: Runtime, model: bytes) -> NDArray[np.int64]:
    engine: Engine = runtime.load(model)
    (output,) = engine.run({"x": X}).values()
    return output.astype(np.int64)


@requires_exact_cpu
@pytest.mark.parametrize("name", ARM)
def test_arm_equals_the_host(machine: Path, name: str) -> None:
    model, runtime = convolution(127), EmulatedRuntime(CORES[name])
    expected = image(OrtRuntime(), model)
    assert len(np.unique(expected)) > 100
    np.testing.assert_array_equal(image(runtime, model), expected)
    assert runtime.execution_map(model).kernels["QLinearConv"] == 1
    assert runtime.versions()["onnxruntime"] == OrtRuntime().versions()["onnxruntime"]


@requires_exact_cpu
def test_without_vnni_full_weights_saturate_and_narrow_do_not(machine: Path) -> None:
    runtime = EmulatedRuntime(CORES["x86-avx2"])
    full, narrow = (
        np.abs(image(runtime, model) - image(OrtRuntime(), model)).max()
        for model in (convolution(127), convolution(63))
    )
    assert full > 1
    assert narrow <= 1


def test_a_refused_model_is_one_sentence(machine: Path) -> None:
    assert emulator_missing() is None
    with pytest.raises(BundleError, match="emulated cortex-a53 cannot run the model"):
        EmulatedRuntime(CORES["cortex-a53"]).load(b"no model").run({"x": X})


@pytest.mark.parametrize("name", ["cortex-a53", "cortex-a76", "i8mm", "x86-avx2"])
def test_costs(machine: Path, tmp_path: Path, name: str) -> None:
    if not find_emulator().counter.is_file():
        pytest.skip("the machine was made without a C compiler")
    model = tmp_path / "model.onnx"
    model.write_bytes(convolution(127))
    first, second = (count(model, {"x": X}, CORES[name]) for _ in range(2))
    assert first.instructions == pytest.approx(second.instructions, rel=REPEATABILITY)
    if name == "x86-avx2":
        assert set(list(asdict(first).values())[1:]) == {None}
        return
    assert first.dot is not None and first.mmla is not None and first.widening_multiply is not None
    assert (first.dot, first.mmla) == (second.dot, second.mmla)
    macs = 48 * 32 * 9 * 10 * 10
    if name == "cortex-a53":
        assert first.dot == first.mmla == 0
        assert 8 * first.widening_multiply >= macs
    else:
        assert 16 * first.dot + 32 * first.mmla >= macs
        assert (first.mmla == 0) == (name == "cortex-a76")
        assert 8 * first.widening_multiply < macs / 100
