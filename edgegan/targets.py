"""Target profiles, as data: what a runtime demands of the numbers and of the graph.

A target decides the *grid* (how numbers are quantized) and the *lowering profile* (how the graph is
rewritten). Targets that share both share one calibrated, tuned and emitted model.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgegan.errors import UsageError


@dataclass(frozen=True)
class Grid:
    """How numbers are quantized.

    Attributes:
        name: part of the cache keys and file names.
        activation_signed: whether activations are int8 (else uint8).
        activation_symmetric: whether their zero point is fixed to 0.
        weight_bits: widths that weights may have.
        reduced_weights: whether 8-bit weights keep to 7 bits (no 16-bit saturation).
    """

    name: str
    activation_signed: bool
    activation_symmetric: bool
    weight_bits: tuple[int, ...]
    reduced_weights: bool = False


@dataclass(frozen=True)
class LoweringProfile:
    """Which of several exact forms of a layer the runtime executes fastest.

    Attributes:
        name: part of the cache keys.
        separate_phases: whether small layers may be split into one convolution a phase.
        pack_images: whether convolutions to few channels may compute several pixels at once.
    """

    name: str
    separate_phases: bool = True
    pack_images: bool = True


@dataclass(frozen=True)
class Target:
    """A runtime on a kind of machine.

    Attributes:
        name: as in recipes.
        runtime: which module of ``edgegan.runtimes`` executes it.
        grid, lowering: what it demands.
        opset: of the emitted ONNX model.
        exact_cpu_flags: CPU features of which one must be there for the exact simulation to hold bit
            for bit; without them, 8-bit products saturate in 16-bit sums.
    """

    name: str
    runtime: str
    grid: Grid
    lowering: LoweringProfile
    opset: int
    exact_cpu_flags: tuple[str, ...]


AFFINE_U8 = Grid("affine-u8", False, False, (8, 4))
ORT_LOWERING = LoweringProfile("ort-nhwc")

TARGETS: dict[str, Target] = {
    "ort-x86": Target(
        name="ort-x86",
        runtime="ort",
        grid=AFFINE_U8,
        lowering=ORT_LOWERING,
        opset=21,
        exact_cpu_flags=("avx512_vnni", "avx_vnni"),
    ),
}


def find_target(name: str) -> Target:
    """The target's profile.

    Raises:
        UsageError: if there is none of this name.
    """
    if name not in TARGETS:
        raise UsageError(f"target {name!r} is unknown; known targets: {', '.join(TARGETS)}.")
    return TARGETS[name]
