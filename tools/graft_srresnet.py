"""Starts SRResNet from a trained EDSR-baseline: both have sixteen residual blocks of the same convolutions.

    PYTHONPATH=. python tools/graft_srresnet.py photographs/ start.weights.h5 --model edsr-baseline-x4

Every layer that EDSR lacks begins as (nearly) no change: a batch normalisation with the mean and the deviation that its
input has on crops of the photographs, a PReLU with slope 0 in a block (EDSR's ReLU) and 1 elsewhere, a 9x9 kernel
with EDSR's 3x3 in its middle. Only the closing tanh bends the result, which training straightens:
`python train.py ... --model srresnet --init-weights start.weights.h5`.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import srzoo
from srzoo import bicubic
from srzoo.images import image_files, read_image
from srzoo.models.edsr import DIV2K_MEAN
from srzoo.models.geometry import scale_of
from srzoo.zoo import save_weights

CROPS, LR_SIDE = 64, 24


def graft(edsr: keras.Model, srresnet: keras.Model, lr: np.ndarray) -> None:
    """Copies the filters of `edsr` into `srresnet`; `lr`, (N, H, W, 3) in [0, 255], sets the normalisations."""
    filters = {layer.name: [value.numpy() for value in layer.weights] for layer in edsr.layers if layer.weights}
    shift = 0.5 - np.array(DIV2K_MEAN) / 255
    kernel, bias = filters["head"]
    # EDSR takes pixels / 255 less a mean, SRResNet pixels / 127.5 - 1.
    filters["head"] = [_padded(kernel / 2, 9), bias + np.einsum("hwio,i->o", kernel, shift)]
    kernel, bias = filters["tail"]
    filters["tail"] = [_padded(2 * kernel, 9), 2 * bias - 2 * shift]

    for layer in srresnet.layers:
        if isinstance(layer, keras.layers.PReLU):
            layer.set_weights([np.full(layer.weights[0].shape, 0.0 if layer.name.startswith("block") else 1.0)])
        elif isinstance(layer, keras.layers.BatchNormalization):
            bias = filters[layer.name.replace("bn", "conv") if "block" in layer.name else "body"][1]
            ones = np.ones_like(bias)
            layer.set_weights([ones, bias, 0 * ones, ones - layer.epsilon])
        elif layer.weights:
            layer.set_weights(filters[layer.name][: len(layer.weights)])

    norms = [layer for layer in srresnet.layers if isinstance(layer, keras.layers.BatchNormalization)]
    inputs = keras.Model(srresnet.input, [layer.input for layer in norms]).predict(lr, verbose=0)
    for layer, values in zip(norms, inputs, strict=True):
        mean, variance = values.mean((0, 1, 2)), values.var((0, 1, 2))
        _, bias, _, _ = layer.get_weights()
        layer.set_weights([np.sqrt(variance + layer.epsilon), mean + bias, mean, variance])


def _padded(kernel: np.ndarray, side: int) -> np.ndarray:
    margin = (side - kernel.shape[0]) // 2
    return np.pad(kernel, [(margin, margin), (margin, margin), (0, 0), (0, 0)])


def _crops(folder: Path, scale: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    side, crops = LR_SIDE * scale, []
    for file in generator.permutation(np.array(image_files(folder)))[:CROPS]:
        picture = read_image(file)
        top, left = (generator.integers(length - side + 1) for length in picture.shape[:2])
        crops.append(bicubic.downscale(picture[top : top + side, left : left + side], scale))
    return np.stack(crops).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description="Starts SRResNet from a trained EDSR-baseline.")
    parser.add_argument("photographs", type=Path, help="a folder of pictures, for the normalisations' statistics")
    parser.add_argument("output", type=Path, help="a .weights.h5 to write")
    parser.add_argument("--model", default="edsr-baseline-x4", help="EDSR-baseline, or a file of its weights")
    options = parser.parse_args()
    edsr = srzoo.load(options.model)
    scale = scale_of(edsr)
    srresnet = srzoo.create("srresnet", scale=scale)
    lr = _crops(options.photographs, scale)
    graft(edsr, srresnet, lr)
    save_weights(srresnet, options.output)
    difference = np.abs(edsr.predict(lr, verbose=0).clip(0, 255) - srresnet.predict(lr, verbose=0))
    print(f"{options.output}: {difference.mean():.2f} grey levels off EDSR on average, by the tanh")


if __name__ == "__main__":
    main()
