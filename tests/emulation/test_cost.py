"""Reading the counter's lines."""

from __future__ import annotations

import pytest

from edgegan.emulation.cost import Cost, last_inference
from edgegan.errors import EdgeganError

ARM = """\
all=100 simd=50 dot=10 mmla=0 widening_multiply=1 fma=2
all=220 simd=90 dot=25 mmla=0 widening_multiply=2 fma=5
all=330 simd=120 dot=40 mmla=7 widening_multiply=3 fma=9
"""


def test_the_last_inference_counts() -> None:
    assert last_inference(ARM) == Cost(110, 30, 15, 7, 1, 4)


def test_on_x86_64_only_all_are_known() -> None:
    assert last_inference("all=5\nall=12\n") == Cost(7, None, None, None, None, None)


@pytest.mark.parametrize("text", ["", "all=1\n", "all=1\nall=x\n", "all=1\nal", "simd=1\nsimd=2\n"])
def test_cut_off_counts_are_one_sentence(text: str) -> None:
    with pytest.raises(EdgeganError, match="no valid counts"):
        last_inference(text)
