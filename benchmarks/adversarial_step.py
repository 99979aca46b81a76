"""What GAN training costs: its step beside the same step with the discriminator and VGG left out.

    python -m benchmarks.adversarial_step [--model edsr-gan] [--patch 96] [--batch 8] [--rounds 5]

The steps run in turns in one process, on random crops; VGG19 (to vgg54) and the discriminator have random weights,
which cost as much as trained ones. Medians over the rounds, in milliseconds and as ratios to the step on pixels.
"""

import argparse
import os
import platform
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.common import in_turns
from srzoo import zoo
from srzoo.losses import ADVERSARIAL_LOSSES, ContentLoss, l1
from srzoo.models.discriminator import discriminator
from srzoo.models.registry import GAN_TRAINED, parse_known
from srzoo.training.precision import POLICIES, choose_precision
from srzoo.training.steps import AdversarialStep, PixelStep


def steps_of(model: str) -> dict[str, Callable]:
    """Name -> step, the cheapest first."""

    def step_of(terms: dict, loss: str = "vanilla") -> AdversarialStep:
        norm = ADVERSARIAL_LOSSES[loss].norm
        return AdversarialStep(zoo.create(model), discriminator(norm=norm), ADVERSARIAL_LOSSES[loss], 1e-3, terms)

    with TemporaryDirectory() as folder:
        vgg = Path(folder) / "vgg19.weights.h5"
        keras.applications.VGG19(include_top=False, weights=None).save_weights(vgg)
        content = {"content": (1.0, ContentLoss({"vgg54": 1.0}, vgg, "keras"))}
    pixel = {"pixel": (1.0, l1)}
    return {
        "pixels alone": PixelStep(zoo.create(model), l1),
        "and the discriminator": step_of(pixel),
        "and VGG19": step_of(pixel | content),
        "the same, Wasserstein with gradient penalty": step_of(pixel | content, "wasserstein"),
    }


def measure(model: str, patch: int, batch: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each step in each round."""
    steps = steps_of(model)
    random = np.random.default_rng(0)
    scale = parse_known(model).scale
    lr = tf.constant(random.integers(0, 256, (batch, patch // scale, patch // scale, 3)), tf.uint8)
    hr = tf.constant(random.integers(0, 256, (batch, patch, patch, 3)), tf.uint8)
    # The first call, which traces, is not among those that are counted.
    taken = in_turns(
        {name: lambda step=step: float(step(lr, hr, tf.constant(1e-6))["loss"]) for name, step in steps.items()}, rounds
    )
    return {name: [1000 * seconds for seconds in each] for name, each in taken.items()}


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", default="edsr-gan", choices=GAN_TRAINED)
    ap.add_argument("--patch", type=int, default=96, help="HR pixels a side (default: 96)")
    ap.add_argument("--batch", type=int, default=8)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--precision", default="auto", choices=("auto", *POLICIES))
    args = ap.parse_args()

    precision = choose_precision(args.precision)
    keras.config.set_dtype_policy(POLICIES[precision])
    times = measure(args.model, args.patch, args.batch, args.rounds)
    devices = tf.config.list_physical_devices("GPU") or [f"{os.cpu_count()} processor cores, {platform.processor()}"]
    what = f"{args.model}, HR patch {args.patch}, batch {args.batch}, {precision}"
    print(f"{what}; TensorFlow {tf.__version__}, {devices}\n")
    print("| step on | ms | ratio |\n| --- | ---: | ---: |")
    base = median(times["pixels alone"])
    for name, taken in times.items():
        print(f"| {name} | {median(taken):.0f} | {median(taken) / base:.2f} |")


if __name__ == "__main__":
    main()
