"""Command lines, and the whole way to the guest script and back, on the host's own processor.

A stand-in for QEMU's loader drops everything before the program: the script runs natively.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgegan.emulation.command import command
from edgegan.emulation.cores import CORES
from edgegan.emulation.cost import count
from edgegan.emulation.guests import guest_of
from edgegan.emulation.launch import Job, launch
from edgegan.emulation.machine import EmulatedRuntime
from edgegan.emulation.root import Installed, find_installed
from edgegan.errors import BundleError, EdgeganError, UnavailableError
from edgegan.runtimes.ort import OrtRuntime
from tests.emulation.fake import write_machine
from tests.emulation.models import bytes_of, convolution

MACHINE = Installed(Path("/m"), "1.2", "2.1", "3.11", "7.2", ())
X86 = CORES["x86-avx2"]
NATIVE = '#!/bin/sh\nwhile [ $# -gt 3 ]; do shift; done\nexec "$@"\n'


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_machine(tmp_path / "machine")
    loader = folder / "qemu/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    loader.write_text(NATIVE)
    loader.chmod(0o755)
    monkeypatch.setenv("EDGEGAN_EMULATION", str(folder))
    return loader


def test_command_for_an_arm_core() -> None:
    line = command(CORES["i8mm"], MACHINE, Path("/root,1"), "/job", Path("/job,1/c"))
    assert line[0] == "/m/qemu/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    assert line[3:-2] == [
        "/m/qemu/usr/bin/qemu-aarch64", "-cpu", "max,sve=off,sme=off", "-L", "/root,1",
        "-plugin", "/m/counter.so,out=/job,,1/c", "/m/guest/usr/bin/python3.11",
    ]  # fmt: skip
    assert (Path(line[-2]).name, line[-1]) == ("guest.py", "/job")


def test_command_for_x86() -> None:
    line = command(X86, MACHINE, None, "/job")
    assert line[3:-2] == ["/m/qemu/usr/bin/qemu-x86_64", "-cpu", "max", sys.executable]


def test_samples_are_run_and_joined(native: Path) -> None:
    model, x = convolution(63), bytes_of((3, 32, 12, 12))
    runtime, host = EmulatedRuntime(X86), OrtRuntime()
    outputs = runtime.load(model).run({"x": x})
    expected = host.load(model).run({"x": x})
    assert list(outputs) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(outputs[name], value)
    assert runtime.execution_map(model) == host.execution_map(model)
    assert runtime.execution_map(model).mac_share == 1.0
    assert runtime.versions()["onnxruntime"] == host.versions()["onnxruntime"]


def test_outputs_may_be_named(native: Path) -> None:
    model = convolution(63)
    engine = EmulatedRuntime(X86).load(model)
    with pytest.raises(BundleError, match="nonsense"):
        engine.run({"x": bytes_of((1, 32, 12, 12))}, ["nonsense"])
    assert list(engine.run({"x": bytes_of((1, 32, 12, 12))}, ["t_n3"])) == ["t_n3"]


def test_a_refused_model_is_one_sentence(native: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(
        BundleError, match=r"emulated x86-avx2 cannot run .*broken\.onnx: "
    ) as caught:
        EmulatedRuntime(X86).load(path).run({"x": np.zeros((1, 1), np.float32)})
    assert "\n" not in str(caught.value)
    with pytest.raises(BundleError, match="cannot run the model"):
        EmulatedRuntime(X86).execution_map(b"no model")


def test_wrong_inputs_are_one_sentence(native: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot run the model: .*x"):
        EmulatedRuntime(X86).load(convolution(63)).run({"y": np.zeros((1, 1), np.float32)})


def test_a_breakdown_is_one_sentence(native: Path) -> None:
    native.write_text("#!/bin/sh\necho 'uncaught target signal 4' >&2\nexit 132\n")
    with pytest.raises(EdgeganError, match=r"broke down \(uncaught target signal 4\); .*--again"):
        EmulatedRuntime(X86).load(convolution(63)).run({"x": bytes_of((1, 32, 12, 12))})


def test_without_a_compiler_only_counting_is_missing(native: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(convolution(63))
    with pytest.raises(UnavailableError, match=r"no C compiler .* setup arm64 --again"):
        count(path, {"x": bytes_of((1, 32, 12, 12))}, X86)


def test_without_a_machine_there_is_no_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEGAN_EMULATION", str(tmp_path))
    with pytest.raises(UnavailableError, match="edgegan setup arm64"):
        EmulatedRuntime(X86)


def test_nothing_is_asked_of_the_model_but_loading(native: Path) -> None:
    machine = find_installed(native.parents[3])
    done = launch(X86, machine, Job(convolution(63)))
    assert (done.outputs, done.optimized, done.counts) == ({}, None, "")


def test_one_guest_does_all_jobs_until_it_breaks_down(native: Path) -> None:
    """A refused job leaves it alive; a dead one is replaced."""
    machine = find_installed(native.parents[3])
    guest = guest_of(X86, machine)
    for model in (b"no model", convolution(63)):
        with contextlib.suppress(BundleError):
            launch(X86, machine, Job(model, {"x": bytes_of((1, 32, 12, 12))}))
    assert guest_of(X86, machine) is guest and guest.alive
    guest.stop()
    done = launch(X86, machine, Job(convolution(63), {"x": bytes_of((1, 32, 12, 12))}))
    assert done.outputs and guest_of(X86, machine) is not guest


def test_a_guest_ends_with_its_process(native: Path) -> None:
    """Also with one that is killed: nobody is left to read folders from."""
    code = (
        "from edgegan.emulation.guests import guest_of\n"
        "from edgegan.emulation.cores import CORES\n"
        "from edgegan.emulation.machine import find_emulator\n"
        "import os\n"
        "print(guest_of(CORES['x86-avx2'], find_emulator())._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    started = int(found.stdout)
    for _ in range(100):
        status = Path(f"/proc/{started}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the guest outlived its process")
