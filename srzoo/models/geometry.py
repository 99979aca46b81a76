"""Scale and reach of a network, from the model itself."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras

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
        growth: the map's sides, of LR's.
        alignment: LR pixels of which an LR picture's part must begin at a multiple to give a part of the map.
    """

    radius: Fraction | float
    growth: Fraction = Fraction(1)
    alignment: int = 1


def scale_of(model: keras.Model) -> int:
    """The factor between the model's output and input sides.

    Raises:
        ValueError: if the model does not map (N, H, W, 3) to (N, scale * H, scale * W, 3).
    """
    side = 16
    shape = tuple(model.compute_output_shape((1, side, side, 3)))
    scale = shape[1] // side if len(shape) == 4 and shape[1] else 0
    if shape != (1, side * scale, side * scale, 3):
        raise ValueError(f"expected a model from (N, H, W, 3) to (N, scale * H, scale * W, 3); it gives {shape}")
    return scale


def radius_of(model: keras.Model) -> int | None:
    """LR pixels around a tile that the tile's output depends on: the radius of the receptive field.

    It is the longest path through the graph, each layer's radius divided by how much the image has grown before it: 36
    for EDSR-baseline, 40 for SRResNet, 68 for EDSR and 349 for RRDB at x4.

    Returns:
        None if the network must see the whole picture: it strides, pools over it or normalises by it, or has a layer
        of a kind whose reach is not known here.
    """
    radius = _view(model).radius
    return None if math.isinf(radius) else math.ceil(radius)


def halo_of(model: keras.Model) -> int | None:
    """LR pixels to put around a tile: the receptive field's radius up to `MOST_HALO`; None as of `radius_of`."""
    radius = radius_of(model)
    return None if radius is None else min(radius, MOST_HALO * alignment_of(model))


def alignment_of(model: keras.Model) -> int:
    """LR pixels; tiles must begin at multiples of it: the factor by which pixels are shuffled into channels."""
    return _view(model).alignment


def _view(model: keras.Model) -> _View:
    def after(operation: keras.Operation):
        def call(*inputs, **options) -> list[_View]:
            given = [each for each in keras.tree.flatten((inputs, options)) if isinstance(each, _View)]
            return [_after(operation, given)] * len(keras.tree.flatten(operation.output))

        return call

    return keras.tree.flatten(model._run_through_graph([_View(Fraction(0))], after))[0]


def _after(operation: keras.Operation, given: list[_View]) -> _View:
    radius, factor = _reach(operation)
    before = given[0].growth
    # The second input of `CropTo` gives only a size.
    if any(each.growth != before for each in given) and type(operation).__name__ != "CropTo":
        radius = math.inf
    growth = before * factor
    return _View(
        max(each.radius for each in given) + radius / before,
        growth,
        math.lcm(growth.denominator, *(each.alignment for each in given)),
    )


def _reach(operation: Any) -> tuple[Fraction | float, Fraction]:
    """Pixels of its input that an operation looks far, and the factor by which it enlarges.

    A list of known kinds, because a kind with too small a reach would give wrong pixels.
    """
    kind, activation = type(operation).__name__, getattr(operation, "activation", None)
    theirs = [type(operation).__module__, *([getattr(activation, "__module__", "")] if activation else [])]
    if any(module.split(".")[0] not in ("keras", "srzoo") for module in theirs):
        return _UNKNOWN
    if getattr(operation, "data_format", "channels_last") == "channels_first":
        return _UNKNOWN
    if kind in ("DepthToSpace", "SpaceToDepth", "PixelUnshuffle"):
        factor = next(getattr(operation, key) for key in ("block_size", "scale", "factor") if hasattr(operation, key))
        # A pixel may be the first or the last of those that become one.
        return (
            (Fraction(0), Fraction(factor)) if kind == "DepthToSpace" else (Fraction(factor - 1), Fraction(1, factor))
        )
    if kind == "UpSampling2D":
        (factor, other), bilinear = operation.size, operation.interpolation == "bilinear"
        known = factor == other and (bilinear or operation.interpolation == "nearest")
        return (Fraction(int(bilinear)), Fraction(factor)) if known else _UNKNOWN
    if kind in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "AveragePooling2D", "MaxPooling2D"):
        sizes = operation.pool_size if "Pooling" in kind else operation.kernel_size
        dilations = getattr(operation, "dilation_rate", (1, 1))
        radius = max(Fraction((size - 1) * dilation + 1) // 2 for size, dilation in zip(sizes, dilations))
        known = tuple(operation.strides) == (1, 1) and operation.padding == "same"
        return (Fraction(radius), Fraction(1)) if known else _UNKNOWN
    if kind == "Conv2DTranspose":
        factor, other = operation.strides
        known = factor == other and operation.padding == "same" and tuple(operation.dilation_rate) == (1, 1)
        known = known and operation.output_padding is None
        return (Fraction(-(-(max(operation.kernel_size) - 1) // factor)), Fraction(factor)) if known else _UNKNOWN
    if kind in _ALONG_CHANNELS:
        axes = operation.axis if isinstance(operation.axis, (list, tuple)) else [operation.axis]
        return (Fraction(0), Fraction(1)) if set(axes) <= {-1, 3} else _UNKNOWN
    if kind == "PReLU" and not {1, 2} <= set(operation.shared_axes or ()):
        return _UNKNOWN
    return (Fraction(0), Fraction(1)) if kind in _POINTWISE else _UNKNOWN


def split_at_growth(model: keras.Model) -> tuple[keras.Model, keras.Model] | None:
    """Splits a generator into what works at the LR picture's size and what enlarges; they share its layers.

    The second part starts with the first enlargement, or with the convolution before it if that is a pixel shuffle: of
    all features these take most memory, and look least far.

    Returns:
        (body, tail), or None if the model does not enlarge in this way, or has a skip around that place. The tail does
        not look as far as the body, and never at the whole picture.
    """
    first = next((each for each in model.operations if _reach(each)[1] > 1), None)
    if first is None:
        return None
    features = first.input
    widening = features._keras_history.operation
    if type(first).__name__ == "DepthToSpace" and isinstance(widening, keras.layers.Conv2D):
        features = widening.input
    try:
        body = keras.Model(model.inputs[0], features, name=f"{model.name}_body")
        tail = keras.Model(features, model.outputs[0], name=f"{model.name}_tail")
    except ValueError:  # the tail needs more than these features
        return None
    keeps_size = tuple(body.compute_output_shape((1, 16, 16, 3)))[1:3] == (16, 16)
    return (body, tail) if keeps_size and _view(tail).radius < _view(body).radius else None
