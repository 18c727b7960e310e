"""What TensorRT refuses, as sentences: the layer, the rule and the remedy.

The messages on the left were recorded from TensorRT-RTX 1.7; TensorRT shares its parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SYMMETRIC = "quantize for a target of the grid symmetric-s8"
UINT8_IMPORT = "Defaulting to INT8"
"""Part of the parser's warning when it takes uint8 for int8, which changes the numbers silently."""


@dataclass(frozen=True)
class Refusal:
    """What TensorRT said.

    Attributes:
        message: its own words.
        node: name of the ONNX node; empty where it named none.
        operator: of that node.
    """

    message: str
    node: str = ""
    operator: str = ""


_RULES: tuple[tuple[str, str], ...] = (
    (r"Non-zero zero point", f"takes int8 with zero point 0 only; {SYMMETRIC}"),
    (UINT8_IMPORT, f"would read uint8 as int8 and so change the numbers; {SYMMETRIC}"),
    (r"unsupported input type of UINT8", f"takes no uint8 weights; {SYMMETRIC}"),
    (r"Int32 but must have type", "takes no quantized bias; leave the bias in float"),
    (
        r"Cannot compile operation '(?P<node>.+?)' for Turing",
        "has no matrix product in fp32 or int8 on Turing (SM75); write it as a 1x1 Conv, build the "
        "half precision model, or leave sm75 out",
    ),
    (r"HW-specific datatypes: int4", "has no INT4 on Turing (SM75); store int8 or leave sm75 out"),
    (
        r"CHECK\(dtype == W\.type\(\)\)",
        "convolves with INT4 weights on float activations only; store the weights as int8, or leave the "
        "layer's input unquantized",
    ),
    (
        r"Tensor (?P<node>\S+?)(?:_output)? has datatype Int4 but is not consumed",
        "takes INT4 only directly before DequantizeLinear; store int8, or remove what stands between",
    ),
    (
        r"Failed to import initializer: (?!In node)(?P<node>\S+)",
        "knows neither this tensor's type nor INT2, UINT4 or 16-bit integers; store int8 or INT4",
    ),
    (
        r"blocking dimension must be",
        "takes blocked scales along the last two axes only; use per-channel",
    ),
    (
        r"odd tensor volume",
        "takes INT4 with an even number of elements only; store this weight as int8",
    ),
    (
        r"Failed to parse the ONNX model|Network must have at least one output",
        "finds no ONNX model in it; export it again",
    ),
)


def sentence(model: str, title: str, refusal: Refusal) -> str:
    """One sentence for people.

    Args:
        model: file or other name of the model.
        title: of the library, e.g. ``TensorRT-RTX``.
        refusal: what it said.
    """
    for pattern, rule in _RULES:
        found = re.search(pattern, refusal.message)
        if found:
            node = found.groupdict().get("node") or refusal.node
            return f"{model}: {_subject(node, refusal.operator)}{title} {rule}."
    detail = " ".join(refusal.message.split())[:300] or "no reason given"
    where = _subject(refusal.node, refusal.operator)
    return f"{model}: {where}{title} cannot build an engine from it: {detail}."


def _subject(node: str, operator: str) -> str:
    if not node:
        return ""
    return f"{node} ({operator}): " if operator else f"{node}: "
