"""What the backend that KERAS_BACKEND names makes of a folder of pictures, for `test_backend.py`."""

import json
import sys
from pathlib import Path

import keras
import numpy as np

import srzoo
from srzoo.evaluation import evaluate
from srzoo.exporting.formats import check_request
from srzoo.losses import l1
from srzoo.pictures.reading import read_image
from srzoo.training.steps import PixelStep


def refusal(call) -> str:
    try:
        call()
    except ValueError as error:
        return str(error)
    return ""


def main(folder: Path, out: Path) -> None:
    keras.config.set_image_data_format("channels_first")
    lr = read_image(next(folder.glob("*.png")))[:48, :60]
    pixels = {name: srzoo.upscale(lr, name) for name in ("edsr-baseline-x4", "srresnet-x4", "edsr-real-x4")}
    for file in ("compact.weights.h5", "rrdb.keras"):
        model = srzoo.load(folder / file)
        save = srzoo.save_weights if file.endswith(".h5") else keras.Model.save
        save(model, out.with_name(f"{keras.config.backend()}-{file}"))
        pixels[file] = srzoo.Upscaler(srzoo.load(out.with_name(f"{keras.config.backend()}-{file}")), scale=1.5)(lr)
    upscaler = srzoo.Upscaler("edsr-baseline-x2")
    (score,) = evaluate(upscaler, "edsr", 2, folder).scores
    metrics = [srzoo.metrics.PSNRY(shave=2), srzoo.metrics.SSIMY(shave=2)]
    compact = srzoo.load(folder / "compact.weights.h5")
    compact.compile(keras.optimizers.SGD(1e-3), loss=srzoo.losses.charbonnier, metrics=metrics)
    fitted = compact.fit(srzoo.data.pairs(folder / "photos", 2, 32, 2), steps_per_epoch=2, verbose=0).history
    refused = [refusal(lambda: PixelStep(model, l1)), refusal(lambda: check_request("onnx", "float32", *[None] * 4))]
    told = {name: value for name, value in score.figures.items() if "seconds" not in name}
    told |= {name: float(values[-1]) for name, values in fitted.items()}
    np.savez(out, told=json.dumps({"figures": told, "refused": refused}), **pixels)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
