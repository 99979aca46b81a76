"""Milliseconds a training step beside PyTorch: EDSR-baseline on L1, and GAN training of EDSR-GAN, in float32.

Both do the whole step: crops of uint8 to floats, forward, backward, Adam. srzoo also keeps the average of the weights
and measures the gradient's norm, which is counted.
"""

import importlib.util
from collections.abc import Callable
from statistics import median

import numpy as np
import tensorflow as tf

from benchmarks.common import Row, in_turns, ratio, threads
from srzoo import zoo
from srzoo.losses import ADVERSARIAL_LOSSES, l1
from srzoo.models.discriminator import FILTERS, discriminator
from srzoo.training.steps import AdversarialStep, PixelStep
from srzoo.winograd.step import WinogradStep

BATCH, ROUNDS = 4, 3


def rows() -> tuple[list[Row], list[str]]:
    """Measures; also gives notes."""
    has_torch = importlib.util.find_spec("torch") is not None
    found: list[Row] = []
    for name, ours, theirs in (
        ("EDSR-baseline, L1", _pixel_steps, _torch_pixel_step),
        ("EDSR-GAN, L1 and discriminator", _gan, _torch_gan),
    ):
        side = 192 if ours is _pixel_steps else 96
        random = np.random.default_rng(0)
        lr = random.integers(0, 256, (BATCH, side // 4, side // 4, 3), np.uint8)
        hr = random.integers(0, 256, (BATCH, side, side, 3), np.uint8)
        candidates = {engine: _called(step, lr, hr) for engine, step in ours().items()}
        if has_torch:
            candidates["PyTorch"] = theirs(lr, hr)
        taken = in_turns(candidates, ROUNDS)
        section = f"training step, {name}, HR patch {side}, batch {BATCH}, float32"
        for runtime, seconds in taken.items():
            times = None if runtime == "srzoo" else ratio(seconds, taken["srzoo"])
            found.append(Row(section, runtime, 1000 * median(seconds), "ms", times))
    return found, [] if has_torch else ["PyTorch is not installed, so training has no peer."]


def _pixel_steps() -> dict[str, PixelStep]:
    """The engine of `train.py` on a processor, and the one that it takes where that does not fit."""
    return {
        "srzoo": WinogradStep(zoo.create("edsr-baseline"), l1),
        "srzoo, --engine tensorflow": PixelStep(zoo.create("edsr-baseline"), l1),
    }


def _gan() -> dict[str, AdversarialStep]:
    networks = zoo.create("edsr-gan"), discriminator()
    return {"srzoo": AdversarialStep(*networks, ADVERSARIAL_LOSSES["vanilla"], 1e-3, {"pixel": (1.0, l1)})}


def _called(step, lr: np.ndarray, hr: np.ndarray) -> Callable:
    lr, hr, rate = tf.constant(lr), tf.constant(hr), tf.constant(1e-4)
    return lambda: float(step(lr, hr, rate)["loss"])


def _torch_pixel_step(lr: np.ndarray, hr: np.ndarray) -> Callable:
    import torch
    from torch.nn import functional

    model, optimizer = _torch_generator()
    lr, hr = _to_torch(lr), _to_torch(hr)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = functional.l1_loss(model(lr.to(torch.float32)), hr.to(torch.float32))
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def _torch_gan(lr: np.ndarray, hr: np.ndarray) -> Callable:
    """The steps of most trainers: the discriminator sees detached pictures, then once more the generator's."""
    import torch
    from torch.nn import functional

    model, optimizer = _torch_generator()
    opponent = _torch_discriminator().to(memory_format=torch.channels_last)
    other = torch.optim.Adam(opponent.parameters(), 1e-4)
    lr, hr = _to_torch(lr), _to_torch(hr)

    def step() -> float:
        real_pixels = hr.to(torch.float32)
        sr = model(lr.to(torch.float32))
        opponent.requires_grad_(False)
        loss = functional.l1_loss(sr, real_pixels) + 1e-3 * functional.softplus(-opponent(sr)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        opponent.requires_grad_(True)
        real, fake = opponent(real_pixels), opponent(sr.detach())
        judged = functional.softplus(-real).mean() + functional.softplus(fake).mean()
        other.zero_grad(set_to_none=True)
        judged.backward()
        other.step()
        return float(loss)

    return step


def _torch_generator():
    import torch

    from benchmarks.torch_networks import Network

    torch.set_num_threads(threads())
    model = Network("edsr").to(memory_format=torch.channels_last)
    return model, torch.optim.Adam(model.parameters(), 1e-4)


def _torch_discriminator():
    from torch import nn

    stages, before = [], 3
    for i, filters in enumerate(FILTERS, start=1):
        stages.append(nn.Conv2d(before, filters, 3, stride=2 - i % 2, padding=1, bias=i == 1))
        stages += [] if i == 1 else [nn.BatchNorm2d(filters)]
        stages.append(nn.LeakyReLU(0.2))
        before = filters
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1)]
    return nn.Sequential(*stages, *head)


def _to_torch(pixels: np.ndarray):
    import torch

    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
