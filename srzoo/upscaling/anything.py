"""One picture of whatever kind Python has it in, and back in the same kind."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srzoo import shipped
from srzoo.names import DEFAULT_SCALE
from srzoo.pictures.metadata import fitting
from srzoo.pictures.pixels import Pixels, from_channels, from_pillow, to_pillow
from srzoo.pictures.reading import open_picture
from srzoo.upscaling.automatic import suited
from srzoo.upscaling.pictures import upscale_pixels
from srzoo.upscaling.sizes import Size
from srzoo.upscaling.upscaler import DEFAULT_MEMORY, Upscaler

BEYOND = 0.5
"""Share of white by which floats may lie outside [0, white], as filters that overshoot leave them; they are clipped."""


def upscale(
    picture: Any,
    model: Any = "edsr-baseline",
    scale: float | None = None,
    *,
    width: int | None = None,
    height: int | None = None,
    fit: bool = False,
    white: float | None = None,
    self_ensemble: bool = False,
    restore: float | None = None,
) -> Any:
    """Upscales a picture.

    Args:
        picture: a path; a Pillow image, which only PIL.ImageOps.exif_transpose turns upright; or an array or a tensor:
            uint8, uint16, or floats with a value of white, of shape (H, W), (H, W, C) or (N, H, W, C), C being 1
            (grey), 2 (with alpha), 3 (RGB) or 4 (with alpha).
        model: what `Upscaler` takes, or an `Upscaler`, which is not loaded again for each picture.
        scale: how many times as wide and high, from 1 to 16; default: the model's.
        width, height, fit: a size in place of the scale, see `srzoo.upscaling.sizes.Size`.
        white: value of white for floats, 1 or 255.
        self_ensemble, restore: options of `Upscaler`; not beside one.

    Returns:
        Of a path (its first frame) and of an image a Pillow image of 8 bits, with the colour profile in its `info`,
        which `save` to JPEG and WebP takes only as `icc_profile=picture.info.get("icc_profile")`; else an array like
        the one given.

    Raises:
        FileNotFoundError: if there is no such picture or model.
        ValueError: for another kind of picture, a size that cannot be had, or options that contradict each other.

    Example:
        >>> srzoo.upscale("photo.jpg", scale=2).save("large.png")
    """
    if white is not None and isinstance(picture, str | os.PathLike | Image.Image):
        raise ValueError(f"white={white} is for arrays of floats; a path or an image tells it itself, so leave it out")
    asked = Size(scale, width, height, fit) if fit or (scale, width, height) != (None, None, None) else None
    if isinstance(model, Upscaler) and (self_ensemble or restore is not None):
        raise ValueError("self_ensemble and restore are options of Upscaler; give them to the one that is the model")

    @cache
    def upscaler_of(factor: float | None, path: Path | None) -> Upscaler:
        if isinstance(model, Upscaler):
            return model
        named = suited(path, factor or DEFAULT_SCALE)[0] if path and model == shipped.AUTO else model
        return Upscaler(named, DEFAULT_MEMORY, factor, self_ensemble, restore)

    def sized(pixels: Pixels, path: Path | None = None) -> Pixels:
        """Of a file, whose own tables tell JPEG's quality, with its path."""
        size = asked.of(*pixels.size) if asked else None
        upscaler = upscaler_of(asked.factor(*pixels.size) if asked else None, path)
        if upscaler.automatic:
            upscaler = upscaler.suited(pixels.in_8_bits().in_colour().colour)
        return upscale_pixels(upscaler, pixels, size=size)

    if isinstance(picture, str | os.PathLike):
        path = Path(picture)
        with open_picture(path) as opened:
            frame = next(opened.frames())
            return _image(sized(frame.pixels, path), frame.metadata.icc)
    if isinstance(picture, Image.Image):
        if picture.mode == "I" and 0 < np.asarray(picture).max() <= 255:
            raise ValueError("an image of mode I in [0, 255] or in [0, 65535]? Give picture.convert('L') or 'I;16'")
        return _image(sized(from_pillow(picture)[0]), picture.info.get("icc_profile"))
    array = np.asarray(picture)
    if array.dtype.kind not in "biufc":
        raise ValueError(
            f"expected a path, a Pillow image or an array of numbers, got {type(picture).__name__}; "
            "PIL.Image.open reads files and bytes in memory, and several paths are given one by one"
        )
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    _check(array, white)
    if array.ndim == 4:
        return np.stack([_of_array(each, sized, white) for each in array])
    return _of_array(array, sized, white)


def _image(pixels: Pixels, profile: bytes | None) -> Image.Image:
    """Pillow writes the profile of an image's `info` into PNG, TIFF and AVIF by itself."""
    image, icc = to_pillow(pixels.in_8_bits()), fitting(profile, pixels.grey)
    image.info.update({"icc_profile": icc} if icc else {})
    return image


def _of_array(array: np.ndarray, sized: Callable[[Pixels], Pixels], white: float | None) -> np.ndarray:
    """Floats go through 16 bits, which is finer than a network's answer."""
    exact = array
    if white is not None:  # in float32, as white is beyond what float16 holds
        exact = np.rint(np.clip(array, 0, white).astype(np.float32) * (65535 / white)).astype(np.uint16)
    result = sized(from_channels(exact[..., None] if array.ndim == 2 else exact)).channels()
    result = result[..., 0] if array.ndim == 2 else result
    return result if white is None else (result * (white / 65535)).astype(array.dtype)


def _check(array: np.ndarray, white: float | None) -> None:
    shape = array.shape
    if array.ndim in (3, 4) and shape[-1] > 4 and shape[-3] in (1, 3, 4):
        order = "1, 2, 0" if array.ndim == 3 else "0, 2, 3, 1"
        raise ValueError(f"channels come last, got {shape}; give numpy.transpose(picture, ({order}))")
    if array.ndim not in (2, 3, 4) or 0 in shape or (array.ndim > 2 and shape[-1] > 4):
        raise ValueError(f"expected a picture of shape (H, W), (H, W, C) or (N, H, W, C), C from 1 to 4; got {shape}")
    if array.dtype.kind == "f":
        if white not in (1, 255):
            raise ValueError("floats in [0, 1] or in [0, 255]? Call srzoo.upscale(picture, white=1) or 255")
        if not np.isfinite(array).all():
            raise ValueError("the picture holds NaN or infinite values; expected finite numbers")
        least, most = float(array.min()), float(array.max())
        if least < -BEYOND * white or most > (1 + BEYOND) * white:
            raise ValueError(
                f"expected values from 0 to white={white:g}, got {least:g} to {most:g}; give their own white, "
                "or bring them into this range"
            )
    elif white is not None or array.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"expected uint8 or uint16, or floats with white=1 or 255; got {array.dtype}, white={white}; "
            "give values from 0 to 255 as uint8, from 0 to 65535 as uint16"
        )
