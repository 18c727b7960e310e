"""What machines do: kills, races, full disks; and what files hold: anything at all."""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegan.bundle import MANIFEST, damaged_files, open_bundle
from edgegan.cache import StageCache
from edgegan.errors import EdgeganError
from edgegan.inspection import inspect
from edgegan.pipeline import export
from edgegan.recipe import Recipe, load_recipe, resolve
from edgegan.schema import parse_yaml, validate
from edgegan.verification import verify
from tests.models import write_own_generator

KILLS = int(os.environ.get("EDGEGAN_KILLS", "3"))


def start(recipe: Path, output: Path, cache: Path, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edgegan", "export", str(recipe), "-o", str(output), "-q"]
    return subprocess.Popen(
        command,
        env=os.environ | {"EDGEGAN_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **options,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, err = process.communicate()
    return process.returncode, err.decode()


def content(bundle: Path) -> dict[str, str]:
    """Digests of everything that does not depend on the clock."""
    assert damaged_files(open_bundle(bundle)) == []
    files = open_bundle(bundle).manifest.files
    return {n: f.sha256 for n, f in files.items() if not n.startswith("report.")}


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """No bundle or a whole one; the next run ends with the identical result."""
    recipe = write_own_generator(tmp_path / "own")
    begin = time.monotonic()
    assert finish(start(recipe, tmp_path / "whole", tmp_path / "cache-whole"))[0] == 0
    duration = time.monotonic() - begin
    expected = content(tmp_path / "whole")
    moments = random.Random(0)
    for index in range(KILLS):
        output, cache = tmp_path / f"b{index}", tmp_path / f"cache{index}"
        process = start(recipe, output, cache)
        time.sleep(moments.uniform(0.3, 1.0) * duration)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stderr:
            process.stderr.close()
        if output.exists():
            assert content(output) == expected
        code, err = finish(start(recipe, output, cache)) if not output.exists() else (0, "")
        assert code == 0, err
        assert content(output) == expected


@pytest.mark.slow
def test_an_interrupted_export_exits_130(tmp_path: Path) -> None:
    def heed() -> None:
        """A runner in the background of a shell ignores SIGINT, and its children with it."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    recipe = write_own_generator(tmp_path / "own")
    process = start(recipe, tmp_path / "b", tmp_path / "cache", preexec_fn=heed)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    code, err = finish(process)
    assert code == 130
    assert "Traceback" not in err
    assert not (tmp_path / "b").exists()


def test_two_exports_into_one_folder(tiny_bundle: Path, tmp_path: Path) -> None:
    recipe, base = load_recipe(str(tiny_bundle.parent / "own" / "recipe.yaml"))
    outcomes: list[object] = []

    def run(number: int) -> None:
        try:
            cache = StageCache(tiny_bundle.parent / "cache")
            outcomes.append(export(recipe, base, tmp_path / "bundle", cache))
        except EdgeganError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 2
    assert damaged_files(open_bundle(tmp_path / "bundle")) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".bundle")] == []


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path) -> None:
    """A file size limit makes every larger write fail as a full disk does."""

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    recipe = write_own_generator(tmp_path / "own")
    code, err = finish(start(recipe, tmp_path / "b", tmp_path / "cache", preexec_fn=small_files))
    assert code == 1
    assert "Traceback" not in err and err.startswith("error: ")
    assert not (tmp_path / "b").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders")
def test_a_read_only_folder(tmp_path: Path) -> None:
    recipe, base = load_recipe(str(write_own_generator(tmp_path / "own")))
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(EdgeganError, match="cannot be written"):
        export(recipe, base, tmp_path / "locked" / "bundle", StageCache(tmp_path / "cache"))


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from(["edgegan.recipe/1", "fashion-dcgan", "../x", "a:b", "ort-x86", "[0, 1]"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)
RECIPE = {
    "schema": "edgegan.recipe/1",
    "name": "n",
    "generator": {"zoo": "fashion-dcgan"},
    "calibration": {"samples": 10, "activation_quantiles": [0, 1]},
    "quantization": {"weight_bits": 8, "keep_float": ["a"]},
    "targets": ["ort-x86"],
    "checks": {"gates": {"qfid": {"max": 1}}},
}


def mutate(document: Any, path: list[int], value: Any) -> Any:
    """Replace what the path of child indices leads to."""
    document = copy.deepcopy(document)
    node, last = document, None
    for step in path:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            break
        last = (node, keys[step % len(keys)])
        node = node[last[1]]
        if not isinstance(node, dict | list):
            break
    if last is None:
        return value
    last[0][last[1]] = value
    return document


@settings(max_examples=500)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), values)
def test_fuzzed_recipes(path: list[int], value: Any) -> None:
    try:
        data = parse_yaml(yaml.safe_dump(mutate(RECIPE, path, value)), "recipe")
        resolve(validate(Recipe, data, "recipe"), Path())
    except EdgeganError as error:
        assert str(error) and "\n" not in str(error)


@settings(max_examples=300)
@given(st.text(max_size=200))
def test_fuzzed_yaml(text: str) -> None:
    try:
        validate(Recipe, parse_yaml(text, "recipe"), "recipe")
    except EdgeganError as error:
        assert str(error)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("faults") / "bundle"))


@settings(max_examples=300)
@given(path=st.lists(st.integers(0, 20), min_size=1, max_size=4), value=values)
def test_fuzzed_manifests(bundle: Path, path: list[int], value: Any) -> None:
    original = (bundle / MANIFEST).read_text()
    changed = json.dumps(mutate(json.loads(original), path, value))
    (bundle / MANIFEST).write_text(changed)
    try:
        verify(bundle)
    except EdgeganError as error:
        assert str(error)
    finally:
        (bundle / MANIFEST).write_text(original)


@settings(max_examples=200)
@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255))))
def test_truncated_and_changed_models(
    bundle: Path, tmp_path: Path, cut: float, flips: list[tuple[float, int]]
) -> None:
    data = bytearray((bundle / "model.onnx").read_bytes())
    for position, byte in flips[:5]:
        data[int(position * len(data))] = byte
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(data[: int(cut * len(data))]))
    try:
        inspect(path)
    except EdgeganError as error:
        assert str(error)


def test_external_data_is_not_followed(bundle: Path, tmp_path: Path) -> None:
    """A model that points at another file of this machine reads nothing."""
    import onnx

    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 4096)
    model = onnx.load(bundle / "reference" / "float.onnx")
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../secret"), ("offset", "0"), ("length", "64")):
        tensor.external_data.add(key=key, value=value)
    (tmp_path / "model").mkdir()
    path = tmp_path / "model" / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EdgeganError):
        inspect(path)
