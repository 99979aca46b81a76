"""Available memory, and errors that report a lack of it."""

import math
import re
import sys
from pathlib import Path

SHARE = 0.8
"""Share of the available memory for a tile; other programs need some meanwhile."""


def available_memory(root: Path = Path("/")) -> float:
    """Bytes that this process may still take without being killed, infinite if the system does not say.

    It is what Linux calls available, swap included, or less in a container with a limit of its own.

    Args:
        root: root of the file system; tests give another.
    """
    try:
        lines = re.findall(r"^(MemAvailable|SwapFree): *(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
        available: float = sum(1024 * int(number) for _, number in lines) or math.inf
    except OSError:
        available = math.inf
    group = root / "sys/fs/cgroup"
    try:
        limit, current = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        cached = re.search(r"^inactive_file (\d+)", (group / "memory.stat").read_text(), re.MULTILINE)
    except (OSError, ValueError):  # no container, or one without limit, where the file says "max"
        return available
    return min(available, limit - current + (int(cached[1]) if cached else 0))


def resident_memory() -> int:
    """Bytes that this process holds now, 0 if the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmRSS:\s*(\d+) kB", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def is_out_of_memory(error: Exception) -> bool:
    """Tells whether a runtime failed for want of memory; not all of them have an exception of their own for it."""
    if isinstance(error, MemoryError):
        return True
    # Without an import of TensorFlow, the error is not one of its own.
    tf = sys.modules.get("tensorflow")
    if tf and isinstance(error, tf.errors.ResourceExhaustedError):
        return True
    # ONNX Runtime's, LiteRT's and OpenVINO's are RuntimeErrors, cuDNN's an error of TensorFlow.
    failed = isinstance(error, RuntimeError) or (tf and isinstance(error, tf.errors.OpError))
    return bool(failed) and "alloc" in str(error).lower()
