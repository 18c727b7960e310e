"""PSNR by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.metrics.psnr import psnr


def test_by_hand() -> None:
    a = np.zeros((1, 1, 2, 2), np.float32)
    b = np.full_like(a, 0.02)
    assert psnr(a, b, (-1.0, 1.0)) == pytest.approx(40.0, abs=1e-4)
    assert psnr(a, a, (-1.0, 1.0)) == float("inf")
