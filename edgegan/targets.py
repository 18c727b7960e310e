"""Target profiles, as data: what a runtime demands of the numbers and of the graph.

A target decides the *grid* (how numbers are quantized) and the *lowering profile* (how the graph is
rewritten). Targets that share both share one *variant*: a model that is calibrated, tuned and emitted
once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edgegan.errors import UsageError
from edgegan.quantization.weight_quantizers.names import FEWEST_BITS, PACKED_BITS
from edgegan.quantization.weights import Weights

WeightSite = Literal["phases", "kernel"]
Executor = Literal["ort", "openvino"]


@dataclass(frozen=True)
class Grid:
    """How numbers are quantized.

    Attributes:
        name: part of the cache keys and file names.
        signed: whether activations are int8 with zero point 0 (else uint8 with any zero point).
        unsigned_positives: whether, of a signed grid, those that cannot be negative are uint8, also
            with zero point 0.
        weight_widths: by the recipe's weight bits, the bits that weights really use. Processors
            without VNNI add pairs of products in 16 bits, which full 8-bit weights overflow.
        activations: whether activations are quantized; else weights alone are, which only saves bytes.
        absorbs_leaky_relu: whether runtimes apply a LeakyReLU to the sums of the layer in front, before
            they are quantized; else it works on integers of its own.
        joins_concatenated: whether all that is concatenated shares one grid; else only the phases of one
            layer do.
        executor: which runtime for CPUs has integer kernels for it; None where none has.
        weight_site: where weights of rewritten layers are quantized: each phase, or the original
            kernel, from which the runtime builds the phases when it loads the model.
    """

    name: str
    signed: bool
    weight_widths: tuple[tuple[int, int], ...]
    activations: bool = True
    weight_site: WeightSite = "phases"
    unsigned_positives: bool = False
    absorbs_leaky_relu: bool = False
    joins_concatenated: bool = False
    executor: Executor | None = "ort"

    def width(self, weight_bits: int) -> int:
        """Bits that weights really use."""
        return dict(self.weight_widths)[weight_bits]

    @property
    def kernel_width(self) -> int:
        """Bits of the widest weights that the kernels take."""
        return self.width(8)


@dataclass(frozen=True)
class LoweringProfile:
    """Which of several exact forms of a layer the runtime executes fastest.

    Attributes:
        name: part of the cache keys.
        separate_phases: whether small layers may be split into one convolution a phase.
        pack_images: whether convolutions to few channels may compute several pixels at once.
        channels_last: whether shuffles are written in channels-last order (else as DepthToSpace).
        linear_as_convolution: whether linear layers become 1x1 convolutions.
        rows_as_pixels: whether they are emitted as convolutions of one image with a pixel a sample, and
            vectors over pictures as rows of pixels.
        static_sizes: whether pictures have the sizes that the graph was captured with; else shuffles and
            paddings are written so that they fit any.
        adaptive_norms: whether an instance norm may take scale and shift from the graph; needs static
            sizes.
        kernel_bits: where set, layers whose phases hold more weights than their kernel keep the
            kernel as their weight, if sums of its taps of so many bits fit int8 (of 8 bits, one tap).
    """

    name: str
    separate_phases: bool = True
    pack_images: bool = True
    channels_last: bool = True
    linear_as_convolution: bool = False
    rows_as_pixels: bool = False
    static_sizes: bool = True
    adaptive_norms: bool = False
    kernel_bits: int | None = None


@dataclass(frozen=True)
class Target:
    """A runtime on a kind of machine.

    Attributes:
        name: as in recipes.
        runtime: ``ort``, ``openvino``, ``tensorrt`` or ``tensorrt-rtx``.
        processor: ``x86-64``, ``aarch64`` or ``nvidia``: what executes it.
        grid, lowering: what it demands.
        absent_cpu_flags: CPU features that the target's processors lack: a machine that has one of
            them executes other kernels.
        parity_lsb: steps that an engine may be off the exact simulation where nothing stands in float
            between them: 0 where the runtime's arithmetic is known to the last bit.
    """

    name: str
    runtime: str
    processor: str
    grid: Grid
    lowering: LoweringProfile
    absent_cpu_flags: tuple[str, ...] = ()
    parity_lsb: int = 0


@dataclass(frozen=True)
class Variant:
    """What one emitted model is made for: all that targets must share to share it.

    Attributes:
        grid, lowering: see ``Target``.
        weights: of the recipe: all that a layer may have, float aside.
        opset: of the emitted ONNX model.
    """

    grid: Grid
    lowering: LoweringProfile
    weights: tuple[Weights, ...]
    opset: int

    @property
    def weight_bits(self) -> int:
        """The fewest; 32 where all is float."""
        return min(self.widths, default=32)

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of the weights, ascending."""
        return tuple(sorted({each.bits for each in self.weights if each.bits is not None}))

    @property
    def weight_width(self) -> int:
        """Bits of the widest integers that kernels multiply with."""
        grid = self.grid
        return max(
            (
                grid.kernel_width if each.is_codebook else grid.width(each.bits)
                for each in self.weights
                if each.bits is not None
            ),
            default=0,
        )


_OPSET = 21
_OPSET_OF_INT2 = 25
"""The first opset whose DequantizeLinear and Cast know the storage type."""

_ALL_WIDTHS = tuple((bits, bits) for bits in range(8, 0, -1))
_WIDE = _ALL_WIDTHS[:4]
"""Those that are stored in 8 bits: for runtimes that take no other weights beside 8-bit activations."""

_VNNI = ("avx512_vnni", "avx_vnni")

AFFINE_U8 = Grid("affine-u8", signed=False, weight_widths=_ALL_WIDTHS)
AFFINE_U8_NARROW = replace(
    AFFINE_U8, name="affine-u8-narrow", weight_widths=((8, 7), *_ALL_WIDTHS[1:])
)
SYMMETRIC_S8 = Grid("symmetric-s8", signed=True, weight_widths=_WIDE, executor=None)
SYMMETRIC_8 = Grid(
    "symmetric-8",
    signed=True,
    weight_widths=_WIDE,
    unsigned_positives=True,
    absorbs_leaky_relu=True,
    joins_concatenated=True,
    executor="openvino",
)
"""OpenVINO computes with other zero points than 0, too, but around each operator that moves such integers
it unpacks and packs them, and its attention then runs in float. Where a U-Net's concatenations joined two
scales, its pictures were wrong (2026.4.1)."""
WEIGHTS_ONLY = Grid(
    "weights-only",
    signed=True,
    weight_widths=(*_WIDE, (4, 4)),
    activations=False,
    executor=None,
)

ORT_LOWERING = LoweringProfile("ort", rows_as_pixels=True, adaptive_norms=True)
TENSORRT_LOWERING = LoweringProfile(
    "tensorrt",
    separate_phases=False,
    pack_images=False,
    channels_last=False,
    linear_as_convolution=True,
)

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("ort-x86", "ort", "x86-64", AFFINE_U8, ORT_LOWERING),
        Target(
            "ort-x86-avx2", "ort", "x86-64", AFFINE_U8_NARROW, ORT_LOWERING, absent_cpu_flags=_VNNI
        ),
        Target("ort-arm64", "ort", "aarch64", AFFINE_U8, ORT_LOWERING),
        Target("openvino-x86", "openvino", "x86-64", SYMMETRIC_8, ORT_LOWERING, parity_lsb=1),
        Target("tensorrt", "tensorrt", "nvidia", SYMMETRIC_S8, TENSORRT_LOWERING),
        Target("tensorrt-rtx", "tensorrt-rtx", "nvidia", SYMMETRIC_S8, TENSORRT_LOWERING),
    )
}


def why_inexact(weight_width: int, flags: Collection[str]) -> str:
    """Why a runtime's integers may differ from the exact ones on a CPU; empty where they are equal.

    Without VNNI (and not on ARM), pairs of products are added in 16 bits: full 8-bit weights
    saturate there, narrower ones fit.

    Args:
        weight_width: bits that the weights use.
        flags: CPU features, as Linux names them.
    """
    if weight_width < 8 or {*_VNNI, "asimd"} & set(flags):
        return ""
    return f"this CPU has no {' or '.join(_VNNI)}: its 8-bit products saturate in 16-bit sums"


def find_target(name: str) -> Target:
    """The target's profile.

    Raises:
        UsageError: if there is none of this name.
    """
    if name not in TARGETS:
        raise UsageError(f"target {name!r} is unknown; known targets: {', '.join(TARGETS)}.")
    return TARGETS[name]


def variant_of(
    target: Target,
    weights: Sequence[Weights],
    site: WeightSite = "phases",
    activations: bool = True,
    static_sizes: bool = True,
) -> Variant:
    """The variant that a recipe's quantization asks for on a target.

    Args:
        weights: all that a layer may have, float aside.

    Raises:
        UsageError: if the target's grid does not have such weights, or a quantizer not so few bits.
    """
    grid, lowering = target.grid, target.lowering
    if not activations:
        if target.grid.executor is not None:
            raise UsageError(
                f"quantization.activations: float is for TensorRT; on {target.name} it would only be slow: "
                "leave the target out, or quantize activations."
            )
        grid = WEIGHTS_ONLY
    for each in weights:
        _check_weights(target, grid, each)
    codebooks = [each.quantizer for each in weights if each.is_codebook]
    widest = max((each.bits or 0 for each in weights), default=0)
    if site == "kernel":
        if codebooks:
            raise UsageError(
                f"quantization.weight_site: kernel does not go with the codebooks of {codebooks[0]}: sums "
                "of its 8-bit integers do not fit int8; use phases."
            )
        if widest > 4:
            raise UsageError(
                "quantization.weight_site: kernel needs weights of 4 bits or fewer: sums of 8-bit taps do "
                "not fit int8; use phases."
            )
        if not static_sizes:
            raise UsageError(
                "quantization.weight_site: kernel needs fixed sizes; use phases, or leave out "
                "size_multiple."
            )
        grid = replace(grid, name=f"{grid.name}-kernel", weight_site=site)
        lowering = replace(lowering, name=f"{lowering.name}-kernel", kernel_bits=widest)
    if codebooks and grid.executor == "ort" and static_sizes:
        # Phases of one tap each, padded with zeros: a codebook may have no zero, so the kernel is stored.
        lowering = replace(lowering, name=f"{lowering.name}-codebook", kernel_bits=8)
    if not static_sizes:
        if target.runtime != "ort":
            raise UsageError(
                f"size_multiple is for ONNX Runtime; {target.name} builds engines for fixed sizes: leave "
                "the target or size_multiple out."
            )
        lowering = replace(
            lowering,
            name=f"{lowering.name}-any-size",
            separate_phases=False,
            pack_images=False,
            channels_last=False,
            static_sizes=False,
            adaptive_norms=False,
        )
    narrow = any(each.bits == 2 and not each.is_codebook for each in weights)
    return Variant(grid, lowering, tuple(weights), _OPSET_OF_INT2 if narrow else _OPSET)


def _check_weights(target: Target, grid: Grid, weights: Weights) -> None:
    fewest, why = FEWEST_BITS[weights.quantizer]
    if weights.bits is None:
        return
    if weights.bits < fewest:
        raise UsageError(
            f"quantization.weight_quantizer: {weights.quantizer} needs at least {fewest} bits ({why}); "
            "raise quantization.weight_bits, or take em."
        )
    packs = grid.executor == "ort" or not weights.is_codebook
    widths = [bits for bits, _ in grid.weight_widths if packs or bits > PACKED_BITS]
    if weights.bits not in widths:
        beside = "8-bit" if grid.activations else "float"
        raise UsageError(
            f"target {target.name} takes {'codebooks' if weights.is_codebook else 'weights'} of "
            f"{' or '.join(map(str, widths))} bits beside {beside} activations, not {weights.bits}; change "
            "quantization.weight_bits (or quantization.layers) or leave the target out."
        )
