"""ONNX Runtime's own model format, made by ONNX Runtime's own tool.

An ``.ort`` file is the graph as optimized for ARM: it loads faster, and in a minimal build, which
has no ONNX parser and only the operators of a configuration file. Of the tool's two styles only
"Fixed" is made: the other (``*.with_runtime_opt.ort``) computes convolutions in float, silently,
unless a session option replays the saved optimizations.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgegan.errors import ModelError

_TOOL = "onnxruntime.tools.convert_onnx_models_to_ort"
_CONFIGURATION = ".required_operators_and_types.config"


@dataclass(frozen=True)
class OrtFiles:
    """A converted model.

    Attributes:
        model: the ``.ort`` file.
        operators: the kernels and types it needs, for ``--include_ops_by_config``.
        bytes: size of the ``.ort`` file.
    """

    model: Path
    operators: Path
    bytes: int


def convert(model: Path, folder: Path) -> OrtFiles:
    """Write ``model``'s ``.ort`` file and its operator configuration into ``folder``.

    Args:
        model: a file ending in ``.onnx``.
        folder: an existing folder.

    Raises:
        ModelError: if the tool cannot convert it; then nothing is written.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            *(sys.executable, "-m", _TOOL, str(model.resolve())),
            *("--output_dir", scratch, "--optimization_style", "Fixed"),
            *("--target_platform", "arm", "--enable_type_reduction"),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=scratch)
        made = Path(scratch) / f"{model.stem}.ort"
        operators = Path(scratch) / f"{model.stem}{_CONFIGURATION}"
        if result.returncode != 0 or not made.is_file() or not operators.is_file():
            lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
            detail = lines[-1][:300] if lines else "no message"
            raise ModelError(
                f"{model} cannot be converted to the .ort format ({detail}); ship the ONNX file."
            )
        operators.write_text(operators.read_text().replace(f"{made.resolve().parent}/", ""))
        return OrtFiles(
            model=Path(shutil.copyfile(made, folder / made.name)),
            operators=Path(shutil.copyfile(operators, folder / operators.name)),
            bytes=made.stat().st_size,
        )
