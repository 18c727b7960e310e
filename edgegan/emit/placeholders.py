"""Operators that the exporter writes and no model leaves with: passes put real ones in their place."""

from __future__ import annotations

from abc import abstractmethod

import onnx_ir as ir
from onnx.defs import OpSchema
from onnxscript.values import Op, Opset

DOMAIN = "edgegan"


def placeholder(operator: str, inputs: dict[str, str], output: str) -> Op:
    """An operator of our domain.

    Args:
        inputs: types by name; ``T`` is a float tensor.
        output: name of its only output, a float tensor.
    """
    schema = OpSchema(
        operator,
        DOMAIN,
        1,
        inputs=[OpSchema.FormalParameter(name, kind) for name, kind in inputs.items()],
        outputs=[OpSchema.FormalParameter(output, "T")],
        type_constraints=[("T", ["tensor(float)"], "")],
    )
    return Op(Opset(DOMAIN, 1), operator, schema)


class ReplacePlaceholders(ir.passes.InPlacePass):
    """Replaces every node of one such operator; the domain leaves with the last of them."""

    operator: str

    @abstractmethod
    def replace(self, graph: ir.Graph, node: ir.Node) -> None:
        """Put real operators in the place of ``node`` and remove it."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        ours = [node for node in model.graph if node.domain == DOMAIN]
        found = [node for node in ours if node.op_type == self.operator]
        for node in found:
            self.replace(model.graph, node)
        if len(found) == len(ours):
            model.opset_imports.pop(DOMAIN, None)
        return ir.passes.PassResult(model, bool(found))
