"""Finding the machine, and hosts that cannot make one."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest

from edgegan.emulation import debian, root
from edgegan.emulation.debian import Mirrors, mirrors
from edgegan.emulation.machine import emulator_missing
from edgegan.emulation.root import Installed, find_installed, install
from edgegan.errors import EdgeganError, UnavailableError
from tests.emulation.fake import write_machine


def test_a_whole_machine_is_found(tmp_path: Path) -> None:
    found = find_installed(write_machine(tmp_path))
    assert (found.onnxruntime, found.python) == (onnxruntime.__version__, "3.11")
    assert not found.as_json()["counter"]


def test_none_is_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEGAN_EMULATION", str(tmp_path / "none"))
    missing = emulator_missing()
    assert missing is not None
    assert missing.endswith("make it with: edgegan setup arm64")


def test_another_onnxruntime_is_noticed(tmp_path: Path) -> None:
    write_machine(tmp_path, onnxruntime="1.2.3")
    with pytest.raises(UnavailableError, match=r"has ONNX Runtime 1\.2\.3, .* setup arm64 --again"):
        find_installed(tmp_path)
    with pytest.raises(UnavailableError, match="--again"):
        install(tmp_path, print)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "x", "packages": []}', "\0"])
def test_a_damaged_description_is_one_sentence(tmp_path: Path, text: str) -> None:
    (write_machine(tmp_path) / "versions.json").write_text(text)
    with pytest.raises(UnavailableError, match=r"is damaged .* --again"):
        find_installed(tmp_path)


@pytest.mark.parametrize("lost", ["qemu/usr/bin/qemu-x86_64", "guest/usr/bin/python3.11"])
def test_a_missing_part_is_named(tmp_path: Path, lost: str) -> None:
    (write_machine(tmp_path) / lost).unlink()
    with pytest.raises(UnavailableError, match=rf"lacks .*{lost}; .* --again"):
        find_installed(tmp_path)


def test_not_on_arm_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian.platform, "machine", lambda: "aarch64")
    with pytest.raises(
        UnavailableError, match=r"aarch64, not Linux on x86_64; .*EDGEGAN_EMULATION"
    ):
        install(tmp_path / "new", print)
    assert list(tmp_path.iterdir()) == []


def test_not_without_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian.sys, "platform", "linux")
    monkeypatch.setattr(debian.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(debian.shutil, "which", lambda tool: None)
    with pytest.raises(UnavailableError, match="it has no apt-get, apt-config, dpkg-deb"):
        install(tmp_path / "new", print)


def host(monkeypatch: pytest.MonkeyPatch, codename: str, listed: str) -> None:
    release = {"VERSION_CODENAME": codename}
    monkeypatch.setattr(debian.platform, "freedesktop_os_release", lambda: release)
    monkeypatch.setattr(debian, "_run", lambda command, environment: listed)


def test_mirrors_are_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    host(
        monkeypatch,
        "trixie",
        "trixie main http://mirror.example/debian/\n"
        "trixie stable https://vendor.example/debian\n"
        "trixie-security main http://mirror.example/debian-security/\n"
        "stable main https://vendor.example/tool\n",
    )
    expected = Mirrors("http://mirror.example/debian/", "http://mirror.example/debian-security/")
    assert mirrors() == expected


def test_other_distributions_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    host(monkeypatch, "noble", "noble main http://archive.example/ubuntu/\n")
    with pytest.raises(UnavailableError, match="no Debian mirror for 'noble'"):
        mirrors()


def test_aptitudes_refusal_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "apt-get"
    tool.write_text("#!/bin/sh\necho 'W: warned' >&2\necho 'E: Failed to fetch it' >&2\nexit 100\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(
        UnavailableError, match=r"packages \(Failed to fetch it\); is there a network"
    ):
        mirrors()


def prepared(monkeypatch: pytest.MonkeyPatch, make: object) -> None:
    monkeypatch.setattr(root, "host_unsuited", lambda: None)
    monkeypatch.setattr(root, "_make", make)


def test_a_failed_installation_leaves_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write_machine(tmp_path / "machine")

    def fail(work: Path, new: Path, report: object) -> None:
        new.mkdir()
        raise UnavailableError("no network")

    prepared(monkeypatch, fail)
    with pytest.raises(UnavailableError, match="no network"):
        install(old, print, again=True)
    assert [path.name for path in tmp_path.iterdir()] == ["machine"]
    assert find_installed(old)


def test_again_replaces_and_once_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def make(work: Path, new: Path, report: object) -> None:
        made.append(write_machine(new, numpy=f"2.{len(made)}"))

    prepared(monkeypatch, make)
    folder = tmp_path / "cache" / "emulation"
    versions = [install(folder, print, again).numpy for again in (False, False, True)]
    assert versions == ["2.0", "2.0", "2.1"]
    assert [path.name for path in folder.parent.iterdir()] == ["emulation"]


def test_an_unwritable_place_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    prepared(monkeypatch, lambda work, new, report: pytest.fail("not reached"))
    with pytest.raises(EdgeganError, match="EDGEGAN_EMULATION"):
        install(tmp_path / "file" / "emulation", print)


def test_a_machine_may_be_moved(tmp_path: Path) -> None:
    write_machine(tmp_path / "a").rename(tmp_path / "b")
    found: Installed = find_installed(tmp_path / "b")
    assert found.guest_python == tmp_path / "b/guest/usr/bin/python3.11"
