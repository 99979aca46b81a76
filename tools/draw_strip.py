"""Draws parts of photographs at 100 %: LR, bicubic, the SR of some models, HR; a row a photograph.

    PYTHONPATH=. python tools/draw_strip.py docs/images/edsr-gan.png --models edsr-baseline-x4 edsr-gan-x4 \
        --parts chelsea.png:70,90 coffee.png:60,300

A part is a photograph inside scikit-image (or a file's path) and the top left corner of the square that is shown. LR
is made from the whole photograph by MATLAB's bicubic. The notes give PSNR-Y of the part and, with --lpips, LPIPS.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from srzoo import bicubic, zoo
from srzoo.data.sample import sample_path
from srzoo.images import read_image, write_image
from srzoo.metrics import lpips, psnr_y
from srzoo.models.geometry import scale_of
from srzoo.upscaling import Upscaler
from srzoo.upscaling.compare import panels

Upscale = Callable[[np.ndarray], np.ndarray]


def row(part: str, side: int, scale: int, upscale: dict[str, Upscale], distance: Callable | None) -> np.ndarray:
    """LR, bicubic, the SR of each model, and HR of one part."""
    picture, _, corner = part.rpartition(":")
    top, left = map(int, corner.split(","))
    window = (slice(top, top + side), slice(left, left + side))
    hr = read_image(Path(picture) if Path(picture).is_file() else sample_path(picture))
    hr = bicubic.crop_to_multiple(hr, scale)
    lr = bicubic.downscale(hr, scale)
    shown = [(lr.repeat(scale, 0).repeat(scale, 1)[window], "LR", Path(picture).stem)]
    for name, function in upscale.items():
        sr = function(lr)[window]
        note = f"{psnr_y(hr[window], sr, scale):.1f} dB"
        shown.append((sr, name, f"{note}, LPIPS {distance(hr[window], sr):.3f}" if distance else note))
    return panels([*shown, (hr[window], "HR", "the photograph")])


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("output", type=Path)
    ap.add_argument("--models", nargs="+", required=True, help="names or files, as srzoo.load takes them")
    ap.add_argument("--parts", nargs="+", required=True, help="PICTURE:TOP,LEFT")
    ap.add_argument("--side", type=int, default=192, help="pixels of a part (default: 192)")
    ap.add_argument("--lpips", help="file with LPIPS's weights")
    args = ap.parse_args()

    models = [zoo.load(model) for model in args.models]
    scale = scale_of(models[0])
    upscale: dict[str, Upscale] = {"bicubic": partial(bicubic.upscale, scale=scale)}
    upscale.update({model.name: Upscaler(model) for model in models})
    distance = lpips.load(args.lpips) if args.lpips else None
    rows = [row(part, args.side, scale, upscale, distance) for part in args.parts]
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    write_image(args.output, np.concatenate(rows))


if __name__ == "__main__":
    main()
