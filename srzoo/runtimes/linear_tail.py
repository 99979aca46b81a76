"""A tail of convolutions and pixel shuffles alone, as EDSR's is, merged into one convolution and one shuffle.

Without an activation between them they are one linear map from the features to SR. Each SR pixel depends on 5x5
features, so a convolution at LR's size computes it, with a tenth of EDSR-baseline's multiplications at x4. Within
`srzoo.models.geometry.tail_halo_of` of the borders it is another map: there each convolution of the tail pads with
zeros, and the merged one pads once.
"""

from dataclasses import replace

import numpy as np

from srzoo.models.geometry import features_of
from srzoo.models.graph import Graph, Layer, conv, pixel_shuffle
from srzoo.runtimes.openvino import Arrays


def linear_tail(graph: Graph) -> list[Layer]:
    """The layers after `srzoo.models.geometry.features_of`, the last one first, if `merged_tail` can merge them.

    Returns:
        Nothing if one is not linear, or the network has no such features.
    """
    features, layer = features_of(graph), graph.output
    layers: list[Layer] = []
    while features and layer is not features:
        if layer.kind not in ("Rescaling", "DepthToSpace") and not _is_linear(layer):
            return []
        layers.append(layer)
        (layer,) = layer.inputs
    return layers


def merged_tail(graph: Graph, arrays: Arrays) -> tuple[Graph, Arrays] | None:
    """Merges what comes after `srzoo.models.geometry.features_of`.

    Args:
        graph: of the network.
        arrays: name of a layer -> its weights, in Keras's order.

    Returns:
        Graph and weights from features, (N, H, W, C), to SR, (N, scale H, scale W, 3); None if the network has no such
        tail.
    """
    layers = linear_tail(graph)
    if not layers:
        return None
    features, colours = layers[-1].inputs[0], graph.output.channels
    # From an output of the layer at hand to SR: a kernel in HWIO for the SR pixels that the output becomes, row by row,
    # and a bias for each of them.
    kernel, bias = np.eye(colours)[None, None], np.zeros((1, colours))
    for layer in layers:
        if layer.kind == "Rescaling":
            scale, offset = (np.broadcast_to(layer.get(each, 0.0), colours) for each in ("scale", "offset"))
            bias = bias + _constant(kernel, offset).reshape(bias.shape)
            kernel = kernel * scale[:, None]
        elif layer.kind == "DepthToSpace":
            factor = layer.get("block_size") or layer.get("scale")
            kernel, bias = _before_shuffle(kernel, factor, colours), np.tile(bias, (factor, factor))
        else:
            first, *of_first = (np.asarray(each, np.float64) for each in arrays[layer.name])
            bias = bias + sum(_constant(kernel, each).reshape(bias.shape) for each in of_first)
            kernel = _before_convolution(kernel, first)
    options = {"shape": (None, None, features.channels), "dtype": "float32"}
    given = Layer("InputLayer", "features", (), features.channels, 1.0, options)
    merged = conv(given, kernel.shape[-1], kernel.shape[0], "merged_tail", dtype="float32")
    sr = pixel_shuffle(merged, round(graph.output.size_ratio), "sr")
    return Graph(graph.name, given, sr), {merged.name: [kernel.astype(np.float32), bias.ravel().astype(np.float32)]}


def merged_network(graph: Graph, arrays: Arrays) -> tuple[Graph, Arrays] | None:
    """The network with the tail of `merged_tail` in the place of its own, and the weights of both; None without one."""
    merged, features = merged_tail(graph, arrays), features_of(graph)
    if merged is None or features is None:
        return None
    tail, weights = merged
    (convolution,) = tail.output.inputs
    sr = replace(tail.output, inputs=(replace(convolution, inputs=(features,)),))
    return Graph(graph.name, graph.pixels, sr), {**arrays, **weights}


def _is_linear(layer: Layer) -> bool:
    plain = {*layer.get("strides", ()), *layer.get("dilation_rate", ()), layer.get("groups", 1)} == {1}
    odd = all(side % 2 for side in layer.get("kernel_size", (0,)))
    return layer.kind == "Conv2D" and plain and odd and layer.get("activation") == "linear"


def _constant(kernel: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What a kernel makes of an image of one value a channel."""
    return values @ kernel.sum((0, 1))


def _before_convolution(kernel: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The kernel that is equal to `first` and then `kernel`."""
    rows, columns = first.shape[:2]
    taps = kernel.shape[:2]
    both = np.zeros((taps[0] + rows - 1, taps[1] + columns - 1, first.shape[2], kernel.shape[3]))
    for i, j in np.ndindex(taps):
        both[i : i + rows, j : j + columns] += first @ kernel[i, j]
    return both


def _before_shuffle(kernel: np.ndarray, factor: int, colours: int) -> np.ndarray:
    """The kernel on what a pixel shuffle is given that is equal to `kernel` on what it gives."""
    size, _, channels, outputs = kernel.shape
    scale = round((outputs / colours) ** 0.5)
    reach = size // 2
    radius = -(-reach // factor)
    side = 2 * radius + 1
    before = np.zeros((side, side, factor, factor, channels, factor, scale, factor, scale, colours))
    for i, j, row, column in np.ndindex(factor, factor, size, size):
        down, i_given = divmod(i + row - reach, factor)
        across, j_given = divmod(j + column - reach, factor)
        tap = kernel[row, column].reshape(channels, scale, scale, colours)
        before[down + radius, across + radius, i_given, j_given, :, i, :, j] += tap
    return before.reshape(side, side, factor**2 * channels, factor**2 * outputs)
