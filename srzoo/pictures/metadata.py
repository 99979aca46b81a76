"""What a file says of its picture: EXIF, colour profile, XMP, IPTC, resolution, texts."""

import re
import struct
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x0112, 0x8769, 0x8825, 0xA005
STRUCTURE = frozenset(
    [
        *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291),
        *(292, 293, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 333, 334, 336, 337, 338, 339, 340, 341),
        *(342, 343, 347, *range(512, 522), 529, 530, 531, 532, 700, 34675),
    ]
)
"""TIFF's fields that say how pixels are stored; of a page they are among its EXIF, and wrong for the result."""

WIDTHS, HEIGHTS = ("tiff:ImageWidth", "exif:PixelXDimension"), ("tiff:ImageLength", "exif:PixelYDimension")


@dataclass(frozen=True)
class Metadata:
    """What is kept of a picture beside its pixels; what it lacks is None or empty.

    Attributes:
        exif: IFD 0 as tag -> value, with the Exif and GPS directories as dictionaries; without thumbnail.
        icc: colour profile.
        xmp: XMP packet.
        iptc: payload of a JPEG's APP13 segment (Photoshop's resources, IPTC).
        dpi: pixels an inch, across and down.
        comment: JPEG's or GIF's.
        text: PNG's texts.
        chunks: PNG's of colour: name -> payload.
    """

    exif: dict[int, Any] = field(default_factory=dict)
    icc: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    text: dict[str, str] = field(default_factory=dict)
    chunks: dict[bytes, bytes] = field(default_factory=dict)

    def of_result(self, width: int, height: int, grey: bool) -> "Metadata":
        """Gives what is true of an upright picture of another size: orientation reset, sizes updated.

        A colour profile of another colour space than the result's is left out.
        """
        exif = dict(self.exif)
        sizes = {0xA002: width, 0xA003: height}
        if ORIENTATION in exif:
            exif[ORIENTATION] = 1
        if EXIF_IFD in exif:
            inner = exif[EXIF_IFD]
            exif[EXIF_IFD] = {**inner, **{tag: size for tag, size in sizes.items() if tag in inner}}
        fits = self.icc is not None and self.icc[16:20] == (b"GRAY" if grey else b"RGB ")
        xmp = self.xmp
        for names, value in ((WIDTHS, width), (HEIGHTS, height), (("tiff:Orientation",), 1)):
            xmp = xmp and _with_value(xmp, names, value)
        return replace(self, exif=exif, icc=self.icc if fits else None, xmp=xmp)

    def pillow_options(self) -> dict:
        """What Pillow's encoders of most formats are given."""
        options = {"exif": self.pillow_exif(), "icc_profile": self.icc, "xmp": self.xmp, "dpi": self.dpi}
        return {name: value for name, value in options.items() if value is not None}

    def pillow_exif(self) -> Image.Exif | None:
        return _to_pillow(self.exif) if self.exif else None


def _to_pillow(exif: dict[int, Any]) -> Image.Exif:
    result = Image.Exif()
    for tag, value in exif.items():
        result[tag] = value
    return result


def _with_value(xmp: bytes, names: tuple[str, ...], value: int) -> bytes:
    names_pattern = "|".join(map(re.escape, names)).encode()
    return re.sub(rb"((?:" + names_pattern + rb')(?:\s*=\s*["\']|>)\s*)\d+', rb"\g<1>%d" % value, xmp)


def read_metadata(image: Image.Image) -> tuple[Metadata, str | None]:
    """Takes the metadata out of a decoded image.

    Returns:
        (metadata, what was left out in words or None).
    """
    info = image.info
    exif, note = _read_exif(image)
    texts = getattr(image, "text", {}) if image.format == "PNG" else {}
    dpi = info.get("dpi")
    comment = info.get("comment")
    xmp = info.get("xmp")
    metadata = Metadata(
        exif=exif,
        icc=info.get("icc_profile") or None,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        iptc=next((data for name, data in getattr(image, "applist", []) if name == "APP13"), None),
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and all(0 < float(side) < 1e6 for side in dpi) else None,
        comment=comment.encode() if isinstance(comment, str) else comment,
        text={key: text for key, text in texts.items() if key != "XML:com.adobe.xmp" and "profile type" not in key},
        chunks=_colour_chunks(info) if image.format == "PNG" else {},
    )
    return metadata, note


def _read_exif(image: Image.Image) -> tuple[dict[int, Any], str | None]:
    try:
        read = image.getexif()
        exif = {tag: value for tag, value in read.items() if tag not in STRUCTURE and tag not in (EXIF_IFD, GPS_IFD)}
        for tag in (EXIF_IFD, GPS_IFD):
            inner = dict(read.get_ifd(tag))
            if INTEROP_IFD in inner:
                inner[INTEROP_IFD] = dict(read.get_ifd(INTEROP_IFD))
            if inner:
                exif[tag] = inner
        if exif:
            _to_pillow(exif).tobytes()  # what cannot be written now could not be later
        return exif, None
    except Exception:  # EXIF of cameras is often damaged, which is no reason to refuse their pictures
        return {}, "its EXIF is damaged and left out"


def _colour_chunks(info: dict[Any, Any]) -> dict[bytes, bytes]:
    chunks = {}
    if "gamma" in info:
        chunks[b"gAMA"] = struct.pack(">I", round(info["gamma"] * 100_000))
    if "chromaticity" in info:
        chunks[b"cHRM"] = struct.pack(">8I", *(round(value * 100_000) for value in info["chromaticity"]))
    if "srgb" in info:
        chunks[b"sRGB"] = bytes([info["srgb"]])
    return chunks
