"""Converts Pillow's modes to arrays of grey or RGB with alpha, in 8 or 16 bits, and back."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Pixels:
    """A picture as it is kept: grey or RGB, 8 or 16 bits, with or without alpha.

    Attributes:
        colour: uint8 or uint16 array of shape (H, W), grey, or (H, W, 3), RGB; 255 or 65535 is white.
        alpha: array of the same type and shape (H, W); 0 is transparent. None if the picture cannot be transparent.
            Colours are not multiplied by it.
    """

    colour: np.ndarray
    alpha: np.ndarray | None = None

    @property
    def grey(self) -> bool:
        return self.colour.ndim == 2

    @property
    def deep(self) -> bool:
        """Whether it is of 16 bits."""
        return self.colour.dtype == np.uint16

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.colour.shape[1], self.colour.shape[0]

    @property
    def transparent(self) -> bool:
        """Whether it has alpha."""
        return self.alpha is not None

    @property
    def channels_count(self) -> int:
        return (1 if self.grey else 3) + self.transparent

    def bands(self) -> Iterator["Pixels"]:
        """Yields the whole picture as one band, as `Bands` yields many."""
        yield self

    def map(self, function) -> "Pixels":
        """Applies the same function to both arrays."""
        return Pixels(function(self.colour), None if self.alpha is None else function(self.alpha))

    def in_8_bits(self) -> "Pixels":
        return self.map(lambda array: ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)) if self.deep else self

    def in_colour(self) -> "Pixels":
        """Returns it as RGB with alpha, whatever it is."""
        colour = np.repeat(self.colour[..., None], 3, axis=2) if self.grey else self.colour
        opaque = np.iinfo(self.colour.dtype).max
        alpha = np.full(self.colour.shape[:2], opaque, self.colour.dtype) if self.alpha is None else self.alpha
        return Pixels(colour, alpha)

    def on_white(self) -> np.ndarray:
        """Returns it as a screen shows it: uint8 array of shape (H, W, 3)."""
        shown = self.in_8_bits().in_colour()
        if shown.alpha is None or self.alpha is None:
            return shown.colour
        alpha = shown.alpha[..., None].astype(np.uint16)
        return ((shown.colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)

    def channels(self) -> np.ndarray:
        """Returns all in one array of shape (H, W, C): grey, grey and alpha, RGB, or RGB and alpha."""
        colour = self.colour[..., None] if self.grey else self.colour
        return colour if self.alpha is None else np.concatenate([colour, self.alpha[..., None]], axis=2)


@dataclass(frozen=True)
class Bands:
    """A picture too large to hold: full rows of it come one band after the other, from the top, and once.

    Attributes:
        size: width and height.
        grey, deep, transparent: the same as for `Pixels`.
        source: gives the bands.
    """

    size: tuple[int, int]
    grey: bool
    deep: bool
    transparent: bool
    source: Iterator[Pixels]

    @property
    def channels_count(self) -> int:
        return (1 if self.grey else 3) + self.transparent

    def bands(self) -> Iterator[Pixels]:
        yield from self.source


def in_rows(picture: Pixels | Bands, count: int) -> Iterator[np.ndarray]:
    """Yields a picture in arrays of `count` rows, the last one maybe of fewer, as `Pixels.channels` has them."""
    held: list[np.ndarray] = []
    rows = 0
    for band in picture.bands():
        array = band.channels()
        while rows + len(array) >= count:
            held.append(array[: count - rows])
            yield held[0] if len(held) == 1 else np.concatenate(held)
            array, held, rows = array[count - rows :], [], 0
        if len(array):
            held.append(array)
            rows += len(array)
    if held:
        yield np.concatenate(held)


def from_channels(array: np.ndarray) -> Pixels:
    """The way back from `Pixels.channels`."""
    alpha = array[..., -1] if array.shape[2] in (2, 4) else None
    return Pixels(array[..., 0] if array.shape[2] < 3 else array[..., :3], alpha)


def from_pillow(image: Image.Image) -> tuple[Pixels, str | None]:
    """Takes the pixels out of a decoded image.

    A palette becomes grey if it holds greys alone, else RGB; 1 bit becomes grey; CMYK, LAB, YCbCr and HSV become RGB,
    the first two by their colour profile.

    Returns:
        (pixels, what was changed in words or None).

    Raises:
        ValueError: if the values have no known range: floats, or integers beyond 16 bits.
    """
    if image.mode.startswith("I"):
        return _from_integers(image), None
    if image.mode == "F":
        raise ValueError("32-bit floating-point pixels have no fixed range; convert the picture to 16-bit integers")
    note = None
    transparent = image.has_transparency_data
    if image.mode in ("CMYK", "LAB"):
        note = f"{image.mode} converted to RGB"
        image = _to_srgb(image)
    elif image.mode in ("1", "L", "LA", "La") or (image.mode in ("P", "PA") and _has_grey_palette(image)):
        if image.mode in ("P", "PA") and transparent:
            image = image.convert("RGBA")
        image = image.convert("LA" if transparent else "L")
    else:
        image = image.convert("RGBA" if transparent else "RGB")
    array = np.asarray(image)
    return from_channels(array[..., None] if array.ndim == 2 else array), note


def _from_integers(image: Image.Image) -> Pixels:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("32-bit integer pixels beyond 0 to 65535 have no known range; convert the picture to 16 bits")
    grey = values.astype(np.uint16)
    key = image.info.get("transparency")
    return Pixels(grey, np.where(grey == key, 0, 65535).astype(np.uint16) if isinstance(key, int) else None)


def _has_grey_palette(image: Image.Image) -> bool:
    colours = np.asarray(image.getpalette("RGB")).reshape(-1, 3)
    return bool(np.all(colours == colours[:, :1]))


def _to_srgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms  # which few pictures need

    srgb = ImageCms.createProfile("sRGB")
    try:
        own = image.info.get("icc_profile")
        source = ImageCms.ImageCmsProfile(io.BytesIO(own)) if own else None
        if image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        if source:
            return ImageCms.applyTransform(image, ImageCms.buildTransform(source, srgb, image.mode, "RGB")) or image
    except (ImageCms.PyCMSError, OSError):
        if image.mode == "LAB":
            raise
    return image.convert("RGB")


def to_pillow(pixels: Pixels) -> Image.Image:
    """Returns 8-bit pixels as an image of mode L, LA, RGB or RGBA."""
    array = pixels.channels()
    return Image.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[2] == 1 else array))


TURNS = {
    2: lambda array: array[:, ::-1],
    3: lambda array: array[::-1, ::-1],
    4: lambda array: array[::-1],
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: array[::-1].swapaxes(0, 1),
    7: lambda array: array[::-1, ::-1].swapaxes(0, 1),
    8: lambda array: array[:, ::-1].swapaxes(0, 1),
}
"""EXIF's orientation -> what turns the pixels upright."""


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turns pixels as an EXIF orientation from 1 to 8 says; any other number leaves them."""
    turn = TURNS.get(orientation)
    return pixels.map(lambda array: np.ascontiguousarray(turn(array))) if turn else pixels


def bleed(pixels: Pixels) -> np.ndarray:
    """Returns the colours with those that nobody sees, under alpha 0, replaced by the nearest visible pixel's.

    What lies there is often black or arbitrary, and enlarged it would come out as a fringe around the visible.

    Returns:
        Array like `pixels.colour`.
    """
    if pixels.alpha is None or not np.any(pixels.alpha == 0) or not np.any(pixels.alpha):
        return pixels.colour
    from scipy.ndimage import distance_transform_edt  # most pictures do without, and start sooner

    nearest = distance_transform_edt(pixels.alpha == 0, return_distances=False, return_indices=True)
    return pixels.colour[tuple(nearest)]
