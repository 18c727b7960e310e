"""NNCF's quantization, and OpenVINO on the CPU, compiled as edgegan does; the extra ``peers``."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import UnavailableError
from edgegan.runtimes.openvino import Shapes, compile_model

Feed = Mapping[str, NDArray[Any]]


def require() -> None:
    """Find out, before the work starts, whether both packages are there.

    Raises:
        UnavailableError: if not.
    """
    for name in ("openvino", "nncf"):
        _package(name)


def quantize_nncf(source: Path, target: Path, images: Feed) -> None:
    """Post-training quantization with NNCF's defaults.

    Args:
        source: an ONNX model of floats.
        target: OpenVINO's ``.xml``; the weights are put beside it.
        images: calibration inputs; all of them are used, one by one.
    """
    openvino, nncf = _package("openvino"), _package("nncf")
    nncf.set_log_level(logging.ERROR)
    count = len(next(iter(images.values())))
    singles = [{name: value[i : i + 1] for name, value in images.items()} for i in range(count)]
    with contextlib.redirect_stdout(sys.stderr):
        model = openvino.Core().read_model(source)
        quantized = nncf.quantize(model, nncf.Dataset(singles), subset_size=count)
    openvino.save_model(quantized, target, compress_to_fp16=False)


def load(model: Path, feed: Feed, threads: int, *, float32: bool) -> Callable[[], object]:
    """A call that runs ``feed`` through a model (``.onnx`` or ``.xml``), compiled for its shapes.

    Args:
        float32: compute floats in float32; else in OpenVINO's own choice, which is bfloat16 where the
            processor has it.
    """
    shapes: Shapes = {name: np.shape(value) for name, value in feed.items()}
    request = compile_model(model, str(model), threads, shapes, float32).create_infer_request()
    return partial(request.infer, dict(feed), share_inputs=True, share_outputs=True)


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise UnavailableError(
            f"{name} is not installed; install it with: pip install 'edgegan[peers]'."
        ) from None
