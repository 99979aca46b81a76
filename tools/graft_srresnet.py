"""Starts SRResNet from a trained EDSR-baseline, so that it gives nearly the same pictures before it is trained.

    python tools/graft_srresnet.py photographs/ start.weights.h5 --model edsr-baseline-x4

Both have sixteen residual blocks of the same convolutions. What SRResNet has besides begins as no change: a batch
normalisation with the mean and the deviation that its input has on crops of the photographs, a PReLU with slope 0
in a block (EDSR's ReLU) and 1 elsewhere, a 9x9 kernel with EDSR's 3x3 in its middle. The closing tanh is undone before
it: EDSR's tail needs 27 of the last 64 channels, and of the others 36 become hinges, whose sum bends the picture the
other way. Go on with `python train.py ... --model srresnet --init-weights start.weights.h5`.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import srzoo
from srzoo import bicubic
from srzoo.cli import run
from srzoo.images import image_files
from srzoo.models.edsr import DIV2K_MEAN
from srzoo.models.geometry import scale_of
from srzoo.pictures.reading import read_image
from srzoo.zoo import save_weights

CROPS, LR_SIDE = 128, 24

SLOPE = 1.034
HINGES = np.array([0.3579, 0.5854, 0.7466, 0.8634, 0.9384, 0.9872])
BENDS = np.array([0.262, 0.515, 1.057, 2.497, 8.776, 85.69])
"""The inverse of tanh in straight pieces: its slope at 0, and where and by how much it bends on both sides of 0.

After tanh it is within 0.53 grey levels, and within 0.19 of white and of black. A random search for the smallest
largest error found these, with the last grey level weighed three times: a sky is often white.
"""


def graft(edsr: keras.Model, srresnet: keras.Model, lr: np.ndarray) -> None:
    """Copies the filters of `edsr` into `srresnet`; `lr`, (N, H, W, 3) in [0, 255], sets what is fitted."""
    filters = {layer.name: [value.numpy() for value in layer.weights] for layer in edsr.layers if layer.weights}
    shift = 0.5 - np.array(DIV2K_MEAN) / 255
    kernel, bias = filters["head"]
    # EDSR takes pixels / 255 less a mean, SRResNet pixels / 127.5 - 1.
    filters["head"] = [_padded(kernel / 2), bias + np.einsum("hwio,i->o", kernel, shift)]
    last, slopes = _bend_tail(edsr, filters, lr)

    for layer in srresnet.layers:
        if isinstance(layer, keras.layers.PReLU):
            slope = np.full(layer.weights[0].shape, 0.0 if layer.name.startswith("block") else 1.0)
            layer.set_weights([slopes.reshape(slope.shape) if layer.name == last else slope])
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


def _bend_tail(edsr: keras.Model, filters: dict[str, list[np.ndarray]], lr: np.ndarray) -> tuple[str, np.ndarray]:
    """Replaces the last stage's and the tail's filters by some that undo tanh; returns a PReLU's name and its slopes.

    EDSR's closing 3x3 convolution is 27 sums over the last channels, one for each of its taps and colours, so that
    27 channels hold all it needs. The others, 12 a colour, are the colour itself less a threshold, rectified: what a
    convolution of the stage before can tell of it, by least squares.
    """
    number = max(int(name[8]) for name in filters if name.startswith("upsample"))
    name = f"upsample{number}"
    kernel, bias = filters[f"{name}_conv"]
    channels = kernel.shape[2]
    factor = round((kernel.shape[3] / channels) ** 0.5)
    # From y = pixels / 255 less a mean to t in [-1, 1].
    tail, offset = 2 * filters["tail"][0], 2 * filters["tail"][1] + 2 * np.array(DIV2K_MEAN) / 255 - 1

    given = edsr.get_layer(f"{name}_conv").input
    colours = keras.ops.subtract(edsr.output / 127.5, 1.0)
    before, targets = keras.Model(edsr.input, [given, colours]).predict(lr, verbose=0)
    direct, direct_bias = _direct(before, targets, factor)

    taps = tail.reshape(9, channels, 3).transpose(1, 0, 2).reshape(channels, 27)
    thresholds = np.concatenate([-HINGES, -HINGES])
    signs = np.repeat([1.0, -1.0], len(HINGES))
    by_place = kernel.reshape(3, 3, channels, factor, factor, channels) @ taps
    bent = np.einsum("hwiabk,j->hwiabkj", direct, signs).reshape(*direct.shape[:5], -1)
    bent_bias = (np.einsum("abk,j->abkj", direct_bias, signs) + thresholds).reshape(factor, factor, -1)
    spare = channels - 27 - bent.shape[-1]
    filters[f"{name}_conv"] = [
        np.concatenate([by_place, bent, np.zeros((*bent.shape[:5], spare))], -1).reshape(3, 3, channels, -1),
        np.concatenate(
            [bias.reshape(factor, factor, channels) @ taps, bent_bias, np.zeros((factor, factor, spare))], -1
        ).reshape(-1),
    ]
    new = np.zeros((3, 3, channels, 3))
    bends = np.concatenate([BENDS, -BENDS])
    for colour in range(3):
        for tap in range(9):
            new[tap // 3, tap % 3, 3 * tap + colour, colour] = SLOPE
        start = 27 + colour * len(bends)
        new[1, 1, start : start + len(bends), colour] = bends
    filters["tail"] = [_padded(new), SLOPE * offset]
    return f"{name}_prelu", np.where(np.arange(channels) < 27, 1.0, 0.0)


def _direct(before: np.ndarray, targets: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """The 3x3 convolution from (N, H, W, C) to the colours of each of the `factor` x `factor` pixels that fits best."""
    n, height, width, channels = before.shape
    patches = np.lib.stride_tricks.sliding_window_view(before, (3, 3), (1, 2))
    patches = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 9 * channels)
    places = targets.reshape(n, height, factor, width, factor, 3).transpose(0, 1, 3, 2, 4, 5)[:, 1:-1, 1:-1]
    wanted = places.reshape(len(patches), -1)
    patches = np.concatenate([patches, np.ones((len(patches), 1), patches.dtype)], 1).astype(np.float64)
    weights = np.linalg.solve(patches.T @ patches + 1e-6 * np.eye(patches.shape[1]), patches.T @ wanted)
    error = np.abs(patches @ weights - wanted).mean() * 127.5
    print(f"the colours that the hinges see are {error:.2f} grey levels off")
    return weights[:-1].reshape(3, 3, channels, factor, factor, 3), weights[-1].reshape(factor, factor, 3)


def _padded(kernel: np.ndarray) -> np.ndarray:
    return np.pad(kernel, [(3, 3), (3, 3), (0, 0), (0, 0)])


def _crops(folder: Path, scale: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    side, crops = LR_SIDE * scale, []
    for file in generator.permutation(np.array(image_files(folder)))[:CROPS]:
        picture = read_image(file)
        if min(picture.shape[:2]) < side:
            continue
        top, left = (generator.integers(length - side + 1) for length in picture.shape[:2])
        crops.append(bicubic.downscale(picture[top : top + side, left : left + side], scale))
    if not crops:
        raise ValueError(f"{folder} has no picture of at least {side}x{side} pixels; give a folder of photographs")
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
    print(f"{options.output}: {difference.mean():.2f} grey levels off {edsr.name} on average")


if __name__ == "__main__":
    run(main)
