from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks import openvino_peer, peers
from benchmarks.ceiling import Ceiling, Machine, Work
from benchmarks.kept_rows import KeptRows
from benchmarks.peer_engines import RUNTIMES, prepare
from benchmarks.peers import Setting, against_nncf, rows, settings, table, with_ours
from edgegan.errors import UnavailableError, UsageError
from edgegan.latency.measure import Effort, Timing

SETTING = Setting("dcgan-64", 2, 16)


def _timing(milliseconds: float) -> Timing:
    return Timing(np.full(8, milliseconds))


def _rows() -> list[dict[str, object]]:
    times = {"ort-float": 8.0, "openvino-nncf-int8": 3.0}
    times |= {"edgegan-int8-ort": 2.5, "edgegan-int8-openvino": 2.0}
    refused = {name: "it has no such operator" for name in RUNTIMES if name not in times}
    timings = {name: _timing(value) for name, value in times.items()}
    return with_ours(rows(SETTING, timings, refused, Work(10, 100, 7), Ceiling(1.0, 0.5)))


def test_every_runtime_has_a_row_of_the_promised_form() -> None:
    found = _rows()
    assert [row["runtime"] for row in found] == [*RUNTIMES, "edgegan-int8"]
    ours = next(row for row in found if row["runtime"] == "edgegan-int8")
    assert ours == {
        "family": "dcgan-64", "threads": 2, "batch": 16, "runtime": "edgegan-int8",
        "target": "openvino-x86",
        "p50_ms": 2.0, "runs": 8, "spread": 0.0,
        "ratio": 4.0, "ratio_low": 4.0, "ratio_high": 4.0,
        "nncf_ratio": 1.5, "nncf_ratio_low": 1.5, "nncf_ratio_high": 1.5,
        "macs": 160, "bytes": 100 + 16 * 7,
        "ceiling_compute_ms": 1.0, "ceiling_memory_ms": 0.5, "ceiling_ms": 1.5,
        "ceiling_share": 0.75,
    }  # fmt: skip
    refused = next(row for row in found if row["runtime"] == "openvino-float")
    assert refused["p50_ms"] is None
    assert refused["reason"] == "it has no such operator"
    assert json.loads(json.dumps(found)) == found


def test_table_puts_the_runtimes_side_by_side() -> None:
    (line,) = table(_rows())
    assert line["ort-float"] == 8.0
    assert line["edgegan-int8"] == 4.0
    assert line["openvino-nncf-int8"] == pytest.approx(8 / 3)
    assert line["openvino-float"] is None
    assert (line["p50_ms"], line["ceiling_share"], line["interval"]) == (2.0, 0.75, "4–4")


def test_geometric_mean_over_families() -> None:
    base = {"threads": 1, "batch": 1, "runtime": "edgegan-int8"}
    found = [base | {"nncf_ratio": 2.0}, base | {"nncf_ratio": 0.5}, base | {"p50_ms": None}]
    assert against_nncf(found) == "1 and 1: 1.00x (least 0.50x)"


def test_rows_are_chosen_by_pattern() -> None:
    assert [one.label for one in settings(["cyclegan-256/1/*", "dcgan-64/2/16"])] == [
        "dcgan-64/2/16", "cyclegan-256/1/1", "cyclegan-256/1/16",
    ]  # fmt: skip
    assert not settings(["nothing"])
    usual = {one.family for one in settings([])}
    assert "cyclegan-128" in usual
    assert "cyclegan-256" not in usual


def test_a_family_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stylegan-1024 is not among"):
        prepare("stylegan-1024", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_finished_rows_are_kept_and_failures_give_their_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(family: str, folder: Path) -> None:
        asked.append(family)
        raise RuntimeError("the operator\nis unknown")

    monkeypatch.setattr(peers, "prepare", refuse)
    kept = KeptRows(tmp_path)
    for batch in (1, 16):
        kept.keep(f"dcgan-64/1/{batch}", _rows())
    chosen = settings(["dcgan-64/1/*", "cyclegan-128/*"])
    reasons = peers._run(chosen, tmp_path, kept, Machine({"x": 1.0}, {1: 1.0}), Effort())
    assert asked == ["cyclegan-128"]
    assert reasons == ["cyclegan-128 is left out: RuntimeError: the operator is unknown"]


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UnavailableError, match=r"openvino is not installed.*edgegan\[peers\]"):
        openvino_peer.require()


def test_nncf_quantizes_and_openvino_runs(tmp_path: Path) -> None:
    for package in ("openvino", "nncf"):
        pytest.importorskip(package, reason="the extra peers is not installed")
    random = np.random.default_rng(0)
    weight = random.normal(size=(8, 4, 1, 1)).astype(np.float32)
    shapes = [("x", ["batch", 4, 6, 6]), ("y", ["batch", 8, 6, 6])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes)
    tensors = [numpy_helper.from_array(weight, "weight")]
    node = helper.make_node("Conv", ["x", "weight"], ["y"])
    graph = helper.make_graph([node], "g", [x], [y], tensors)
    opset = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), tmp_path / "f.onnx")
    images = {"x": random.uniform(-1, 1, (16, 4, 6, 6)).astype(np.float32)}
    openvino_peer.quantize_nncf(tmp_path / "f.onnx", tmp_path / "q.xml", images)
    assert "FakeQuantize" in (tmp_path / "q.xml").read_text()
    expected = np.einsum("oc,nchw->nohw", weight[:, :, 0, 0], images["x"])
    for model, float32, tolerance in (("f.onnx", True, 1e-5), ("q.xml", False, 0.1)):
        call = openvino_peer.load(tmp_path / model, images, 1, float32=float32)
        (image,) = call().values()
        assert np.abs(image - expected).max() < tolerance
