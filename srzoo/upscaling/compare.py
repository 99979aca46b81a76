"""The side-by-side picture: LR, bicubic and SR, for the eye."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srzoo import bicubic
from srzoo.images import check_pixels

MAX_SIDE = 640
"""HR pixels that a panel shows at most, so that three of them stay within 2000 pixels."""

GAP = 12
PAPER, INK, GREY = (255, 255, 255), (20, 20, 20), (110, 110, 110)


def side_by_side(lr: np.ndarray, sr: np.ndarray, name: str = "SR") -> np.ndarray:
    """Draws the LR picture (each pixel as a square), its bicubic enlargement and the SR picture, with titles.

    All three are shown at the size of the SR picture, pixel for pixel. If that is more than `MAX_SIDE` high
    or wide, only the centre is shown and the titles say so.

    Args:
        lr: uint8 array of shape (H, W, 3).
        sr: uint8 array of shape (scale H, scale W, 3), scale being at least 1.
        name: the SR picture's title, such as the model's name.

    Returns:
        uint8 array of shape (height, width, 3), at most 2000 pixels wide unless the name is very long.

    Raises:
        ValueError: if an array is of another shape or type, or the sizes do not belong together.
    """
    check_pixels(lr, "lr")
    check_pixels(sr, "sr")
    height, width = lr.shape[:2]
    scale = sr.shape[0] // height
    if scale < 1 or sr.shape[:2] != (height * scale, width * scale):
        raise ValueError(f"the sides of sr must be those of lr, {lr.shape[:2]}, times a scale; got {sr.shape[:2]}")

    rows, columns = centre(height, width, scale)
    shown = sr[rows.start * scale : rows.stop * scale, columns.start * scale : columns.stop * scale]
    return of_centre(lr, shown, scale, name)


def of_centre(lr: np.ndarray, shown_hr: np.ndarray, scale: int, name: str = "SR") -> np.ndarray:
    """As `side_by_side`, where only the part of the SR picture is at hand that `centre` says.

    Args:
        lr: uint8 array of shape (H, W, 3).
        shown_hr: uint8 array, the SR picture in the rows and columns of `centre` times the scale.
        scale: HR pixels a side of an LR pixel.
        name: as of `side_by_side`.
    """
    height, width = lr.shape[:2]
    rows, columns = centre(height, width, scale)
    nearest = lr[rows, columns].repeat(scale, axis=0).repeat(scale, axis=1)
    sides = height * scale, width * scale
    whole = shown_hr.shape[:2] == sides

    def size(whole_sides, shown):
        text = f"{whole_sides[1]} x {whole_sides[0]} px"
        return text if whole else f"centre {shown.shape[1]} x {shown.shape[0]} of {text}"

    return panels(
        [
            (nearest, "LR", size((height, width), lr[rows, columns])),
            (_bicubic_part(lr, rows, columns, scale), "bicubic", size(sides, shown_hr)),
            (shown_hr, name, size(sides, shown_hr)),
        ]
    )


def centre(height: int, width: int, scale: int) -> tuple[slice, slice]:
    """Rows and columns of an LR picture that are shown of it."""
    rows, columns = (_centre(side, max(1, MAX_SIDE // scale)) for side in (height, width))
    return rows, columns


def _centre(length: int, most: int) -> slice:
    shown = min(length, most)
    start = (length - shown) // 2
    return slice(start, start + shown)


def _bicubic_part(lr: np.ndarray, rows: slice, columns: slice, scale: int) -> np.ndarray:
    """That part of the whole picture's bicubic enlargement, without computing the rest."""
    if scale == 1:
        return lr[rows, columns]
    margin = 3  # bicubic looks two pixels far
    top, left = max(0, rows.start - margin), max(0, columns.start - margin)
    part = bicubic.upscale(lr[top : rows.stop + margin, left : columns.stop + margin], scale)
    low, leftmost = (rows.start - top) * scale, (columns.start - left) * scale
    return part[
        low : low + (rows.stop - rows.start) * scale, leftmost : leftmost + (columns.stop - columns.start) * scale
    ]


def panels(pictures: list[tuple[np.ndarray, str, str]]) -> np.ndarray:
    """Sets equally large pictures side by side on white.

    Args:
        pictures: of each its pixels, uint8 (H, W, 3), its title and a note.

    Returns:
        uint8 array of shape (height, width, 3).
    """
    title_font, note_font = ImageFont.load_default(22), ImageFont.load_default(14)
    height, width = pictures[0][0].shape[:2]
    # A small picture's panel is as wide as its title needs.
    texts = [font.getlength(text) for _, *pair in pictures for font, text in zip((title_font, note_font), pair)]
    panel_width = max([width, *(int(length) + 1 for length in texts)])
    strip = 64
    canvas = Image.new("RGB", (GAP + len(pictures) * (panel_width + GAP), strip + height + GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    for i, (pixels, title, note) in enumerate(pictures):
        left = GAP + i * (panel_width + GAP)
        middle = left + panel_width // 2
        draw.text((middle, 34), title, INK, title_font, anchor="ms")
        draw.text((middle, 54), note, GREY, note_font, anchor="ms")
        canvas.paste(Image.fromarray(pixels), (left + (panel_width - width) // 2, strip))
    return np.array(canvas)
