"""edgegan: takes trained GAN generators to edge runtimes, and proves that they arrived.

Importing this package turns ONNX Runtime's telemetry off (``ORT_DISABLE_TELEMETRY=1``) unless the
variable is set already; this has to happen before ``onnxruntime`` is first imported.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
