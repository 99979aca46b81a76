"""Finds the damage of a picture: JPEG, noise and blur, estimated from its pixels and its file, without a trained part.

All that is measured comes from the discrete cosine transform of blocks of 8x8 pixels, those of JPEG.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srzoo.images import GREY, MAX_PIXELS, open_image

MOST_BLOCKS = 4096
"""Number of blocks, evenly spaced, that are looked at in a larger picture."""

LEAST_BLOCKS = 25
"""A picture of fewer blocks says nothing."""

FINE_STEPS, THEIR_SUM = 24, 485
"""The smallest steps of JPEG's table for luma, which are 255 at no quality in use, and their sum at quality 50 (ITU-T
T.81, table K.1)."""

STEPS = {(0, 1): 11, (1, 0): 12, (0, 2): 10, (1, 1): 12, (2, 0): 14, (0, 3): 16, (1, 2): 14, (2, 1): 13, (3, 0): 14}
"""Row and column of low frequencies -> their steps in that table."""


# The limits were chosen on 240 photographs, clean, saved as JPEG, and damaged by the presets of `srzoo.degradations`
# (`python -m benchmarks.damage`). Levels are grey levels of 255, ratios have no unit.
DAMAGING_QUALITY = 88
"""The highest quality of JPEG that counts as damage."""

ON_GRID = 0.18
"""Share of DCT coefficients on the steps of a JPEG table, beyond chance, that shows JPEG."""

NOISE, WHITENESS = 1.3, 0.64
"""Level of the finest details in the calmest blocks, and their power beside that of less fine ones; noise has more of
both than texture."""

COLOUR_NOISE, COLOURFULNESS = 1.3, 0.9
"""That level in differences of colours, and beside grey's; noise in colours has more of both."""

FINEST, DIAGONAL = 0.0041, 0.03
"""Power of the finest details, and of the diagonal ones, beside coarser ones; blur has less."""


@dataclass(frozen=True)
class Damage:
    """Damage that was found.

    Attributes:
        quality: libjpeg's quality of the JPEG that it was; None: no visible JPEG.
        noise: standard deviation in grey levels, estimated; 0: none that shows.
        blurred: its finest details are missing.
    """

    quality: int | None = None
    noise: float = 0.0
    blurred: bool = False

    def __bool__(self) -> bool:
        return self.quality is not None or self.noise > 0 or self.blurred

    def __str__(self) -> str:
        found = [
            f"JPEG of quality {self.quality}" if self.quality is not None else "",
            f"noise of {self.noise:.0f} grey levels" if self.noise else "",
            "blur" if self.blurred else "",
        ]
        return ", ".join(filter(None, found)) or "no damage"


def find_damage(pixels: np.ndarray) -> Damage:
    """Looks at a picture, uint8 of shape (H, W, 3), RGB; some 20 ms, whatever its size."""
    of_grey, of_colours = _transformed(pixels, (0, 0))
    if len(of_grey) < LEAST_BLOCKS:
        return Damage()
    quality = _jpeg_quality(of_grey)
    corner = _grid(pixels)
    if quality is None and corner != (0, 0):
        quality = _jpeg_quality(_transformed(pixels, corner)[0])
    noise = _noise(of_grey, of_colours)
    if quality is not None and quality <= DAMAGING_QUALITY:
        return Damage(quality, noise)  # JPEG takes the finest details too
    return Damage(None, noise, _is_blurred(of_grey))


def quality_of_file(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> int | None:
    """The quality that a JPEG file was written with, in libjpeg's numbers, from its table for luma; of others None.

    Raises:
        FileNotFoundError, ImageError: the errors of `srzoo.images.open_image`.
    """
    with open_image(Path(path), max_pixels) as image:
        tables = getattr(image, "quantization", None)
    if not tables:
        return None
    percent = 100 * sum(sorted(tables[min(tables)])[:FINE_STEPS]) / THEIR_SUM
    return round((200 - percent) / 2 if percent <= 100 else 5000 / percent)


def _transformed(pixels: np.ndarray, corner: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """DCT of blocks of grey, (blocks, 8, 8), and of red and blue less green, (2, blocks, 8, 8)."""
    inside = pixels[corner[0] :, corner[1] :]
    rows, columns = (side // 8 for side in inside.shape[:2])
    blocks = inside[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8, 3)
    every = max(1, int((rows * columns / MOST_BLOCKS) ** 0.5))
    colours = blocks[::every, :, ::every].transpose(0, 2, 1, 3, 4).reshape(-1, 8, 8, 3).astype(np.float32)
    grey, green = colours @ GREY, colours[..., 1]
    import scipy.fft  # half as long to import as all else of a picture

    transformed = scipy.fft.dctn(
        np.stack([grey, colours[..., 0] - green, colours[..., 2] - green]), axes=(2, 3), norm="ortho"
    )
    return transformed[0], transformed[1:]


def _grid(pixels: np.ndarray) -> tuple[int, int]:
    """Position of the first whole block of a cropped JPEG: at the steepest of every eighth step."""
    grey = pixels[:512, :512] @ GREY
    corner = []
    for axis in (0, 1):
        steps = np.abs(np.diff(grey, axis=axis)).mean(1 - axis)
        bends = np.convolve(steps, (-0.5, 1, -0.5), "valid")
        corner.append((int(np.argmax([bends[phase::8].mean() for phase in range(8)])) + 2) % 8)
    return corner[0], corner[1]


def _jpeg_quality(of_grey: np.ndarray) -> int | None:
    """The quality whose steps the coefficients are multiples of (Fan and de Queiroz, IEEE TIP 12(2), 2003).

    Of those above half a step, which chance puts on the steps as often as one in a step's length.
    """
    sizes = [np.rint(np.abs(of_grey[:, row, column])).astype(int) for row, column in STEPS]
    counts = np.stack([np.bincount(size, minlength=1024) for size in sizes])  # from black to white they are up to 943
    found, best = None, ON_GRID
    for quality in range(5, 96):
        percent = 5000 // quality if quality < 50 else 200 - 2 * quality
        steps = np.clip((np.array(list(STEPS.values())) * percent + 50) // 100, 1, 255)
        above = [count[(step + 1) // 2 :].sum() for count, step in zip(counts, steps)]
        chance = sum(count / step for count, step in zip(above, steps))
        on_steps = sum(count[step::step].sum() for count, step in zip(counts, steps))
        if sum(above) >= LEAST_BLOCKS and (share := (on_steps - chance) / (sum(above) - chance + 1e-9)) > best:
            found, best = quality, share
    return found


_DOWN, _ACROSS = np.indices((8, 8))
_LEAST, _MOST = np.minimum(_DOWN, _ACROSS), np.maximum(_DOWN, _ACROSS)
_FINE = (_MOST >= 6) & (_LEAST >= 3)


def _noise(of_grey: np.ndarray, of_colours: np.ndarray) -> float:
    """Standard deviation of the noise, in grey levels; 0 where there is none.

    Texture is fine detail too, but with less power the finer it is, and much the same in all colours.
    """
    mean = of_grey[:, 0, 0] / 8
    exposed = (mean > 15) & (mean < 240)  # where noise is not clipped
    if exposed.sum() < LEAST_BLOCKS:
        return 0.0
    power = of_grey[exposed] ** 2
    fine = power[:, _FINE].mean(1)
    calm = power[:, (_DOWN + _ACROSS > 0) & (_DOWN + _ACROSS <= 2)].mean(1)
    calm = calm <= np.percentile(calm, 25)
    finest, less_fine = (
        np.median(power[calm][:, part].mean(1)) + 0.05
        for part in (_LEAST >= 5, (_MOST >= 5) & (_MOST <= 6) & (_LEAST >= 2))
    )
    level = np.sqrt(np.median(fine[calm]))
    if np.sqrt(np.percentile(fine, 5)) > NOISE and finest / less_fine > WHITENESS:
        return float(level)
    in_colours = np.sqrt(np.percentile((of_colours[:, exposed][..., _FINE] ** 2).mean((0, 2)), 10))
    beside_grey = in_colours / (np.sqrt(np.percentile(fine, 10)) + 0.1)
    found = in_colours > COLOUR_NOISE and beside_grey > COLOURFULNESS
    return float(max(level, in_colours / np.sqrt(2))) if found else 0.0  # a difference has the noise of two


def _is_blurred(of_grey: np.ndarray) -> bool:
    power = (of_grey**2).mean(0) + 0.01
    finest = power[_MOST == 7].mean() / power[(_MOST == 2) | (_MOST == 3)].mean()
    diagonal = power[_LEAST >= 6].mean() / power[(_LEAST >= 3) & (_MOST <= 5)].mean()
    return bool(finest < FINEST or diagonal < DIAGONAL)
