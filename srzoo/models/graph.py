"""Networks as plain data, layer by layer in Keras's words: Keras builds them, and OpenVINO without Keras.

A model's file draws its network with the functions below, whose results are layers and are given to the next ones.
`srzoo.models.keras_graph` makes a Keras model of it, and reads the graph of any Keras model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

UNIFORM = {"class_name": "VarianceScaling", "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}}
"""How kernels start, as in PyTorch, where the published networks were trained: variance 1 / (3 fan_in).

It is a third of Glorot's variance, which keeps the sum over many residual blocks without batch normalisation small.
"""

SLOPE = {"class_name": "Constant", "config": {"value": 0.25}}
"""How the slopes of a PReLU start."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer and, as in Keras, what it gives.

    Attributes:
        kind: its class in Keras; of a class that is neither Keras's nor srzoo's, with the module.
        name: of the layer.
        inputs: the layers whose outputs it is given.
        channels: of its output.
        size_ratio: a side of its output divided by that of LR.
        options: arguments of the class by name, or a Keras layer's attributes.
    """

    kind: str
    name: str
    inputs: tuple["Layer", ...] = field(repr=False)
    channels: int
    size_ratio: float
    options: Mapping[str, Any] = field(default_factory=dict)

    def get(self, option: str, default: Any = None) -> Any:
        return self.options.get(option, default)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of its weights, in Keras's order; only for layers that this module draws."""
        given = sum(each.channels for each in self.inputs)
        bias = [(self.channels,)] if self.get("use_bias") else []
        return {
            "Conv2D": [(*self.get("kernel_size", ()), given, self.channels), *bias],
            "BatchNormalization": 4 * [(given,)],
            "PReLU": [(1, 1, given)],
        }.get(self.kind, [])


@dataclass(frozen=True)
class Graph:
    """A network: its full name, the layer that it is given LR at, and the one whose output is SR."""

    name: str
    pixels: Layer
    output: Layer

    @cached_property
    def layers(self) -> list[Layer]:
        """All layers that lead to the output, each after those that it is given."""
        found: dict[Layer, None] = {}
        waiting = [self.output]
        while waiting:
            missing = [each for each in waiting[-1].inputs if each not in found]
            if missing:
                waiting += missing
            else:
                found[waiting.pop()] = None
        return list(found)


def pixels() -> Layer:
    """LR: RGB in [0, 255], float32 (N, H, W, 3)."""
    options = {"shape": (None, None, 3), "dtype": "float32"}
    return Layer("InputLayer", "lr", (), 3, 1.0, options)


def _after(kind: str, x: Layer | Sequence[Layer], name: str, channels: int = 0, ratio: float = 1, **options) -> Layer:
    """With the channels of the first input, if no others are given; `ratio` is that of its sides to the first one's."""
    given = (x,) if isinstance(x, Layer) else tuple(x)
    return Layer(kind, name, given, channels or given[0].channels, given[0].size_ratio * ratio, options)


def rescaling(x: Layer, scale: float, name: str, offset: float | Sequence[float] = 0.0, **options) -> Layer:
    """x * scale + offset, the offset maybe one a channel."""
    # A list, as Keras reads it from a file.
    offset = list(offset) if isinstance(offset, Sequence) else offset
    return _after("Rescaling", x, name, scale=scale, offset=offset, **options)


def conv(x: Layer, filters: int, kernel_size: int, name: str, activation: str = "linear", **options) -> Layer:
    """A convolution that keeps the picture's size.

    Args:
        x: what it is given.
        filters: channels of what it gives.
        kernel_size: pixels a side.
        name: the layer's name.
        activation: by Keras's name.
        options: others of `keras.layers.Conv2D`.
    """
    size, usual = (kernel_size, kernel_size), {"use_bias": True, "kernel_initializer": UNIFORM}
    options = {"padding": "same", "activation": activation, **usual, **options}
    return _after("Conv2D", x, name, filters, filters=filters, kernel_size=size, **options)


def batch_norm(x: Layer, name: str) -> Layer:
    """Batch normalisation with the momentum and the epsilon that SRResNet's reproductions use."""
    return _after("BatchNormalization", x, name, momentum=0.9, epsilon=1e-5)


def prelu(x: Layer, name: str) -> Layer:
    """PReLU with one slope a channel, so that the network takes pictures of any size."""
    return _after("PReLU", x, name, alpha_initializer=SLOPE, shared_axes=(1, 2))


def add(inputs: Sequence[Layer], name: str, **options) -> Layer:
    """The sum of some of one shape."""
    return _after("Add", inputs, name, **options)


def concatenate(inputs: Sequence[Layer], name: str) -> Layer:
    """The channels of all."""
    return _after("Concatenate", inputs, name, sum(each.channels for each in inputs))


def repeat(x: Layer, factor: int, name: str, **options) -> Layer:
    """Enlarges by repeating pixels."""
    size = (factor, factor)
    return _after("UpSampling2D", x, name, 0, factor, size=size, interpolation="nearest", **options)


def pixel_shuffle(x: Layer, factor: int, name: str) -> Layer:
    """Moves channels into space: (N, H, W, C factor^2) -> (N, H factor, W factor, C).

    Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", section 2.2 (arXiv 1609.05158). The order of channels is
    TensorFlow's: sub-pixel row, sub-pixel column, channel.
    """
    return _after("DepthToSpace", x, name, x.channels // factor**2, factor, block_size=factor)


def pixel_unshuffle(x: Layer, factor: int, name: str) -> Layer:
    """Moves space into channels; what is missing to a multiple of the factor is mirrored, as in Real-ESRGAN."""
    return _after("PixelUnshuffle", x, name, x.channels * factor**2, 1 / factor, factor=factor)


def crop_to(sr: Layer, lr: Layer, scale: int, name: str, **options) -> Layer:
    """SR at `scale` times the size of LR."""
    return _after("CropTo", (sr, lr), name, scale=scale, **options)


STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""The factors of the pixel-shuffle stages that make up each scale."""


def upsampling_stages(scale: int) -> tuple[int, ...]:
    """The factors of the pixel-shuffle stages for a scale; raises ValueError for one that has none."""
    if scale not in STAGES:
        raise ValueError(f"scale must be one of {sorted(STAGES)}, got {scale!r}")
    return STAGES[scale]
