"""What the numbers of JPEG 2000 and PSD mean, where Pillow takes any fourth band for transparency."""

import struct
from pathlib import Path

START = b"\xff\x4f\xff\x51"
"""The first two markers of a JPEG 2000 codestream, of which the second tells its components (ISO 15444-1, A.5.1)."""

OPACITY = 1
SIGNED = 128


def check_jpeg2000(path: Path) -> None:
    """Raises ValueError if components are signed, or if the last of 2 or 4 is told to be no transparency.

    A file that does not tell what its components are is taken as libvips takes it.
    """
    content = path.read_bytes()
    start = content.find(START)
    (count,) = struct.unpack_from(">H", content, start + 40)
    if any(content[start + 42 + 3 * each] & SIGNED for each in range(count)):
        raise ValueError("signed integers have no known black and white; convert the picture to unsigned ones")
    # The box of channels has for each: its number, what it is, and of which colour (I.5.3.6).
    _, _, told = content[:start].partition(struct.pack(">I4sH", 10 + 6 * count, b"cdef", count))
    kinds = {channel: kind for channel, kind, _ in struct.iter_unpack(">3H", told[: 6 * count])}
    if count in (2, 4) and kinds.get(count - 1, OPACITY) != OPACITY:
        raise ValueError(
            f"the last of its {count} bands is no transparency; upscale bands apart, or leave out what is no colour"
        )


def is_transparent_psd(path: Path) -> bool:
    """Whether the fourth channel of a PSD is its transparency, and not a mask or another colour.

    It is if the number of layers is negative (Adobe Photoshop File Formats Specification, "Layer info").
    """
    with path.open("rb") as file:
        file.seek(26)
        for _ in range(2):  # the palette, and the resources
            file.seek(int.from_bytes(file.read(4), "big"), 1)
        layers = file.read(10)
    return len(layers) == 10 and any(layers[:4]) and struct.unpack(">h", layers[8:])[0] < 0
