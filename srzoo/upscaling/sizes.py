"""Sizes of results, and the reduction of a network's larger result."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from PIL import Image

from srzoo.images import to_uint16
from srzoo.pictures.pixels import Pixels

LARGEST = 16
"""Largest factor on width and height."""

REACH = 2
"""Pixels of the smaller picture that the bicubic kernel looks far."""

BICUBIC, HAMMING = Image.Resampling.BICUBIC, Image.Resampling.HAMMING


@dataclass(frozen=True)
class Size:
    """Wanted size: `scale`, or `width`, or `height`, or both of these.

    Attributes:
        scale: how many times as wide and high, from 1 to `LARGEST`.
        width, height: sides in pixels; one alone decides the other.
        fit: both are the most that the result may have, and the picture's aspect decides which one it has.

    Raises:
        ValueError: for what is no number, numbers out of their range, or that contradict each other.
    """

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    fit: bool = False

    def __post_init__(self) -> None:
        sides = [side for side in (self.width, self.height) if side is not None]
        numeric = self.scale is None or isinstance(self.scale, Real)
        if not numeric or not all(isinstance(side, Integral) for side in sides):
            given = f"scale {self.scale!r}, width {self.width!r}, height {self.height!r}"
            raise ValueError(f"the scale must be a number, and width and height whole numbers; got {given}")
        if self.scale is not None and sides:
            raise ValueError("--scale was given beside a size in pixels; leave out one of the two")
        if self.fit and len(sides) < 2:
            raise ValueError("--fit needs both sides; give --size WxH with it (in Python: width and height)")
        if self.scale is not None and not 1 <= self.scale <= LARGEST:
            raise ValueError(f"the scale must be from 1 to {LARGEST}, got {self.scale:g}")
        if not all(side >= 1 for side in sides):
            raise ValueError(f"width and height must be at least 1, got {' and '.join(map(str, sides))}")

    def __str__(self) -> str:
        return f"x{self.scale:g}" if self.scale else f"{self.width or ''}x{self.height or ''}"

    def of(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the result of a picture.

        Raises:
            ValueError: if that would change its aspect, is smaller than the picture, or more than `LARGEST` times it.
        """
        ways = [self.scale, self.width and self.width / width, self.height and self.height / height]
        factor = min(way for way in ways if way)
        size = max(1, round(width * factor)), max(1, round(height * factor))
        if self.width and self.height:
            if abs(size[0] - self.width) <= 1 and abs(size[1] - self.height) <= 1:
                size = self.width, self.height
            elif not self.fit:
                raise ValueError(
                    f"{self.width}x{self.height} has another aspect than the picture's {width}x{height}; give --fit "
                    f"for {size[0]}x{size[1]}, or --width or --height alone (in Python: fit=True)"
                )
        if not 1 <= factor <= LARGEST:
            times = f"{factor:.3g}" if factor < 100 else f"{factor:.0f}"
            raise ValueError(
                f"{size[0]}x{size[1]} is {times} times the picture's {width}x{height}; expected 1 to {LARGEST}"
            )
        return size

    def factor(self, width: int, height: int) -> float:
        """The scale, or the larger of the factors on width and height, by which a network is chosen; raises as `of`."""
        size = self.of(width, height)
        return self.scale or max(side / before for side, before in zip(size, (width, height)))


def passes(scale: int, given: tuple[int, int], size: tuple[int, int]) -> int:
    """Number of passes, one or two, of a network of that scale to reach a size; both are width and height.

    Raises:
        ValueError: if twice is not enough.
    """
    for count in (1, 2):
        if all(side * scale**count >= wanted for side, wanted in zip(given, size)):
            return count
    raise ValueError(
        f"{size[0]}x{size[1]} is more than a network of scale {scale} gives if it is applied twice, of "
        f"{given[0]}x{given[1]} pixels; choose a model of a larger scale"
    )


def shrunk(bands: Iterable[Pixels], given: tuple[int, int], size: tuple[int, int]) -> Iterator[Pixels]:
    """Brings a picture down to a size, band by band: the result is that of the whole picture.

    By the antialiased bicubic kernel (Keys, a = -0.5), in the picture's own depth; alpha by a kernel that never
    overshoots, so what is opaque stays opaque and what is clear stays clear.

    Args:
        bands: full rows from the top: uint8, uint16 or float32.
        given: width and height of all of them.
        size: size of the result, at most `given`.
    """
    ratio = given[1] / size[1]
    reach = math.ceil(REACH * ratio) + 1
    held: Pixels | None = None
    first = done = 0
    for band in bands:
        held = band if held is None else below(held, band)
        last = first + held.size[1]
        ready = size[1] if last == given[1] else max(done, int((last - reach) / ratio))
        if ready == done:
            continue
        box = (0, done * ratio - first, given[0], ready * ratio - first)
        shape = size[0], ready - done
        alpha = None if held.alpha is None else _resized(held.alpha, shape, box, HAMMING)
        yield Pixels(_resized(held.colour, shape, box, BICUBIC), alpha)
        done = ready
        drop = max(0, int(done * ratio) - reach - first)
        held, first = held.map(lambda array, drop=drop: array[drop:]), first + drop


def below(upper: Pixels, lower: Pixels) -> Pixels:
    """Two pictures of one kind and width, one above the other."""
    alpha = None if upper.alpha is None or lower.alpha is None else np.concatenate([upper.alpha, lower.alpha])
    return Pixels(np.concatenate([upper.colour, lower.colour]), alpha)


def _resized(values: np.ndarray, shape: tuple[int, int], box: tuple, kernel: Image.Resampling) -> np.ndarray:
    # Pillow's kernels look beyond the box, so a part comes out as of the whole.
    resize: Callable[[np.ndarray], np.ndarray] = lambda array: np.array(  # noqa: E731
        Image.fromarray(array).resize(shape, kernel, box)
    )
    if values.dtype == np.uint8:
        return resize(np.ascontiguousarray(values))
    planes = values[..., None] if values.ndim == 2 else values
    resized = np.stack([resize(np.ascontiguousarray(plane, np.float32)) for plane in np.moveaxis(planes, 2, 0)], 2)
    resized = resized[..., 0] if values.ndim == 2 else resized
    return to_uint16(resized / 257) if values.dtype == np.uint16 else resized
