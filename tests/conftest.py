"""Shared fixtures. One thread: two OpenMP threads on a busy small machine can collapse."""

from __future__ import annotations

import os
import shutil

os.environ["OMP_NUM_THREADS"] = "1"

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from edgegan.cache import StageCache
from edgegan.emulation.root import emulation_folder, find_installed, install
from edgegan.errors import EdgeganError, UnavailableError
from edgegan.pipeline import export
from edgegan.recipe import load_recipe
from tests.models import write_own_generator

torch.set_num_threads(1)
settings.register_profile(
    "edgegan",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("edgegan")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEGAN_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """A command that a test calls may set PyTorch's threads for the whole process."""
    yield
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    state = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(state)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small generator's bundle, to be read; beside it ``own``, its recipe and source, and ``cache``."""
    folder = tmp_path_factory.mktemp("tiny")
    recipe, base = load_recipe(str(write_own_generator(folder / "own")))
    export(recipe, base, folder / "bundle", StageCache(folder / "cache"))
    return folder / "bundle"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The data sets beside the checkout, which not every machine has."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the data sets are not on this machine")
    return folder


@pytest.fixture(scope="session")
def machine_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The emulated machine: the one that is set up here, or one made for this run of the tests."""
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
