"""The emulated machine: the one that is set up here, or one made for this run of the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgegan.emulation.root import emulation_folder, find_installed, install
from edgegan.errors import EdgeganError, UnavailableError


@pytest.fixture(scope="session")
def machine_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    own = emulation_folder()
    try:
        find_installed(own)
    except UnavailableError:
        made = tmp_path_factory.mktemp("emulated") / "machine"
        try:
            install(made, print)
        except EdgeganError as error:
            pytest.skip(f"no emulated machine can be set up: {error}")
        yield made
        shutil.rmtree(made)
    else:
        yield own


@pytest.fixture
def machine(machine_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's folder, which edgegan uses during the test."""
    monkeypatch.setenv("EDGEGAN_EMULATION", str(machine_folder))
    return machine_folder
