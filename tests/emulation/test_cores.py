"""The processors as data."""

from __future__ import annotations

import pytest

from edgegan.emulation.cores import CORES, cpuinfo, find_core
from edgegan.errors import UsageError


def test_cpuinfo_is_what_linux_writes() -> None:
    assert cpuinfo(find_core("cortex-a76")) == (
        "processor\t: 0\n"
        "BogoMIPS\t: 50.00\n"
        "Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid atomics fphp asimdhp "
        "asimdrdm lrcpc dcpop asimddp\n"
        "CPU implementer\t: 0x41\n"
        "CPU architecture: 8\n"
        "CPU variant\t: 0x4\n"
        "CPU part\t: 0xd0b\n"
        "CPU revision\t: 0\n"
        "\n"
    )


def test_parts_are_of_the_cores() -> None:
    """Arm's technical reference manuals; a wrong part makes ONNX Runtime execute what is not there."""
    parts = {core.name: core.part for core in CORES.values() if core.architecture == "aarch64"}
    assert parts == {"cortex-a53": 0xD03, "cortex-a72": 0xD08, "cortex-a76": 0xD0B, "i8mm": 0xD4F}


def test_only_newer_cores_have_dot_products() -> None:
    having = {core.name for core in CORES.values() if "asimddp" in core.features}
    assert having == {"cortex-a76", "i8mm"}
    assert "i8mm" in CORES["i8mm"].features
    assert not {"sve", "sme"} & set(CORES["i8mm"].features)


def test_an_unknown_core_lists_the_known() -> None:
    with pytest.raises(
        UsageError, match=r"'cortex-m0' is unknown; known cores: cortex-a53, .*avx2"
    ):
        find_core("cortex-m0")
