"""The codebook operator against its definition in NumPy, and its gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from edgegan.quantization.codebook_quantize import CODEBOOK_QUANTIZE
from edgegan.quantization.weight_quantizers.choose import fit_codebook
from edgegan.quantization.weight_quantizers.levels import Codebook


def parameters(book: Codebook, per_channel: bool) -> list[torch.Tensor]:
    arrays = (book.scale, book.thresholds, book.integers.astype(np.float32))
    return [torch.from_numpy(a if per_channel else np.array(a[0])) for a in arrays]


def weight() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).laplace(size=(5, 3, 2, 2)).astype(np.float32))


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("name", ["em", "log"])
def test_equals_the_definition(name: str, per_channel: bool) -> None:
    x = weight()
    rows = x.numpy().reshape(5 if per_channel else 1, -1)
    book = fit_codebook(name, rows.astype(np.float64), 3, 8)
    expected = [
        [scale * entries[sum(t < value / scale for t in thresholds)] for value in row]
        for row, scale, entries, thresholds in zip(
            rows, book.scale, book.integers.astype(np.float32), book.thresholds, strict=True
        )
    ]
    actual = CODEBOOK_QUANTIZE(x, *parameters(book, per_channel))
    np.testing.assert_array_equal(actual.numpy().reshape(rows.shape), expected)
    indices = book.indices(rows)  # what the emitter packs
    entries = np.take_along_axis(book.integers, indices, 1).astype(np.float32)
    np.testing.assert_array_equal(entries * book.scale[:, None], expected)


def test_gradients() -> None:
    """Straight through for x; for the scale, the rounding error that straight-through leaves it."""
    x = weight().requires_grad_()
    book = fit_codebook("em", x.detach().double().numpy().reshape(5, -1), 2, 8)
    scale, thresholds, codebook = parameters(book, True)
    scale.requires_grad_()
    upstream = torch.randn_like(x)
    found = torch.autograd.grad(
        CODEBOOK_QUANTIZE(x, scale, thresholds, codebook), (x, scale), upstream
    )
    torch.testing.assert_close(found[0], upstream)
    integers = CODEBOOK_QUANTIZE(x, scale, thresholds, codebook) / scale.view(-1, 1, 1, 1)
    rounding = (upstream * (integers - x / scale.view(-1, 1, 1, 1))).sum((1, 2, 3))
    step = 1 / math.sqrt(12 * float(codebook.abs().max()))
    torch.testing.assert_close(found[1], rounding.detach() * step)


def test_operator_is_well_formed() -> None:
    book = fit_codebook("em", weight().double().numpy().reshape(5, -1), 2, 8)
    scale, thresholds, codebook = parameters(book, True)
    inputs = (weight().requires_grad_(), scale.requires_grad_(), thresholds, codebook)
    torch.library.opcheck(CODEBOOK_QUANTIZE, inputs)
