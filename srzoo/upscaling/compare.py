"""The side-by-side picture: LR, bicubic and SR, for the eye."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srzoo.images import check_pixels, middle
from srzoo.runtimes.tiles import Region

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
        sr: uint8 array, as high and wide as lr or more, by a factor that need not be whole.
        name: the SR picture's title, such as the model's name.

    Returns:
        uint8 array of shape (height, width, 3), at most 2000 pixels wide unless the name is very long.

    Raises:
        ValueError: if an array is of another shape or type, or the sizes do not belong together.
    """
    check_pixels(lr, "lr")
    check_pixels(sr, "sr")
    factors = [after / before for after, before in zip(sr.shape[:2], lr.shape[:2])]
    # A side of a result is rounded, and may be a pixel more (`--size`).
    if min(factors) < 1 or abs(factors[0] - factors[1]) > 2 / min(lr.shape[:2]):
        raise ValueError(f"the sides of sr must be those of lr, {lr.shape[:2]}, times a scale; got {sr.shape[:2]}")
    return of_centre(lr, sr[enlarged(centre(lr.shape, sr.shape), lr.shape, sr.shape)], sr.shape, name)


def of_centre(lr: np.ndarray, shown_hr: np.ndarray, hr_shape: tuple[int, ...], name: str = "SR") -> np.ndarray:
    """Like `side_by_side`, for the part of the SR picture that `centre` says.

    Args:
        lr: uint8 array of shape (H, W, 3).
        shown_hr: uint8 array, the SR picture in the rows and columns of `centre`, `enlarged`.
        hr_shape: height and width of the whole SR picture.
        name: the same as for `side_by_side`.
    """
    rows, columns = centre(lr.shape, hr_shape)
    picture, box = Image.fromarray(lr), (columns.start, rows.start, columns.stop, rows.stop)
    height, width = shown_hr.shape[:2]
    nearest, bicubic = (
        np.asarray(picture.resize((width, height), kernel, box))
        for kernel in (Image.Resampling.NEAREST, Image.Resampling.BICUBIC)
    )
    whole = shown_hr.shape[:2] == hr_shape[:2]

    def size(whole_sides, shown):
        text = f"{whole_sides[1]} x {whole_sides[0]} px"
        return text if whole else f"centre {shown.shape[1]} x {shown.shape[0]} of {text}"

    return panels(
        [
            (nearest, "LR", size(lr.shape, lr[rows, columns])),
            (bicubic, "bicubic", size(hr_shape, shown_hr)),
            (shown_hr, name, size(hr_shape, shown_hr)),
        ]
    )


def centre(lr_shape: tuple[int, ...], hr_shape: tuple[int, ...]) -> Region:
    """Rows and columns of an LR picture that are shown of it."""
    return middle(lr_shape, *(max(1, MAX_SIDE * before // after) for before, after in zip(lr_shape[:2], hr_shape)))


def enlarged(part: Region, lr_shape: tuple[int, ...], hr_shape: tuple[int, ...]) -> Region:
    """The rows and columns of the SR picture where those of the LR picture are, to the nearest pixel."""
    rows, columns = (
        slice(round(each.start * after / before), round(each.stop * after / before))
        for each, before, after in zip(part, lr_shape, hr_shape)
    )
    return rows, columns


def panels(pictures: list[tuple[np.ndarray, str, str]]) -> np.ndarray:
    """Sets equally large pictures side by side on white.

    Args:
        pictures: pixels, uint8 (H, W, 3), a title and a note for each.

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
