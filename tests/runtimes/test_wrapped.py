"""Networks around networks."""

import threading

import numpy as np
import pytest

from srzoo.runtimes.network import Network
from srzoo.runtimes.wrapped import interruptible, mixed, self_ensemble
from srzoo.upscaling import Upscaler

LR = np.random.default_rng(0).integers(0, 256, (1, 5, 7, 3)).astype(np.float32)


def network(run):
    return Network("any-x2", 2, 1, 100, run)


def repeat(pixels):
    return pixels.repeat(2, axis=1).repeat(2, axis=2)


def test_of_a_network_that_does_not_mind_turns_the_ensemble_is_the_network():
    np.testing.assert_allclose(self_ensemble(network(repeat)).run(LR), repeat(LR), rtol=1e-6)


def test_the_ensemble_is_the_mean_over_eight_flips_and_turns():
    seen = []

    def lopsided(pixels):
        """Adds to the first column."""
        seen.append(pixels.copy())
        result = repeat(pixels)
        result[:, :, 0] += 8
        return result

    result = self_ensemble(network(lopsided)).run(LR)
    assert len({each.tobytes() for each in seen}) == 8
    added = result - repeat(LR)
    assert np.allclose(added[0, 1:-1, 0], 2) and np.allclose(added[0, 0, 0], 4) and np.allclose(added[0, 1:-1, 1:-1], 0)
    # Its turns are turned back: a picture that is turned gives the turned result.
    turned = self_ensemble(network(lopsided)).run(np.rot90(LR, 1, (1, 2)))
    np.testing.assert_allclose(turned, np.rot90(result, 1, (1, 2)), rtol=1e-6)


def test_an_upscaler_takes_the_ensemble_and_tiles_it_alike():
    def smooth(pixels):
        padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return repeat(padded[:, 1:-1, 1:-1] / 2 + padded[:, :-2, 1:-1] / 2)

    picture = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
    whole = Upscaler(network(smooth), self_ensemble=True)(picture)
    tiles = Upscaler(network(smooth), memory=40_000, self_ensemble=True)(picture)
    assert np.abs(whole.astype(int) - tiles).max() <= 1
    np.testing.assert_allclose(whole, Upscaler(network(smooth), self_ensemble=True)(picture[::-1])[::-1], atol=1)


def test_while_a_network_computes_the_clock_ticks_and_its_errors_pass():
    ticked = threading.Event()
    until_ticked = interruptible(network(lambda pixels: repeat(pixels) if ticked.wait() else None), ticked.set)
    np.testing.assert_array_equal(until_ticked.run(LR), repeat(LR))

    def failing(pixels):
        raise MemoryError("no memory")

    with pytest.raises(MemoryError, match="no memory"):
        interruptible(network(failing), lambda: None).run(LR)


def of_value(value, halo, alignment=1):
    return Network(
        "flat", 2, halo, 100, lambda pixels: np.full((1, 2 * pixels.shape[1], 2 * pixels.shape[2], 3), value), alignment
    )


def test_pixels_are_mixed_and_tiles_suit_both():
    network = mixed(of_value(10.0, 3, 2), of_value(50.0, 7, 3), 0.25)
    assert network.run(np.zeros((1, 4, 4, 3), np.float32)).mean() == 20
    assert (network.name, network.halo, network.alignment) == ("flat and flat", 7, 6)
    assert mixed(of_value(0, None), of_value(0, 7), 0.5).halo is None
