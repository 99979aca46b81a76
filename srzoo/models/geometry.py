"""What a network does to the size of an image, and how far it looks: read off the model itself."""

import math

import keras


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
        elif type(operation).__name__ == "DepthToSpace":
            growth *= getattr(operation, "block_size", None) or operation.scale
    return math.ceil(radius)
