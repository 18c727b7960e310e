"""`edgegan verify`: a bundle is what its manifest says, and computes here what it did there.

Runs without torch. Files are checked by size and SHA-256; then the golden inputs go through the
engine, which must give the golden images bit for bit where the CPU has the instructions that parity
was proven with, and within a stated tolerance elsewhere.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from edgegan.bundle import Bundle, TargetEntry, damaged_files, open_bundle
from edgegan.checks.check import Check, Limit, Verdict, judge
from edgegan.devices import why_not_native
from edgegan.errors import BundleError
from edgegan.latency.environment import environment
from edgegan.runtimes.base import first_output
from edgegan.runtimes.find import runtime_for
from edgegan.targets import find_target, why_inexact


def verify(folder: Path) -> list[Check]:
    """Check a bundle.

    Returns:
        One check for the files, then for each target the golden difference, in units of the output.

    Raises:
        BundleError: if the folder is not a readable bundle.
    """
    bundle = open_bundle(folder)
    faults = damaged_files(bundle)
    whole = Check(
        name="files.damaged",
        target="bundle",
        value=float(len(faults)),
        limit=Limit(max=0),
        verdict=judge(len(faults), Limit(max=0)),
        detail="; ".join(faults) or f"{len(bundle.manifest.files)} files",
    )
    if faults:
        return [whole]
    return [whole, *(_golden(bundle, entry) for entry in bundle.manifest.targets)]


def _golden(bundle: Bundle, entry: TargetEntry) -> Check:
    reason = why_not_native(find_target(entry.name), environment())
    if reason and entry.runtime != "ort":
        limit = Limit(max=0.0)
        detail = f"not run: {reason}"
        name = "golden.max_difference"
        return Check(name, entry.name, math.nan, limit, Verdict.INCONCLUSIVE, detail)
    runtime = runtime_for(find_target(entry.name))
    inputs, outputs = bundle.golden(bundle.manifest.golden_inputs), bundle.golden(entry.golden)
    name = bundle.manifest.output.name
    if name not in outputs:
        raise BundleError(f"{bundle.folder}: the golden outputs have no {name!r}.")
    image = first_output(runtime.load(bundle.path(entry.model)).run(inputs))
    if image.shape != outputs[name].shape:
        raise BundleError(
            f"{bundle.folder}: the engine gives {image.shape}, the golden image is {outputs[name].shape}."
        )
    difference = float(np.abs(image - outputs[name]).max())
    limit = Limit(max=0.0)
    verdict, detail = judge(difference, limit), f"{len(image)} golden samples"
    if reason:
        detail = f"{detail}, on this machine's ONNX Runtime ({reason})"
    excuse = _why_not_exact(entry)
    if excuse:
        detail = f"{detail}; {excuse}"
        verdict = Verdict.INCONCLUSIVE if verdict is Verdict.FAIL else verdict
    return Check("golden.max_difference", entry.name, difference, limit, verdict, detail)


def _why_not_exact(entry: TargetEntry) -> str:
    """Why bit-equality is not owed on this machine; empty where it is."""
    here = environment()
    reason = why_inexact(entry.weight_width, here.flags)
    if reason:
        return reason
    if entry.islands:
        return "float operators between its integers differ in their last bits between processors"
    target = find_target(entry.name)
    native = [device for device in entry.devices if device.name == entry.name]
    if target.parity_lsb and here.flags not in {device.flags for device in native}:
        return f"{target.runtime} rounds differently on processors with other instructions"
    for name, running in runtime_for(target).versions().items():
        proven = {device.versions.get(name) for device in entry.devices} - {None}
        if proven and running not in proven:
            return f"parity was proven with {name} {proven.pop()}, here is {running}"
    return ""
