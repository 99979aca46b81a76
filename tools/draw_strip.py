"""Draws parts of photographs at 100 %: LR, bicubic, the SR of some models, HR; a row a photograph.

    python tools/draw_strip.py docs/images/edsr-gan.png --models edsr-baseline-x4 edsr-gan-x4 \
        --parts chelsea.png:70,90 coffee.png:60,300

A part is a photograph inside scikit-image (or a file's path) and the top left corner of the square that is shown. The
corner and the side are rounded down to a multiple of the scale. LR is made from the whole photograph by MATLAB's
bicubic. The notes give PSNR-Y of the part and, with --lpips, LPIPS.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from srzoo import bicubic
from srzoo.cli import run
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.metrics import lpips, psnr_y
from srzoo.pictures.reading import read_image
from srzoo.upscaling.compare import panels
from srzoo.viewing.methods import BICUBIC, Method, load_methods

Change = Callable[[np.ndarray], np.ndarray]


def row(
    hr: np.ndarray,
    corner: tuple[int, int],
    side: int,
    methods: Sequence[Method],
    title: str,
    distance: Callable | None = None,
    change: Change = lambda lr: lr,
) -> np.ndarray:
    """LR, the SR of each method, and HR of one part of a picture.

    Args:
        hr: the picture, uint8 (H, W, 3).
        corner: top and left of the part.
        side: of the part; like the corner a multiple of the scale.
        methods: of one scale.
        title: of the picture.
        distance: LPIPS, if it is to be noted.
        change: what becomes of LR before it is upscaled; of the same size.
    """
    scale = methods[0].scale
    rows, columns = (slice(start, start + side) for start in corner)
    rows_lr, columns_lr = (slice(part.start // scale, part.stop // scale) for part in (rows, columns))
    lr = change(bicubic.downscale(bicubic.crop_to_multiple(hr, scale), scale))
    shown = [(lr[rows_lr, columns_lr].repeat(scale, 0).repeat(scale, 1), "LR", title)]
    part = hr[rows, columns]
    for method in methods:
        sr = method.upscale_part(lr, rows_lr, columns_lr)
        note = f"{psnr_y(part, sr, scale):.1f} dB"
        shown.append((sr, method.name, f"{note}, LPIPS {distance(part, sr):.3f}" if distance else note))
    return panels([*shown, (part, "HR", "the original")])


def stack(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of any widths, one below the other."""
    width = max(row.shape[1] for row in rows)
    return np.concatenate(
        [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    )


def main(argv: list[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("output", type=Path)
    ap.add_argument("--models", nargs="+", required=True, help="names or files, as srzoo.load takes them")
    ap.add_argument("--parts", nargs="+", required=True, help="PICTURE:TOP,LEFT")
    ap.add_argument("--side", type=int, default=192, help="pixels of a part (default: 192)")
    ap.add_argument("--lpips", help="file with LPIPS's weights")
    args = ap.parse_args(argv)

    methods = load_methods([BICUBIC, *args.models])
    scale = methods[0].scale
    distance = lpips.load(args.lpips) if args.lpips else None
    rows = []
    for part in args.parts:
        picture, _, corner = part.rpartition(":")
        top, left, side = (int(each) // scale * scale for each in (*corner.split(","), args.side))
        hr = read_image(Path(picture) if Path(picture).is_file() else sample_path(picture))
        rows.append(row(hr, (top, left), side, methods, Path(picture).stem, distance))
    write_image(args.output, stack(rows))


if __name__ == "__main__":
    run(main)
