"""Upscales a photograph that comes with scikit-image, x4; leaves the pictures in results/. Run by `make demo`.

The photograph, a cat, is shrunk to a quarter by MATLAB's bicubic first, so that the result can be held
against the original.
"""

from pathlib import Path

from srzoo.cli import quiet_tensorflow, run

quiet_tensorflow()

from srzoo import bicubic, zoo
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.metrics import psnr_y
from srzoo.pictures.reading import read_image
from srzoo.upscaling import Upscaler
from srzoo.upscaling.compare import side_by_side

MODEL = "edsr-baseline-x4"
RESULTS = Path("results")


def main() -> None:
    upscaler = Upscaler(zoo.load(MODEL))
    scale = upscaler.scale
    hr = bicubic.crop_to_multiple(read_image(sample_path("chelsea.png")), scale)
    lr = bicubic.downscale(hr, scale)
    sr = upscaler(lr)

    write_image(RESULTS / "cat_lr.png", lr)
    write_image(RESULTS / "cat.png", sr)
    write_image(RESULTS / "cat_compare.png", side_by_side(lr, sr, MODEL))
    scores = [psnr_y(hr, picture, shave=scale) for picture in (bicubic.upscale(lr, scale), sr)]
    print(f"PSNR-Y against the original: bicubic {scores[0]:.2f} dB, {MODEL} {scores[1]:.2f} dB")
    print(f"Look at {RESULTS / 'cat_compare.png'} (LR, bicubic, SR) and {RESULTS / 'cat.png'}.")


if __name__ == "__main__":
    run(main)
