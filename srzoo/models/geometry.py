"""Scale and reach of a network, from the model itself."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Union

from srzoo.models.graph import Graph, Layer

if TYPE_CHECKING:
    import keras

GraphOrModel = Union[Graph, "keras.Model"]

MOST_HALO = 64
"""Pixels around a tile, of the size at which the network begins to convolve: no more, however far it looks.

With 32 the greatest difference from the whole picture was 0.0001 grey levels for an RRDB of 23 blocks, briefly trained,
and for EDSR-baseline; with 16 it was 0.002 (`docs/performance.md`). More than 32 is for networks that learnt to look
farther. For RRDB's whole radius of 349 the smallest tile would take 2 GB; with 64 it takes 77 MB.
"""

_POINTWISE = (
    {"Identity", "Rescaling", "Dense", "Dropout", "SpatialDropout2D", "GaussianNoise", "CropTo"}
    | {"Activation", "ReLU", "LeakyReLU", "ELU", "PReLU"}
    | {"Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Sigmoid", "HardSigmoid", "HardSilu"}
    | {"Softplus", "Softsign", "Tanh", "Negative", "Abs", "Absolute", "Square", "Sqrt", "Exp", "Log", "Clip"}
    | {"Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Average", "Maximum", "Minimum"}
)
"""Layers and operations that compute each pixel by itself."""

_ALONG_CHANNELS = {"Concatenate", "BatchNormalization", "LayerNormalization", "Softmax", "LogSoftmax"}
"""Those that do so if their axis is that of the channels."""

_UNKNOWN = math.inf, Fraction(1)


@dataclass(frozen=True)
class _View:
    """Pixels that a pixel of a feature map depends on.

    Attributes:
        radius: LR pixels around it; infinite if it may be the whole picture.
        size_ratio: a side of the map divided by that of LR.
        alignment: LR pixels of which an LR picture's part must begin at a multiple to give a part of the map.
    """

    radius: Fraction | float
    size_ratio: Fraction = Fraction(1)
    alignment: int = 1


def graph_of(network: GraphOrModel) -> Graph:
    """The graph of a Keras model, or the one that is given."""
    if isinstance(network, Graph):
        return network
    from srzoo.models.keras_graph import from_keras

    return from_keras(network)


def scale_of(network: GraphOrModel) -> int:
    """The factor between the network's output and input sides.

    Raises:
        ValueError: if a Keras model does not map (N, H, W, 3) to (N, scale * H, scale * W, 3).
    """
    if isinstance(network, Graph):
        return round(network.output.size_ratio)
    given = (1, 16, 24, 3)  # which a network of one size only gives away
    shape = tuple(network.compute_output_shape(given))
    scale = shape[1] // given[1] if len(shape) == 4 and shape[1] else 0
    if shape != (1, given[1] * scale, given[2] * scale, 3):
        raise ValueError(
            f"expected a model from (N, H, W, 3) to (N, scale * H, scale * W, 3); it gives {shape} of {given}"
        )
    return scale


def radius_of(network: GraphOrModel) -> int | None:
    """LR pixels around a tile that the tile's output depends on: the radius of the receptive field.

    It is the longest path through the graph, each layer's radius divided by how much the image has grown before it: 36
    for EDSR-baseline, 40 for SRResNet, 68 for EDSR and 349 for RRDB at x4.

    Returns:
        None if the network must see the whole picture: it strides, pools over it or normalises by it, or has a layer
        of a kind whose reach is not known here.
    """
    radius = _view(network).radius
    return None if math.isinf(radius) else math.ceil(radius)


def halo_of(network: GraphOrModel) -> int | None:
    """LR pixels to put around a tile: the receptive field's radius up to `MOST_HALO`; None as of `radius_of`."""
    radius = radius_of(network)
    return None if radius is None else min(radius, MOST_HALO * alignment_of(network))


def alignment_of(network: GraphOrModel) -> int:
    """LR pixels of which tiles must begin at a multiple: the factor by which pixels are shuffled into channels."""
    return _view(network).alignment


def _view(network: GraphOrModel, start: Layer | None = None) -> _View:
    """Of the output; with a start, as if that were the picture."""
    graph = graph_of(network)
    views: dict[Layer, _View] = {start or graph.pixels: _View(Fraction(0))}
    for layer in graph.layers:
        # One that has none of its inputs stands before the start.
        given = [views[each] for each in layer.inputs if each in views]
        if given and layer not in views:
            views[layer] = _after(layer, given)
    return views[graph.output]


def _after(layer: Layer, given: list[_View]) -> _View:
    radius, factor = _reach(layer)
    before = given[0].size_ratio
    # The second input of `CropTo` tells a size alone.
    if any(each.size_ratio != before for each in given) and layer.kind != "CropTo":
        radius = math.inf
    size_ratio = before * factor
    return _View(
        max(each.radius for each in given) + radius / before,
        size_ratio,
        math.lcm(size_ratio.denominator, *(each.alignment for each in given)),
    )


def _reach(layer: Layer) -> tuple[Fraction | float, Fraction]:
    """Pixels of its input that a layer looks far, and the factor by which it enlarges.

    A list of known kinds, because a kind with too small a reach would give wrong pixels.
    """
    kind, one = layer.kind, (1, 1)
    if layer.get("data_format", "channels_last") == "channels_first":
        return _UNKNOWN
    if kind in ("DepthToSpace", "SpaceToDepth", "PixelUnshuffle"):
        factor = next(layer.options[key] for key in ("block_size", "scale", "factor") if key in layer.options)
        # A pixel may be the first or the last of those that become one.
        return (
            (Fraction(0), Fraction(factor)) if kind == "DepthToSpace" else (Fraction(factor - 1), Fraction(1, factor))
        )
    if kind == "UpSampling2D":
        (factor, other), bilinear = layer.options["size"], layer.options["interpolation"] == "bilinear"
        known = factor == other and (bilinear or layer.options["interpolation"] == "nearest")
        return (Fraction(int(bilinear)), Fraction(factor)) if known else _UNKNOWN
    if kind in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "AveragePooling2D", "MaxPooling2D"):
        sizes = layer.options["pool_size" if "Pooling" in kind else "kernel_size"]
        dilations = layer.get("dilation_rate", one)
        radius = max(Fraction((size - 1) * dilation + 1) // 2 for size, dilation in zip(sizes, dilations))
        known = tuple(layer.get("strides", one)) == one and layer.options["padding"] == "same"
        return (Fraction(radius), Fraction(1)) if known else _UNKNOWN
    if kind == "Conv2DTranspose":
        factor, other = layer.options["strides"]
        known = factor == other and layer.options["padding"] == "same" and layer.get("output_padding") is None
        known = known and tuple(layer.options["dilation_rate"]) == one
        reach = Fraction(-(-(max(layer.options["kernel_size"]) - 1) // factor))
        return (reach, Fraction(factor)) if known else _UNKNOWN
    if kind in _ALONG_CHANNELS:
        axis = layer.get("axis", -1)
        axes = axis if isinstance(axis, (list, tuple)) else [axis]
        return (Fraction(0), Fraction(1)) if set(axes) <= {-1, 3} else _UNKNOWN
    if kind == "PReLU" and not {1, 2} <= set(layer.get("shared_axes") or ()):
        return _UNKNOWN
    return (Fraction(0), Fraction(1)) if kind in _POINTWISE else _UNKNOWN


def features_of(network: GraphOrModel) -> Layer | None:
    """Where a generator can be split into what works at the LR picture's size and what enlarges.

    The second part starts with the first enlargement, or with the convolution before it if that is a pixel shuffle: of
    all features these take most memory, and look least far.

    Returns:
        The layer whose output goes from the body to the tail, or None if the network does not enlarge in this way, or
        has a skip around that place. The tail does not look as far as the body, and never at the whole picture.
    """
    graph = graph_of(network)
    first = next((each for each in graph.layers if _reach(each)[1] > 1), None)
    if first is None:
        return None
    (features,) = first.inputs
    if first.kind == "DepthToSpace" and features.kind == "Conv2D":
        (features,) = features.inputs
    body = Graph(graph.name, graph.pixels, features)
    after = [each for each in graph.layers if each not in body.layers]
    around = any(each in body.layers and each is not features for layer in after for each in layer.inputs)
    if around or features.size_ratio != 1:
        return None
    return features if _view(graph, features).radius < _view(body).radius else None


def tail_halo_of(network: GraphOrModel) -> int:
    """LR pixels that the part after `features_of` looks far; 0 if there is none."""
    graph = graph_of(network)
    features = features_of(graph)
    return math.ceil(_view(graph, features).radius) if features else 0


def peak_bytes_per_pixel(network: GraphOrModel, part: str = "whole") -> int:
    """Memory that a network's forward pass takes at its peak, in bytes per LR pixel.

    It is the largest layer output, in float32, times how many of that size are alive at once. This was measured on
    TensorFlow 2.21 on a processor, with and without oneDNN: 2.3 times for EDSR (a pixel shuffle holds its input and
    output), 3.1 for SRResNet (a PReLU adds the parts below and above zero), 3.6 for RRDB at x2 and 4.3 for the compact
    network, whose peak is not in a shuffle alone. OpenVINO takes less.

    Args:
        network: of any kind.
        part: `whole`, or `body`, up to `features_of`. Of that more layers are alive at once: the long skip, the
            block's own, and what its convolutions make.
    """
    graph = graph_of(network)
    if part == "body":
        features = features_of(graph)
        assert features is not None  # or there is no body
        graph = Graph(graph.name, graph.pixels, features)
    kinds = {layer.kind for layer in graph.layers}
    if part == "body":
        alive = 6.0 if "PReLU" in kinds else 5.0
    elif "DepthToSpace" in kinds and "UpSampling2D" not in kinds:
        alive = 3.5 if "PReLU" in kinds else 2.5
    else:
        alive = 4.5
    return math.ceil(round(max(4 * layer.channels * layer.size_ratio**2 for layer in graph.layers)) * alive)
