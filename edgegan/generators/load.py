"""From a source and a weights file to an ``nn.Module`` in eval mode. Weights never run code."""

from __future__ import annotations

import importlib
import pickle
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from edgegan.errors import ModelError


def load_module(
    source: str, arguments: Mapping[str, Any], weights: Path, root: Path | None = None
) -> nn.Module:
    """Build a module and fill it.

    Args:
        source: ``package.module:factory``; its code is run.
        arguments: keyword arguments of the factory.
        weights: state_dict as ``.safetensors``, or ``.pt``/``.pth`` (loaded with ``weights_only``);
            half precision is widened to float32.
        root: folder put on the import path while the source is imported (where the recipe lies).

    Returns:
        The module in eval mode, float32, without gradients.

    Raises:
        ModelError: if the source cannot be imported or called, or the weights are missing, damaged,
            hold code, do not fit, or hold NaN or infinity.
    """
    module = build_module(source, arguments, root)
    state = load_weights(weights)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:300]
        raise ModelError(
            f"weights {weights} do not fit {source}: {detail} Give the weights of this architecture, "
            "or the arguments that they were trained with."
        ) from None
    return module.float().eval().requires_grad_(False)


def build_module(source: str, arguments: Mapping[str, Any], root: Path | None = None) -> nn.Module:
    """Import and call the factory that ``source`` names; see ``load_module``."""
    module_name, _, factory_name = source.partition(":")
    with _import_path(root):
        try:
            factory = getattr(importlib.import_module(module_name), factory_name)
        except ImportError as error:
            raise ModelError(
                f"generator source {source} cannot be imported: {error}. Install its package, or put "
                "the module beside the recipe."
            ) from error
        except AttributeError:
            raise ModelError(
                f"generator source {source}: module {module_name} has no {factory_name!r}."
            ) from None
        except Exception as error:
            raise ModelError(f"generator source {source} fails at import: {error!r}.") from error
    try:
        module = factory(**arguments)
    except Exception as error:
        raise ModelError(
            f"generator source {source} fails when called with {dict(arguments)!r}: {error}."
        ) from error
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"generator source {source} returns a {type(module).__name__}; it must return a "
            "torch.nn.Module."
        )
    return module


def load_tensors(path: Path) -> Any:
    """``torch.load`` of plain data; anything that would run code raises ``UnpicklingError``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on pickle protocols; the refusal says enough
        return torch.load(path, map_location="cpu", weights_only=True)


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state_dict; see ``load_module`` for formats and errors."""
    if not path.is_file():
        raise ModelError(f"weights {path} do not exist; check `weights:` in the recipe.")
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            state = load_tensors(path)
    except pickle.UnpicklingError as error:
        reason = "it holds pickled code" if "weights_only" in str(error) else "it is damaged"
        raise ModelError(
            f"weights {path} are refused because {reason}; save `module.state_dict()` alone, best as "
            ".safetensors."
        ) from None
    except (
        SafetensorError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        zipfile.BadZipFile,
    ) as error:
        detail = " ".join(str(error).split())[:200]
        raise ModelError(
            f"weights {path} cannot be read ({detail}); the file is damaged or of another format."
        ) from None
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ModelError(
            f"weights {path} are not a state_dict (a mapping of names to tensors); save "
            "`module.state_dict()`."
        )
    for name, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ModelError(
                f"weights {path}: tensor {name!r} holds NaN or infinity; the training has diverged, "
                "take an earlier checkpoint."
            )
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


@contextmanager
def _import_path(root: Path | None) -> Iterator[None]:
    if root is None:
        yield
        return
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))
