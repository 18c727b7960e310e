"""Statistics of real images on disk: one safetensors file, several splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from edgegan.errors import DataError
from edgegan.metrics.statistics import FeatureStatistics


def save_statistics(path: Path, splits: dict[str, FeatureStatistics]) -> None:
    """Write the statistics of several splits (e.g. ``train`` and ``test``) to a safetensors file."""
    tensors: dict[str, NDArray[np.generic]] = {}
    for split, value in splits.items():
        tensors[f"{split}.mean"] = value.mean
        tensors[f"{split}.covariance"] = np.ascontiguousarray(value.covariance)
        tensors[f"{split}.count"] = np.array(value.count, np.int64)
    save_file(tensors, path)


def load_statistics(path: Path, split: str) -> FeatureStatistics:
    """Read one split back.

    Raises:
        DataError: if the file is missing, damaged, or has no such split.
    """
    try:
        tensors = load_file(path)
        return FeatureStatistics(
            tensors[f"{split}.mean"],
            tensors[f"{split}.covariance"],
            int(tensors[f"{split}.count"]),
        )
    except FileNotFoundError:
        raise DataError(f"feature statistics {path} do not exist.") from None
    except KeyError:
        raise DataError(f"feature statistics {path} have no split {split!r}.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"feature statistics {path} cannot be read ({error}).") from None
