from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.stock import pre_process


def test_preparing_a_model_leaves_nothing_where_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an operator of unknown shape, whose symbolic inference fails and writes the whole model."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Inverse", ["a"], ["y"], domain="com.microsoft"),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], [weight])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    (tmp_path / "here").mkdir()
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    source, target = Path("../models/float.onnx"), Path("../models/prepared.onnx")
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), source)
    pre_process(source, target)
    assert [node.op_type for node in onnx.load(target).graph.node] == ["MatMul", "Inverse"]
    assert Path.cwd() == tmp_path / "here"
    assert list(Path.cwd().iterdir()) == []
    assert {path.name for path in source.parent.iterdir()} == {"float.onnx", "prepared.onnx"}
