"""What a TensorRT engine is built for, and what is known of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgegan.errors import UsageError
from edgegan.runtimes.base import ExecutionMap

COMPUTE_CAPABILITIES = {
    "sm75": "Turing: GeForce RTX 20, GTX 16, T4",
    "sm80": "Ampere: A100, A30",
    "sm86": "Ampere: GeForce RTX 30, RTX A2000 to A6000",
    "sm89": "Ada: GeForce RTX 40, RTX Ada, L4",
    "sm120": "Blackwell: GeForce RTX 50, RTX PRO Blackwell",
    "sm121": "Blackwell: GB10 (DGX Spark)",
}
"""What TensorRT-RTX 1.7 builds for, and GPUs that have it."""


@dataclass(frozen=True)
class BatchProfile:
    """Batch sizes that an engine accepts, where the model's batch axis is dynamic.

    Attributes:
        min, max: the smallest and the largest.
        opt: the one it is tuned for.

    Raises:
        UsageError: if they are not in order.
    """

    min: int = 1
    opt: int = 1
    max: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.min <= self.opt <= self.max:
            raise UsageError(
                f"the batch profile {self.min}, {self.opt}, {self.max} is not in order; give 1 or more "
                "as smallest, preferred and largest batch."
            )


@dataclass(frozen=True)
class BuildOptions:
    """What to build.

    Attributes:
        capabilities: keys of ``COMPUTE_CAPABILITIES``, TensorRT-RTX only; none is the GPU of this machine.
        batch: of models with a dynamic batch axis.
        timing_cache: folder of measured kernel times, used by ``tensorrt`` only (TensorRT-RTX measures
            nothing while building). One file for each library version and GPU.

    Raises:
        UsageError: if a capability is unknown.
    """

    capabilities: tuple[str, ...] = ()
    batch: BatchProfile = BatchProfile()
    timing_cache: Path | None = None

    def __post_init__(self) -> None:
        for name in self.capabilities:
            if name not in COMPUTE_CAPABILITIES:
                raise UsageError(
                    f"compute capability {name!r} is unknown; TensorRT-RTX builds for "
                    f"{', '.join(COMPUTE_CAPABILITIES)}."
                )


@dataclass(frozen=True)
class BuiltEngine:
    """An engine that was built.

    Attributes:
        file: where it lies; ``bytes`` long.
        capability: what it was built for, e.g. ``sm89``.
        seconds: building took, without reading and writing.
        library, version: what built it, and alone can load it.
        execution: how its layers multiply. TensorRT-RTX chooses kernels later, on the GPU, for these types.
        ran: whether it has been executed; building never does.
    """

    file: Path
    bytes: int
    capability: str
    seconds: float
    library: str
    version: str
    execution: ExecutionMap
    ran: bool = False


def engine_name(model: Path, capability: str) -> str:
    """``<stem>.<capability>.engine``, e.g. ``model.sm89.engine``."""
    return f"{model.stem}.{capability}.engine"
