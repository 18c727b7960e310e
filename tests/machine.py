"""What this machine can prove."""

from __future__ import annotations

import pytest

from edgegan.latency.environment import environment
from edgegan.targets import why_inexact

EXACT = not why_inexact(8, environment().flags)

requires_exact_cpu = pytest.mark.skipif(
    not EXACT, reason="this CPU has no VNNI: its 8-bit products saturate, so bit parity is not owed"
)
