"""What a stranger installs: a light core, nothing but ``edgegan``, recipes that work by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

import edgegan
from tests.evaluation.made import save_feature_network, save_pictures

ROOT = Path(__file__).resolve().parents[1]

BLOCKER = """
import sys

class Blocker:
    BLOCKED = {"torch", "torchvision", "onnxscript", "onnx_ir", "safetensors", "pytorch_fid", "scipy"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from edgegan.cli import main
sys.argv = ["edgegan", *sys.argv[1:]]
main()
"""


def light(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process where the export extra cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKER, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        ("benchmark", "--seconds", "0.02"),
        ("verify",),
        ("debug",),
        ("inspect",),
        ("evaluate", "--metrics", "psnr"),
        ("compare",),
        ("doctor",),
        ("zoo", "list"),
    ],
)
def test_the_core_runs_without_torch(tiny_bundle: Path, command: tuple[str, ...]) -> None:
    takes_bundle = command[0] not in ("doctor", "zoo")
    arguments = (command[0], str(tiny_bundle), *command[1:]) if takes_bundle else command
    result = light(*arguments)
    assert result.returncode == 0, result.stderr


def test_features_without_torch(tiny_bundle: Path, tmp_path: Path) -> None:
    """An ONNX file's need none; a network of the zoo is a sentence that names the extra."""
    network = save_feature_network(tmp_path / "net.onnx", 8)
    options = ("--samples", "20", "-q", "--metrics", "fid,qfid,kid,is,prc,density_coverage,realism")
    real = np.random.default_rng(0).uniform(-1, 1, (20, 1, 8, 8)).astype(np.float32)
    save_pictures(tmp_path / "real", real)
    named = ("--features", str(network), "--real", str(tmp_path / "real"))
    result = light("evaluate", str(tiny_bundle), *options, *named)
    assert result.returncode == 0, result.stderr
    result = light("evaluate", str(tiny_bundle), "-q", "--features", "fashion-features")
    assert result.returncode == 4
    assert "pip install 'edgegan[export]'" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["export", "debug", "zoo train"])
def test_what_needs_torch_names_the_extra(tiny_bundle: Path, tmp_path: Path, command: str) -> None:
    recipe = tiny_bundle.parent / "own" / "recipe.yaml"
    arguments = {
        "export": [str(recipe), "-o", str(tmp_path / "b"), "-q", "--set", "calibration.samples=7"],
        "debug": [str(tiny_bundle), "--against-engine"],
        "zoo train": ["mnist-mlp", "--data", str(tmp_path), "--work", str(tmp_path / "w")],
    }[command]
    result = light(*command.split(), *arguments)
    assert result.returncode == 4
    assert result.stderr.startswith("error: this needs the package ")
    assert result.stderr.endswith("install it with: pip install 'edgegan[export]'\n")
    assert result.stderr.count("\n") == 1


def test_telemetry_is_off() -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    assert edgegan.__version__


@pytest.mark.slow
def test_the_wheel_works_from_an_empty_folder(tmp_path: Path) -> None:
    """Built, installed beside this environment's packages, used by recipe name."""
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--outdir",
        str(tmp_path / "dist"),
        str(ROOT),
    ]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"edgegan", f"edgegan-{edgegan.__version__}.dist-info"}
    assert "edgegan/resources/recipes/fashion-dcgan-w8a8.yaml" in names
    assert "edgegan/resources/models/fashion-dcgan/generator.safetensors" in names
    assert not [name for name in names if "/mnist" in name.partition("/resources/")[2]]

    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True)
    # the dependencies come from this environment: what is tested is the wheel's own content
    packages = next((environment / "lib").glob("python*")) / "site-packages"
    here = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("\n".join(here) + "\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run = {"cwd": empty, "env": inherited | {"EDGEGAN_CACHE": str(tmp_path / "cache")}}
    located = subprocess.run(
        [python, "-c", "import edgegan; print(edgegan.__file__)"],
        capture_output=True, text=True, check=True, **run,
    )  # fmt: skip
    assert str(environment) in located.stdout
    command = [environment / "bin" / "edgegan", "export", "fashion-dcgan-w8a8", "-o", "bundle"]
    result = subprocess.run(
        [*command, "--json", "-q"], capture_output=True, text=True, check=False, **run
    )
    assert result.returncode == 0, result.stderr
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert checks["int8.mac_share"]["value"] >= 0.99
    verified = subprocess.run(
        [environment / "bin" / "edgegan", "verify", "bundle"],
        capture_output=True,
        check=False,
        **run,
    )
    assert verified.returncode == 0
