"""What a network does to the size of an image, and how far it looks: read off the model itself."""

import math

import keras

GROWTH = "DepthToSpace"
"""Class of the operation that enlarges."""


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


def halo_of(model: keras.Model) -> int:
    """LR pixels around a tile that the tile's output depends on: the radius of the receptive field.

    Sums the radii of all convolutions, each divided by how much the image has grown before it. For a
    chain of layers with skips, as all of srzoo's generators are, this is exact: 36 for EDSR-baseline,
    40 for SRResNet and 68 for EDSR at x4.

    Raises:
        ValueError: if the model strides or pools: then no halo makes tiles equal to the whole.
    """
    radius, growth = 0.0, 1
    for operation in model.operations:
        if isinstance(operation, keras.layers.Conv2D):
            if tuple(operation.strides) != (1, 1):
                raise ValueError(f"layer {operation.name!r} has strides {operation.strides}; tiles need stride 1")
            (size, _), (dilation, _) = operation.kernel_size, operation.dilation_rate
            radius += (size // 2) * dilation / growth
        elif type(operation).__name__ == GROWTH:
            growth *= getattr(operation, "block_size", None) or operation.scale
    return math.ceil(radius)


def split_at_growth(model: keras.Model) -> tuple[keras.Model, keras.Model] | None:
    """Splits a generator into what works at the LR picture's size and what enlarges; they share its layers.

    The second part starts with the convolution before the first pixel shuffle: of all features these take most memory,
    and look least far.

    Returns:
        (body, tail), or None if the model does not enlarge in this way, or has a skip around that place.
    """
    first = next((each for each in model.operations if type(each).__name__ == GROWTH), None)
    widening = first and first.input._keras_history.operation
    if not isinstance(widening, keras.layers.Conv2D):
        return None
    features = widening.input
    try:
        return (
            keras.Model(model.inputs, features, name=f"{model.name}_body"),
            keras.Model(features, model.outputs[0], name=f"{model.name}_tail"),
        )
    except ValueError:  # the tail needs more than these features
        return None
