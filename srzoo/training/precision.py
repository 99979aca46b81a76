"""Chooses the precision in which a machine trains fastest."""

from pathlib import Path

import tensorflow as tf

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
"""Name on the command line -> Keras's dtype policy."""


def choose_precision(wanted: str = "auto") -> str:
    """Name of the precision to train in.

    Args:
        wanted: one of `POLICIES`, or `auto`: on a GPU bfloat16 from compute capability 8.0 on and float16
            (with loss scaling) before it; on a processor bfloat16 where it multiplies matrices of it (AMX-BF16), else
            float32. With AVX512-BF16 alone, a step takes 1.5 times as long in bfloat16 as in float32.

    Raises:
        ValueError: for an unknown name.
    """
    if wanted != "auto":
        if wanted not in POLICIES:
            raise ValueError(f"precision must be auto, {', '.join(POLICIES)}; got {wanted!r}")
        return wanted
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "bfloat16" if capability >= (8, 0) else "float16"
    flags = Path("/proc/cpuinfo")
    return "bfloat16" if flags.exists() and "amx_bf16" in flags.read_text() else "float32"
