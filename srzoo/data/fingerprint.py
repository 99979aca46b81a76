"""Checksums of a run's pictures, to notice when they have changed."""

import zlib

import numpy as np

Fingerprint = dict[str, dict[str, str]]
"""`train` and `validation` -> name of a picture -> checksum of its pixels, in the order in which they are read."""


def checksum(lr: np.ndarray, hr: np.ndarray) -> str:
    """CRC-32 of a pair's pixels and sizes, in hexadecimal: against chance, not against deceit."""
    value = zlib.crc32(repr((lr.shape, hr.shape)).encode())
    for pixels in (lr, hr):
        value = zlib.crc32(np.ascontiguousarray(pixels).data, value)
    return f"{value:08x}"


def changes(before: Fingerprint, now: Fingerprint) -> str:
    """Describes the differences, with the name of one picture of each kind; empty if there are none."""
    parts = []
    for use, of_use in (("train", "to train on"), ("validation", "to validate on")):
        old, new = before.get(use, {}), now.get(use, {})
        kinds = {
            "added": [name for name in new if name not in old],
            "removed": [name for name in old if name not in new],
            "altered": [name for name in new if name in old and new[name] != old[name]],
        }
        parts += [f"{len(names)} {of_use} {kind} (such as {names[0]})" for kind, names in kinds.items() if names]
    return ", ".join(parts)
