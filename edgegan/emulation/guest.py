"""Runs inside the emulated machine, where there is Python, NumPy and ONNX Runtime, and no edgegan.

``python guest.py -`` reads names of folders from its standard input, does the job in each, and answers
with the folder's name; ``python guest.py FOLDER`` does one. A job is described by ``job.json`` there:
``model`` (path), ``inputs`` (path of an .npz with arrays ``[N, ...]``, or null), ``outputs`` (names, or
null for all), ``threads``, and ``optimized`` (where to save the optimized graph, or null). It leaves
``outputs.npz``, or ``error.txt`` with one line.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

_QUIET = 3


def _session(job: dict[str, Any]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    if job["optimized"]:
        options.optimized_model_filepath = job["optimized"]
    onnxruntime.set_default_logger_severity(_QUIET)
    return onnxruntime.InferenceSession(job["model"], options, ["CPUExecutionProvider"])


def _run(session: onnxruntime.InferenceSession, job: dict[str, Any]) -> dict[str, Any]:
    """Sample by sample, as deployed; getppid() marks the border before and after each one."""
    with np.load(job["inputs"], allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    names = job["outputs"] or [output.name for output in session.get_outputs()]
    count = len(next(iter(arrays.values())))
    feeds = [{name: a[i : i + 1] for name, a in arrays.items()} for i in range(count)]
    results = []
    os.getppid()
    for feed in feeds:
        results.append(session.run(names, feed))
        os.getppid()
    return {name: np.concatenate(parts) for name, parts in zip(names, zip(*results))}  # noqa: B905


def _do(folder: Path) -> int:
    job = json.loads((folder / "job.json").read_text())
    try:
        session = _session(job)
        if job["inputs"]:
            np.savez(folder / "outputs.npz", **_run(session, job))
    except Exception as error:  # pybind raises its own unrelated types
        (folder / "error.txt").write_text(" ".join(str(error).split())[:300])
        return 1
    return 0


def _serve() -> int:
    for line in sys.stdin:
        _do(Path(line.rstrip("\n")))
        print(line, end="", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(_serve() if sys.argv[1] == "-" else _do(Path(sys.argv[1])))
