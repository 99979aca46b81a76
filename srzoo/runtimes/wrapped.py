"""Networks around networks: the mean of eight passes, a mixture of two, and one that can be interrupted."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from srzoo.pictures.waiting import awaited
from srzoo.runtimes.network import Network


def self_ensemble(network: Network) -> Network:
    """The geometric self-ensemble of EDSR (arXiv 1707.02921, section 4.3): the mean over eight flips and turns.

    It takes eight times as long. Where tiles have to be aligned (RRDB at x1 and x2) and the picture's sides are no
    multiples of that, tiles are only nearly equal to the whole.
    """

    def run(pixels: np.ndarray) -> np.ndarray:
        total: np.ndarray | float = 0.0
        for flip in (1, -1):
            for turns in range(4):
                turned = np.ascontiguousarray(np.rot90(pixels[:, :, ::flip], turns, (1, 2)))
                total = total + np.rot90(np.asarray(network.run(turned)), -turns, (1, 2))[:, :, ::flip]
        return np.asarray(total) / np.float32(8)

    # The sum and the result of one pass are held beside each other.
    memory = network.bytes_per_pixel + 2 * 12 * network.scale**2
    precise = network.precise
    in_float32 = precise and (lambda: self_ensemble(precise()))
    return replace(network, run=run, run_inside=None, bytes_per_pixel=memory, precise=in_float32)


def mixed(first: Network, second: Network, share: float) -> Network:
    """A network whose pixels are those of two networks of one scale, weighted by 1 - share and share.

    It is called as the second, and sees as far as the farther one.
    """

    def run(pixels: np.ndarray) -> np.ndarray:
        return (1 - share) * np.asarray(first.run(pixels)) + share * np.asarray(second.run(pixels))

    def precise() -> Network:
        one, other = (network.precise() if network.precise else network for network in (first, second))
        return replace(mixed(one, other, share), lock=second.lock)  # one of the two may be the same network

    return replace(
        second,
        name=f"{first.name} and {second.name}",
        halo=None if first.halo is None or second.halo is None else max(first.halo, second.halo),
        bytes_per_pixel=max(first.bytes_per_pixel, second.bytes_per_pixel) + 2 * 12 * second.scale**2,
        run=run,
        run_inside=None,
        alignment=math.lcm(first.alignment, second.alignment),
        precise=precise if first.precise or second.precise else None,
    )


def interruptible(network: Network, tick: Callable[[], object]) -> Network:
    """A network that Ctrl-C ends at once: runtimes do not look for it while they compute.

    Args:
        network, tick: see `srzoo.pictures.waiting.awaited`.
    """

    def watched(run: Callable, *given) -> np.ndarray:
        return awaited(partial(run, *given), tick)

    return network.wrapped_by(watched)
