"""Upscales a photograph that comes with scikit-image, x4; leaves the pictures in results/. Run by `make demo`.

The photograph, a cat, is shrunk to a quarter by MATLAB's bicubic first, so that the result can be held
against the original. As long as no trained weights ship with srzoo, a small EDSR is trained for a minute on
other photographs.
"""

from pathlib import Path

from srzoo.cli import start_tensorflow

start_tensorflow()

from srzoo import bicubic, zoo
from srzoo.data.sample import sample_path
from srzoo.images import read_image, write_image
from srzoo.metrics import psnr_y
from srzoo.training.session import settings_of, train_run
from srzoo.upscaling import Upscaler
from srzoo.upscaling.compare import side_by_side

SCALE = 4
RESULTS = Path("results")
TRAINED = f"edsr-baseline-x{SCALE}"
SMALL = f"edsr-baseline-x{SCALE}.blocks4.filters32"


def trained_model():
    if TRAINED in zoo.shipped_models():
        return zoo.load(TRAINED)
    print(f"No trained weights ship with srzoo yet: training a small EDSR ({SMALL}) for one minute first.")
    run = Path("runs") / "demo"
    train_run(run, settings_of("sample", SMALL, minutes=1, patch=64, learning_rate=1e-3), validate_every=200)
    return zoo.load(run / "best.weights.h5")


def main() -> None:
    hr = bicubic.crop_to_multiple(read_image(sample_path("chelsea.png")), SCALE)
    lr = bicubic.downscale(hr, SCALE)
    sr = Upscaler(trained_model())(lr)

    write_image(RESULTS / "cat_lr.png", lr)
    write_image(RESULTS / "cat.png", sr)
    write_image(RESULTS / "cat_compare.png", side_by_side(lr, sr))
    scores = [psnr_y(hr, picture, shave=SCALE) for picture in (bicubic.upscale(lr, SCALE), sr)]
    print(f"PSNR-Y against the original: bicubic {scores[0]:.2f} dB, EDSR {scores[1]:.2f} dB")
    print(f"Look at {RESULTS / 'cat_compare.png'} (LR, bicubic, SR) and {RESULTS / 'cat.png'}.")


if __name__ == "__main__":
    main()
