"""One picture of whatever kind Python has it in, and back in the same kind."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srzoo import shipped
from srzoo.names import DEFAULT_SCALE
from srzoo.pictures.pixels import Pixels, from_channels, from_pillow, to_pillow
from srzoo.pictures.reading import open_picture
from srzoo.upscaling.automatic import suited
from srzoo.upscaling.pictures import upscale_pixels
from srzoo.upscaling.sizes import Size
from srzoo.upscaling.upscaler import DEFAULT_MEMORY, Upscaler


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
        picture: a path; a Pillow image; or an array or a tensor: uint8, uint16, or floats with a value of white, of
            shape (H, W), (H, W, C) or (N, H, W, C), C being 1 (grey), 2 (with alpha), 3 (RGB) or 4 (with alpha).
        model: what `Upscaler` takes, or an `Upscaler`, which is not loaded again for each picture.
        scale: how many times as wide and high, from 1 to 16; default: the model's.
        width, height, fit: a size in place of the scale, see `srzoo.upscaling.sizes.Size`.
        white: value of white for floats, 1 or 255.
        self_ensemble, restore: options of `Upscaler`, if `model` is no `Upscaler`.

    Returns:
        Of a path (its first frame) and of an image a Pillow image of 8 bits; else an array like the one given.

    Raises:
        FileNotFoundError: if there is no such picture or model.
        ValueError: for another kind of picture, or a size that cannot be had.

    Example:
        >>> srzoo.upscale("photo.jpg", scale=2).save("large.png")
    """
    asked = Size(scale, width, height, fit) if scale or width or height else None
    if model == shipped.AUTO and isinstance(picture, str | os.PathLike):
        model, _ = suited(Path(picture), scale or DEFAULT_SCALE)  # a file's own tables tell JPEG's quality
    upscaler = model if isinstance(model, Upscaler) else Upscaler(model, DEFAULT_MEMORY, scale, self_ensemble, restore)
    if isinstance(picture, str | os.PathLike):
        with open_picture(Path(picture)) as opened:
            return _of_pixels(upscaler, next(opened.frames()).pixels, asked)
    if isinstance(picture, Image.Image):
        return _of_pixels(upscaler, from_pillow(picture)[0], asked)
    array = np.asarray(picture)
    _check(array, white)
    if array.ndim == 4:
        return np.stack([_of_array(upscaler, each, asked, white) for each in array])
    return _of_array(upscaler, array, asked, white)


def _of_pixels(upscaler: Upscaler, pixels: Pixels, asked: Size | None) -> Image.Image:
    return to_pillow(_sized(upscaler, pixels, asked).in_8_bits())


def _sized(upscaler: Upscaler, pixels: Pixels, asked: Size | None) -> Pixels:
    if upscaler.automatic:
        upscaler = upscaler.suited(pixels.in_8_bits().in_colour().colour)
    return upscale_pixels(upscaler, pixels, size=asked.of(*pixels.size) if asked else None)


def _of_array(upscaler: Upscaler, array: np.ndarray, asked: Size | None, white: float | None) -> np.ndarray:
    """Floats go through 16 bits, which is finer than a network's answer."""
    exact = array
    if white is not None:  # in float32, as white is beyond what float16 holds
        exact = np.rint(np.clip(array, 0, white).astype(np.float32) * (65535 / white)).astype(np.uint16)
    pixels = from_channels(exact[..., None] if array.ndim == 2 else exact)
    result = _sized(upscaler, pixels, asked).channels()
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
    elif white is not None or array.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"expected uint8 or uint16, or floats with white=1 or 255; got {array.dtype}, white={white}; "
            "give picture.astype('uint8')"
        )
