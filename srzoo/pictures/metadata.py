"""Metadata of a picture: EXIF, colour profile, XMP, IPTC, resolution, texts."""

import contextlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image, TiffImagePlugin

from srzoo.pictures.geotiff import GEO, placed

ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x0112, 0x8769, 0x8825, 0xA005
STRUCTURE = frozenset(
    [
        *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291),
        *(292, 293, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 333, 334, 336, 337, 338, 339, 340, 341),
        *(342, 343, 347, *range(512, 522), 529, 530, 531, 532, 700, 34675),
    ]
)
"""TIFF's fields that say how pixels are stored; of a page they are among its EXIF, and wrong for the result."""

RESOLUTIONS, SIDES = (282, 283), (0xA002, 0xA003)
FOCAL_PLANE_RESOLUTIONS = (0xA20E, 0xA20F)
PLACES = (0x9214, 0xA214)
"""Exif's SubjectArea and SubjectLocation, in pixels."""

SEGMENT = 65_533
XMP_HEADER = 29
"""Bytes that a segment of JPEG holds, and of its name before XMP."""

DESCRIPTION = 270
TELLS_SIZES = re.compile(r'\s*\{"shape"|.*<OME\b', re.DOTALL)
"""Descriptions of scientific TIFF files that hold the sizes of the picture and of its pixels: tifffile's, OME-XML."""

CAMERA = (
    *(33434, 33437, 34850, 34852, 34855, *range(34858, 34860), *range(34864, 34870), 36864, 36867, 36868),
    *(*range(36880, 36883), *range(37377, 37387), 37510, *range(37520, 37523), *range(42032, 42038)),
)
"""Exif's fields on the taking of a picture (exposure, times, lens), which scripts and TIFF/EP put into IFD 0."""

PRIVATE = 32768
KEPT_PRIVATE = (*GEO, *CAMERA, EXIF_IFD, GPS_IFD, 33432, 33723, *range(40091, 40096), 42112, 42113)
"""Private fields of TIFF that stay: places, camera, copyright, IPTC, title and author of Windows, GDAL's texts."""

XMP_IN_PIXELS = tuple(
    (
        *(f"tiff:{axis}Resolution", f"exif:FocalPlane{axis}Resolution", f"GPano:FullPano{side}Pixels"),
        *(f"GPano:CroppedAreaImage{side}Pixels", f"GPano:CroppedArea{start}Pixels"),
    )
    for axis, side, start in (("X", "Width", "Left"), ("Y", "Height", "Top"))
)
"""What is multiplied by the factors across and down: resolutions, and where a panorama lies on its sphere."""

XMP_SUBJECT = re.compile(rb"<(exif:Subject(?:Area|Location))>(?:(?!<exif:Subject).)*?</\1>", re.DOTALL)
"""What goes no farther than the next beginning: a hostile packet of many would else be searched to its end for each."""

PARTS = rb"(?:GCamera:(?:MotionPhoto|MicroVideo)\w*|hdrgm:\w+|xmpNote:HasExtendedXMP|G?Container:Directory)"
XMP_PARTS = re.compile(
    rb"\s" + PARTS + rb"""=(["'])[^<]*?\1|<(""" + PARTS + rb")>(?:(?!<" + PARTS + rb">).)*?</\2>", re.DOTALL
)
"""What tells of a video, a map of brightness or more XMP in a phone's file, which a result has not."""

WIDTHS, HEIGHTS = ("tiff:ImageWidth", "exif:PixelXDimension"), ("tiff:ImageLength", "exif:PixelYDimension")


@dataclass(frozen=True)
class Metadata:
    """Metadata that are kept with a picture; a missing one is None or empty.

    Attributes:
        exif: IFD 0 as tag -> value, with the Exif and GPS directories as dictionaries; without thumbnail.
        icc: colour profile.
        xmp: XMP packet.
        iptc: payload of a JPEG's APP13 segment (Photoshop's resources, IPTC).
        dpi: pixels an inch, across and down, of the picture as it is stored.
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

    def of_result(self, given: tuple[int, int], size: tuple[int, int], grey: bool) -> "Metadata":
        """Returns what is true of an upright picture of another size: orientation reset, sizes, resolution and places.

        It leaves out a colour profile of another colour space than the result's, and private fields, which may
        speak of the small picture's pixels (layers, thumbnails), and places in a picture that was turned.

        Args:
            given: width and height of the upright picture that was upscaled.
            size: those of the result.
            grey: whether the result is grey.
        """
        factors = size[0] / given[0], size[1] / given[1]
        orientation = self.exif.get(ORIENTATION, 1)
        exif = {tag: value for tag, value in self.exif.items() if tag < PRIVATE or tag in KEPT_PRIVATE}
        if self._tells_sizes():
            del exif[DESCRIPTION]
        if ORIENTATION in exif:
            exif[ORIENTATION] = 1
        exif |= _times(exif, RESOLUTIONS, factors, orientation)
        if EXIF_IFD in exif:
            exif[EXIF_IFD] = _inner_of_result(exif[EXIF_IFD], size, factors, orientation)
        if any(tag in exif for tag in GEO):
            exif = placed(exif, factors) if orientation == 1 else {tag: exif[tag] for tag in exif if tag not in GEO}
        xmp = self.xmp
        if xmp:
            for names, value in ((WIDTHS, size[0]), (HEIGHTS, size[1]), (("tiff:Orientation",), 1)):
                xmp = _with_value(xmp, names, 0, value)
            for each, factor in zip(XMP_IN_PIXELS, factors):
                xmp = _with_value(xmp, each, factor)
            xmp = XMP_PARTS.sub(b"", XMP_SUBJECT.sub(b"", xmp))  # EXIF has the subject, and it is changed there
        across, down = (self.dpi or (1, 1))[:: -1 if orientation >= 5 else 1]
        dpi = self.dpi and (across * factors[0], down * factors[1])
        return replace(self, exif=exif, icc=fitting(self.icc, grey), xmp=xmp, dpi=dpi)

    def in_segments(self) -> tuple["Metadata", list[str]]:
        """Returns what fits into a JPEG, whose segments end at 64 kB, and the names of what does not fit."""
        exif = self.pillow_exif()
        fits, long = self, []
        if exif and len(exif.tobytes()) > SEGMENT:
            fits, long = replace(fits, exif={}), ["EXIF"]
        if XMP_HEADER + len(self.xmp or b"") > SEGMENT:
            fits, long = replace(fits, xmp=None), [*long, "XMP"]
        if len(self.comment or b"") > SEGMENT:
            fits, long = replace(fits, comment=None), [*long, "a comment"]
        return fits, long

    def left_out(self) -> list[str]:
        """Describes what `of_result` leaves out."""
        private = [str(tag) for tag in self.exif if tag >= PRIVATE and tag not in KEPT_PRIVATE]
        turned = self.exif.get(ORIENTATION, 1) != 1 and any(tag in self.exif for tag in GEO)
        notes = [f"its private fields {', '.join(private)} are left out"] if private else []
        notes += ["its description is left out, because it tells the input's sizes"] * self._tells_sizes()
        return notes + ["its place on the map is left out, because the picture is turned"] * turned

    def _tells_sizes(self) -> bool:
        return bool(TELLS_SIZES.match(str(self.exif.get(DESCRIPTION, ""))))

    def pillow_options(self) -> dict:
        """Options for most of Pillow's encoders."""
        options = {"exif": self.pillow_exif(), "icc_profile": self.icc, "xmp": self.xmp, "dpi": self.dpi}
        return {name: value for name, value in options.items() if value is not None}

    def pillow_exif(self) -> Image.Exif | None:
        result = Image.Exif()
        result.update(self.exif)
        return result if self.exif else None


def fitting(profile: bytes | None, grey: bool) -> bytes | None:
    """A colour profile, if it is one of grey or RGB as its picture is."""
    return profile if profile and profile[16:20] == (b"GRAY" if grey else b"RGB ") else None


def _inner_of_result(
    inner: dict[int, Any], size: tuple[int, int], factors: tuple[float, float], orientation: int
) -> dict[int, Any]:
    """The Exif directory of the result: its sizes, pixels of the sensor, places of the subject."""
    if orientation != 1:
        inner = {tag: value for tag, value in inner.items() if tag not in PLACES}
    changed: dict[int, Any] = {tag: side for tag, side in zip(SIDES, size) if tag in inner}
    changed |= _times(inner, FOCAL_PLANE_RESOLUTIONS, factors, orientation)
    for tag in PLACES:
        if tag in inner:
            # Across and down take turns; of a circle's and a square's sizes too, as these are as good as equal.
            changed[tag] = tuple(round(int(place) * factors[at % 2]) for at, place in enumerate(inner[tag]))
    return {**inner, **changed}


def _times(
    fields: dict[int, Any], tags: tuple[int, int], factors: tuple[float, float], orientation: int
) -> dict[int, Any]:
    """Resolutions across and down of the upright result; those that are no numbers stay."""
    before = tags[:: -1 if orientation >= 5 else 1]
    changed = {}
    for tag, of, factor in zip(tags, before, factors):
        with contextlib.suppress(TypeError, ValueError, ArithmeticError):
            if of in fields:
                wanted = Fraction(float(fields[of]) * factor).limit_denominator(10_000)
                changed[tag] = TiffImagePlugin.IFDRational(wanted.numerator, wanted.denominator)
    return changed


def _with_value(xmp: bytes, names: tuple[str, ...], factor: float, value: int = 0) -> bytes:
    """Multiplies whole numbers, and the numerators of fractions, by a factor and adds a value."""
    names_pattern = "|".join(map(re.escape, names)).encode()
    pattern = rb"((?:" + names_pattern + rb')(?:\s*=\s*["\']|>)\s*)(\d+)'
    return re.sub(pattern, lambda match: match[1] + b"%d" % round(factor * int(match[2]) + value), xmp)


def read_metadata(
    image: Image.Image, xmp: str | bytes | None, points: bytes | None = None
) -> tuple[Metadata, str | None]:
    """Takes the metadata out of a decoded image.

    Args:
        image: decoded.
        xmp: its packet.
        points: its `code_points`.

    Returns:
        (metadata, what was left out in words or None).
    """
    info = image.info
    exif, note = _read_exif(image)
    texts = getattr(image, "text", {}) if image.format == "PNG" else {}
    dpi = info.get("dpi")
    comment, icc = info.get("comment"), info.get("icc_profile")
    metadata = Metadata(
        exif=exif,
        icc=icc if isinstance(icc, bytes) and icc else None,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp if isinstance(xmp, bytes) else None,
        iptc=next((data for name, data in getattr(image, "applist", []) if name == "APP13"), None),
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and all(0 < float(side) < 1e6 for side in dpi) else None,
        comment=comment.encode() if isinstance(comment, str) else comment,
        text={key: text for key, text in texts.items() if key != "XML:com.adobe.xmp" and "profile type" not in key},
        chunks=_colour_chunks(info, points),
    )
    return metadata, note


def _read_exif(image: Image.Image) -> tuple[dict[int, Any], str | None]:
    try:
        read = own_exif(image)
        exif = {tag: value for tag, value in read.items() if tag not in STRUCTURE and tag not in (EXIF_IFD, GPS_IFD)}
        for tag in (EXIF_IFD, GPS_IFD):
            inner = dict(read.get_ifd(tag))
            if INTEROP_IFD in inner:
                inner[INTEROP_IFD] = dict(read.get_ifd(INTEROP_IFD))
            if inner:
                exif[tag] = inner
        if exif.get(ORIENTATION, 1) not in range(1, 9):
            del exif[ORIENTATION]
        # What cannot be changed and written now could not be later.
        if written := Metadata(exif).of_result((1, 1), (2, 2), False).pillow_exif():
            written.tobytes()
        return exif, None
    except Exception:  # EXIF of cameras is often damaged, which is no reason to refuse their pictures
        return {}, "its EXIF is damaged and left out"


def own_exif(image: Image.Image) -> Image.Exif:
    """A file's EXIF, without an orientation that stands in its XMP alone, which Pillow puts there."""
    if hasattr(image, "tag_v2"):
        return image.getexif()
    bearer = Image.new("L", (1, 1))
    bearer.info = {key: image.info[key] for key in ("exif", "Raw profile type exif") if key in image.info}
    return bearer.getexif()


def orientation_of(image: Image.Image) -> int:
    """The orientation that a file's EXIF says, from 1 to 8; 1 if it says none or is damaged."""
    try:
        said = own_exif(image).get(ORIENTATION, 1)
    except Exception:  # as in `_read_exif`, where it is noted
        return 1
    return said if said in range(1, 9) else 1


SRGB = ((1, 2), (1, 2, 6, 13, 14, 15))
"""Code points of primaries and of transfer characteristics (ITU-T H.273) that are shown as sRGB."""


def code_points(path: Path, format_name: str, info: Mapping[Any, Any]) -> bytes | None:
    """Code points of a file's colours: primaries, transfer, matrix (0: RGB), range, as PNG's cICP has them.

    Returns:
        None if it says nothing, says it by a profile that goes before, or says sRGB.
    """
    points = None
    if format_name == "PNG":
        with path.open("rb") as file:
            file.seek(8)
            while len(header := file.read(8)) == 8 and header[4:] != b"IDAT":
                payload = file.read(int.from_bytes(header[:4], "big") + 4)
                if header[4:] == b"cICP":
                    points = payload[:4]
    elif format_name in ("AVIF", "HEIF") and not info.get("icc_profile"):
        content = path.read_bytes()
        place = content.find(b"colrnclx") + 8
        if place >= 8:
            points = bytes([content[place + 1], content[place + 3], 0, 1])
    return points if points and (points[0] not in SRGB[0] or points[1] not in SRGB[1]) else None


def _colour_chunks(info: Mapping[Any, Any], points: bytes | None) -> dict[bytes, bytes]:
    chunks = {b"cICP": points} if points else {}
    if "gamma" in info:
        chunks[b"gAMA"] = struct.pack(">I", round(info["gamma"] * 100_000))
    if "chromaticity" in info:
        chunks[b"cHRM"] = struct.pack(">8I", *(round(value * 100_000) for value in info["chromaticity"]))
    if "srgb" in info:
        chunks[b"sRGB"] = bytes([info["srgb"]])
    return chunks
