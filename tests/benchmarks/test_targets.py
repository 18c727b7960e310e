from __future__ import annotations

import pytest

from benchmarks.targets import Row, verdict


def row(target: str, whole: int | None, inner: int | None, found: str = "pass") -> Row:
    return {"target": target, "parity_lsb": whole, "integer_lsb": inner, "verdict": found}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (row("ort-x86", 0, None), "pass"),
        (row("ort-x86", 1, None), "fail"),  # no float operator that would excuse it
        (row("ort-arm64@cortex-a53", 1, 0), "pass"),
        (row("ort-arm64@cortex-a53", 2, 0), "fail"),
        (row("ort-arm64@i8mm", 1, 1), "fail"),
        (row("openvino-x86", 1, 1), "pass"),
        (row("openvino-x86", 2, 2), "fail"),
        (row("tensorrt-rtx@sm86", None, None), "pass"),
        (row("ort-x86", 0, None, "fail"), "fail"),
    ],
)
def test_a_verdict_is_what_the_target_owes(given: Row, expected: str) -> None:
    assert verdict(given) == expected
