"""Gates: how a benchmark measures, and the limits that it holds bundles to.

A gates file (``schema: edgegan.gates/1``) and the command line's options end up in the same ``Gates``.
A limit's key is ``CHECK`` or, for one target only, ``TARGET/CHECK``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from edgegan.checks.check import Limit
from edgegan.emulation.cores import CoreName
from edgegan.measurements import GATE_NAMES
from edgegan.schema import Strict, read_yaml, unknown_name, validate
from edgegan.targets import TARGETS

SCHEMA = "edgegan.gates/1"


def share(value: Any) -> float:
    """``5%``, ``"0.05"`` or ``0.05``.

    Raises:
        ValueError: if it reads otherwise, is negative, or is 10000 % or more.
    """
    try:
        text = str(value)
        result = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        result = -1.0
    if not 0.0 <= result < 100.0:
        raise ValueError("must read like 5% or 0.05")
    return result


def _split(key: str) -> tuple[str | None, str]:
    """Target (or None) and check of a limit's key."""
    target, separator, check = key.rpartition("/")
    return (target if separator else None), check


def _known(limits: dict[str, Limit]) -> dict[str, Limit]:
    for key in limits:
        target, check = _split(key)
        if check not in GATE_NAMES:
            raise unknown_name("gate", check, GATE_NAMES)
        if target is not None and target not in TARGETS:
            raise unknown_name("target", target, tuple(TARGETS))
    return limits


Limits = Annotated[dict[str, Limit], AfterValidator(_known)]


class Gates(Strict):
    """A gates file.

    Attributes:
        threads, batch: of the measured models.
        runs, seconds: see ``edgegan.latency.measure.Effort``.
        cost_core: the emulated core whose instructions ``cost.*`` counts.
        baseline: file or folder of medians to compare with.
        max_regression, min_delta_ms: see ``edgegan.latency.baseline.regression_limit``.
        gates: limits, by check or by target and check.
        bundles: further limits by the bundle's name; they override ``gates``.
    """

    schema_: Annotated[Literal["edgegan.gates/1"], Field(alias="schema")]
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    batch: Annotated[int, Field(ge=1, le=4096)] = 1
    runs: Annotated[int, Field(ge=10)] = 10
    seconds: Annotated[float, Field(ge=0.01)] = 1.0
    cost_core: CoreName = "cortex-a76"
    baseline: Path | None = None
    max_regression: Annotated[float, BeforeValidator(share)] = 0.05
    min_delta_ms: Annotated[float, Field(ge=0)] = 0.05
    gates: Limits = {}
    bundles: dict[str, Limits] = {}

    def limits_for(self, bundle: str, target: str) -> dict[str, Limit]:
        """The limits that hold, by check, in the order of ``GATE_NAMES``.

        A bundle's own limits win over the general ones, and within each a target's over those of all.
        """
        found: dict[str, Limit] = {}
        for layer in (self.gates, self.bundles.get(bundle, {})):
            for wanted in (None, target):
                for key, limit in layer.items():
                    on, check = _split(key)
                    if on == wanted:
                        found[check] = limit
        return {name: found[name] for name in GATE_NAMES if name in found}

    def with_options(self, limits: dict[str, dict[str, Any]], **settings: Any) -> Gates:
        """With what the command line says: its limits replace all of the same check.

        Args:
            limits: by check, as in a file.
            settings: fields to replace, as in a file; None leaves one as it is.

        Raises:
            RecipeError: as for a file.
        """

        def rest(layer: dict[str, Limit]) -> dict[str, Limit]:
            return {key: limit for key, limit in layer.items() if _split(key)[1] not in limits}

        data = dict(self) | {name: value for name, value in settings.items() if value is not None}
        data["schema"] = data.pop("schema_")
        data["gates"] = rest(self.gates) | limits
        data["bundles"] = {name: rest(layer) for name, layer in self.bundles.items()}
        return validate(Gates, data, "options")


def default_gates() -> Gates:
    """No limits, the default measuring."""
    return Gates(schema=SCHEMA)  # type: ignore[call-arg]


def load_gates(path: Path) -> Gates:
    """Read a gates file; its ``baseline`` is relative to it.

    Raises:
        RecipeError: names the file, the key, the rule and what was probably meant.
    """
    gates = validate(Gates, read_yaml(path), str(path))
    if gates.baseline is None:
        return gates
    return gates.model_copy(update={"baseline": path.parent / gates.baseline})
