"""Weights as the zoo keeps them: state_dicts in half precision."""

from __future__ import annotations

import os
from pathlib import Path

from safetensors.torch import save_file
from torch import nn


def save_half(module: nn.Module, path: Path) -> None:
    """Write a state_dict as fp16 safetensors (integer buffers as they are), whole or not at all."""
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in module.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(state, partial)
    partial.chmod(0o644)  # safetensors leaves its files to their owner alone
    os.replace(partial, path)


def round_to_half(module: nn.Module) -> None:
    """Round the module's own weights to what ``save_half`` kept, so that results are of the file."""
    state = module.state_dict()
    module.load_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in state.items()}
    )
