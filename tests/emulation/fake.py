"""A folder that looks like an emulated machine."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime

from edgegan.emulation.root import SCHEMA


def write_machine(folder: Path, **changed: str) -> Path:
    document = {
        "schema": SCHEMA,
        "onnxruntime": onnxruntime.__version__,
        "numpy": "2.0.0",
        "python": "3.11",
        "qemu": "7.2",
        "packages": [],
    } | changed
    for name in ("guest/site/onnxruntime", "qemu/lib/x86_64-linux-gnu"):
        (folder / name).mkdir(parents=True)
    for name in ("qemu-aarch64", "qemu-x86_64"):
        (folder / "qemu/usr/bin" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "qemu/usr/bin" / name).touch()
    (folder / "guest/usr/bin").mkdir(parents=True)
    (folder / "guest/usr/bin/python3.11").touch()
    (folder / "versions.json").write_text(json.dumps(document))
    return folder
