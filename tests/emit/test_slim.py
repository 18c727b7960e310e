"""A file without defaults and inferred shapes: the same kernels and numbers, fewer bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import nn

from edgegan.emit import export as export_module
from edgegan.runtimes.base import first_output
from edgegan.runtimes.ort import OrtRuntime
from tests.emitted import emitted


class Unchanged(ir.passes.InPlacePass):
    """Stands where ``Slim`` stands."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        return ir.passes.PassResult(model, False)


def test_the_runtime_infers_what_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [nn.Linear(6, 48), nn.ReLU(), nn.Unflatten(1, (12, 2, 2)), nn.BatchNorm2d(12)]
    layers += [nn.ConvTranspose2d(12, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1)]
    module = nn.Sequential(*layers, nn.Tanh())
    slim = emitted(module, (6,))
    with monkeypatch.context() as patch:
        patch.setattr(export_module, "Slim", Unchanged)
        whole = emitted(module, (6,))
    forms = {"slim": slim.onnx, "whole": whole.onnx}
    for name, model in forms.items():
        (tmp_path / name).write_bytes(model)
        onnx.checker.check_model(str(tmp_path / name), full_check=True)
    kernels = [OrtRuntime().execution_map(tmp_path / name).kernels for name in forms]
    assert kernels[0] == kernels[1]
    assert len(slim.onnx) < 0.8 * len(whole.onnx)
    feed = {"x": torch.randn(5, 6).numpy()}
    images = [first_output(OrtRuntime().load(tmp_path / name).run(feed)) for name in forms]
    np.testing.assert_array_equal(*images)


def test_an_axis_that_is_no_default_stays() -> None:
    graph = onnx.load_from_string(emitted(nn.Conv2d(2, 3, 1), (2, 4, 4)).onnx).graph
    weights = [
        n for n in graph.node if n.op_type == "DequantizeLinear" and "integers" in n.input[0]
    ]
    assert [a.i for n in weights for a in n.attribute if a.name == "axis"] == [0]
    assert not graph.value_info
    assert not any(v.metadata_props for v in [*graph.input, *graph.output])
