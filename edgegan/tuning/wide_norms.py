"""What training in bfloat16 leaves in float32: norms.

Under ``torch.autocast`` a norm gets what the operators before it gave, whatever that is. PyTorch's kernels
refuse an input of float32 with gains of bfloat16, and a variance has no use for 8 bits of mantissa.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.graph import insert_call, is_call, is_parameter, path_of

aten = torch.ops.aten
_NORMS = (aten.instance_norm.default, aten.group_norm.default, aten.layer_norm.default)


def widen_norms(graph: fx.GraphModule) -> None:
    """Let every norm of ``graph`` see float32; what is float32 already is the same tensor."""
    for node in list(graph.graph.nodes):
        if not is_call(node, *_NORMS):
            continue
        for source in node.all_input_nodes:
            if not is_parameter(source):
                wide = insert_call(
                    graph, node, aten.to.dtype, (source, torch.float32), path_of(node)
                )
                node.replace_input_with(source, wide)
    graph.recompile()
