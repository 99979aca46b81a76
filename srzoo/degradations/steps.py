"""The steps that presets are made of: each draws what it does from ranges, and does it.

All take float32 pixels of shape (height, width, 3) in [0, 255], the height and width of LR, and a generator.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from srzoo.degradations import kernels, operations
from srzoo.images import check_pixels, to_uint8

Range = tuple[float, float]
"""From, to: numbers between them are equally likely."""

RESIZE_METHODS = ("area", "bilinear", "bicubic")


@dataclass(frozen=True)
class Kernels:
    """A kind of Gaussian kernel, see `srzoo.degradations.kernels.gaussian`.

    Attributes:
        sigma: standard deviation in pixels; drawn for each axis where it is not isotropic.
        isotropic: the same in all directions.
        beta: exponent; half of the kernels have one below 1, as far as the range has.
        plateau: whether the kernel is a plateau.
    """

    sigma: Range
    isotropic: bool
    beta: Range = (1.0, 1.0)
    plateau: bool = False

    def draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        sigma = rng.uniform(*self.sigma, size=2)
        angle = rng.uniform(0, np.pi)
        low, high = self.beta
        beta = rng.uniform(low, 1.0) if rng.random() < 0.5 else rng.uniform(1.0, high)
        if self.isotropic:
            sigma[1] = sigma[0]
        return kernels.gaussian(size, tuple(sigma), angle, beta, self.plateau)


@dataclass(frozen=True)
class Sincs:
    """Sinc filters.

    Attributes:
        cutoff: highest frequency that passes, as a share of pi.
        cutoff_of_large: the same for kernels of 13 pixels and more.
    """

    cutoff: Range = (1 / 3, 1.0)
    cutoff_of_large: Range = (1 / 3, 1.0)

    def draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        return kernels.sinc(size, np.pi * rng.uniform(*(self.cutoff if size < 13 else self.cutoff_of_large)))


@dataclass(frozen=True)
class Blur:
    """A convolution with a kernel of one of several kinds.

    Attributes:
        kinds: kind of kernel -> its share.
        sizes: pixels a side, odd, all equally likely.
        probability: probability of any blur.
    """

    kinds: Mapping[Kernels | Sincs, float]
    sizes: tuple[int, ...]
    probability: float = 1.0

    def __call__(self, pixels: np.ndarray, lr_shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.probability:
            return pixels
        kind = tuple(self.kinds)[rng.choice(len(self.kinds), p=tuple(self.kinds.values()))]
        kernel = kind.draw(int(rng.choice(self.sizes)), rng)
        return np.clip(operations.blur(pixels, kernel), 0, 255)


@dataclass(frozen=True)
class Resize:
    """Resizes to another size, by a method of `RESIZE_METHODS`.

    Attributes:
        factors: range of the factor on both sides -> its share.
        of_lr: the factor is on LR's size, not on the present one.
        divide: the sides are divided by the factor, not multiplied.
    """

    factors: Mapping[Range, float]
    of_lr: bool = False
    divide: bool = False

    def __call__(self, pixels: np.ndarray, lr_shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        factor = rng.uniform(*tuple(self.factors)[rng.choice(len(self.factors), p=tuple(self.factors.values()))])
        method = str(rng.choice(RESIZE_METHODS))
        sides = np.array(lr_shape if self.of_lr else pixels.shape[:2]) * (1 / factor if self.divide else factor)
        height, width = np.maximum(sides.astype(int), 1)
        return np.clip(operations.resize(pixels, (height, width), method), 0, 255)


@dataclass(frozen=True)
class ToLr:
    """Resizes to LR's size, by one of the methods of `srzoo.degradations.operations.resize`."""

    methods: tuple[str, ...] = RESIZE_METHODS

    def __call__(self, pixels: np.ndarray, lr_shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        return np.clip(operations.resize(pixels, lr_shape, str(rng.choice(self.methods))), 0, 255)


@dataclass(frozen=True)
class Noise:
    """Gaussian noise, or else Poisson noise.

    Attributes:
        sigma: sigma of Gaussian noise, in grey levels.
        poisson: factor on Poisson noise; None: all noise is Gaussian.
        gaussian: its share, where there is Poisson noise.
        grey: share of noise that is the same in all channels.
        correlated: share of Gaussian noise that is correlated between channels.
    """

    sigma: Range
    poisson: Range | None = None
    gaussian: float = 0.5
    grey: float = 0.4
    correlated: float = 0.0

    def __call__(self, pixels: np.ndarray, lr_shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        kind = rng.random()
        if self.poisson and rng.random() >= self.gaussian:
            return operations.poisson_noise(pixels, rng.uniform(*self.poisson), rng, kind < self.grey)
        correlated = kind >= 1 - self.correlated
        return operations.gaussian_noise(pixels, rng.uniform(*self.sigma), rng, kind < self.grey, correlated)


@dataclass(frozen=True)
class Jpeg:
    """JPEG of a quality in a range, both ends included."""

    quality: tuple[int, int]
    probability: float = 1.0

    def __call__(self, pixels: np.ndarray, lr_shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.probability:
            return pixels
        return operations.jpeg(pixels, int(rng.integers(*self.quality, endpoint=True)))


@dataclass(frozen=True)
class Chain:
    """Steps one after the other."""

    steps: tuple["Step", ...]

    def __call__(self, pixels: np.ndarray, lr_shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        for step in self.steps:
            pixels = step(pixels, lr_shape, rng)
        return pixels


@dataclass(frozen=True)
class Shuffled:
    """Steps in any order, but that `ToLr` comes after `Resize`."""

    steps: tuple["Step", ...]

    def __call__(self, pixels: np.ndarray, lr_shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        order = [self.steps[i] for i in rng.permutation(len(self.steps))]
        sized = [i for i, step in enumerate(order) if isinstance(step, Resize | ToLr)]
        for i, step in zip(sized, sorted((order[i] for i in sized), key=lambda step: isinstance(step, ToLr))):
            order[i] = step
        return Chain(tuple(order))(pixels, lr_shape, rng)


@dataclass(frozen=True)
class OneOf:
    """One of several ways from HR to LR.

    Attributes:
        ways: how often each is taken, and what it does.
    """

    ways: tuple[tuple[float, "Step"], ...]

    def __call__(self, pixels: np.ndarray, lr_shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        _, way = self.ways[rng.choice(len(self.ways), p=[share for share, _ in self.ways])]
        return way(pixels, lr_shape, rng)


Step = Blur | Resize | ToLr | Noise | Jpeg | Chain | Shuffled | OneOf


def degrade(hr: np.ndarray, scale: int, steps: Step, rng: np.random.Generator) -> np.ndarray:
    """Makes LR of HR.

    Args:
        hr: uint8 of shape (scale h, scale w, 3).
        scale: HR pixels per LR pixel.
        steps: steps of a preset, see `srzoo.degradations.presets`.
        rng: draws all that is left to chance; the same state gives the same LR.

    Returns:
        uint8 of shape (h, w, 3).

    Raises:
        ValueError: if HR is no such array, or its sides are no multiples of the scale.
    """
    check_pixels(hr, "HR")
    height, width = hr.shape[:2]
    if height % scale or width % scale:
        raise ValueError(f"the sides of HR must be multiples of {scale}, got {height}x{width}; crop it first")
    return to_uint8(steps(hr.astype(np.float32), (height // scale, width // scale), rng))
