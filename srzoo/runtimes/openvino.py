"""A network for OpenVINO, in float32 or with its body in 8 bits.

It is built from the network's layers one by one (`srzoo.models.graph`), without Keras, and is laid out for speed; each
layer's precision can be chosen. In 8 bits, the convolutions between head and tail multiply whole numbers: weights
with a scale of their own for each output channel, values with one for each input channel, found on real crops. What
the model's entry calls fine and all sums stay in float32; they are a small part of the work, and there rounding would
be seen.
"""

import functools
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from srzoo.models.geometry import features_of, tail_halo_of
from srzoo.models.graph import Graph, Layer
from srzoo.names import parse
from srzoo.pictures.waiting import threads

Arrays = Mapping[str, Sequence[np.ndarray]]
"""Name of a layer -> its weights, in Keras's order."""

Ranges = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Name of a convolution -> least and greatest value that it is given, of each of its input channels."""

ACTIVATIONS = ("linear", "relu", "leaky_relu", "sigmoid", "tanh")
"""Activations, by Keras's names."""


def runtime() -> ModuleType:
    """Imports OpenVINO, without its converter and the telemetry that comes with that; they take half the time.

    Raises:
        ImportError: if it is not installed.
    """
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    # To OpenVINO a package that is None is one that is not installed, which its __init__ allows for.
    missing = object()
    known = sys.modules.get("openvino.tools", missing)
    sys.modules["openvino.tools"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules["openvino.tools"]
        if known is not missing:
            sys.modules["openvino.tools"] = known  # type: ignore[assignment]


@functools.cache
def core() -> Any:
    """OpenVINO's `Core`, one for the whole process.

    Each sets a stack for signals where the processor has wide registers, and takes it away when it goes: with several
    that come and go the process was left with one that is gone, and crashed at the next SIGTERM.
    """
    return runtime().Core()


def build(graph: Graph, arrays: Arrays, ranges: Ranges | None = None, watched: bool = False, part: str = "whole"):
    """Makes an OpenVINO model of a network.

    Args:
        graph: of the network.
        arrays: its weights.
        ranges: of the convolutions that are computed in 8 bits; none: all in float32.
        watched: whether the model also gives the least and the greatest input of each convolution, two outputs of
            shape (channels,), in the order of the layers.
        part: `whole`, or one of those that `srzoo.runtimes.stages` joins: `body`, up to the features that are
            enlarged, `tail`, from them on, or `framed`, the whole and the features along the borders.

    Returns:
        `openvino.Model` from `lr`, float32 (1, H, W, 3) in [0, 255], H and W open, to (1, scale H, scale W, 3),
        neither rounded nor clipped; of a part, from or to features (1, H, W, channels). What `framed` gives besides is
        in `srzoo.runtimes.stages.framed`.

    Raises:
        ValueError: if a layer is of a kind that is not known here, or the network has no such parts.
    """
    return _Builder(graph, arrays, ranges or {}, watched).build(part)


def ranges_of(graph: Graph, arrays: Arrays, crops: Iterable[np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Finds what the convolutions that take 8 bits are given, on real pictures.

    Args:
        graph, arrays: as of `build`.
        crops: uint8 arrays of shape (H, W, 3), such as will be upscaled.

    Raises:
        ValueError: if there is no crop.
    """
    names = [layer.name for layer in graph.layers if layer.kind == "Conv2D"]
    request = core().compile_model(build(graph, arrays, watched=True), "CPU", EXACT).create_infer_request()
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for crop in crops:
        request.infer({0: crop[None].astype(np.float32)})
        for i, name in enumerate(names):
            low, high = (request.get_output_tensor(2 * i + each).data.copy() for each in (1, 2))
            least, most = found.get(name, (np.zeros_like(low), np.zeros_like(high)))
            found[name] = np.minimum(low, least), np.maximum(high, most)
    if not found:
        raise ValueError("8 bits need pictures to find the ranges of values on; got none")
    return {name: found[name] for name in coarse(graph)}


def ranges_by_name(graph: Graph, ends: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Ranges that are kept as one array, least and greatest values (2, channels of all), in the order of `coarse`."""
    layers = {layer.name: layer for layer in graph.layers}
    names = coarse(graph)
    widths = [layers[name].inputs[0].channels for name in names]
    low, high = (np.split(end, np.cumsum(widths)[:-1]) for end in ends)
    return {name: (least, most) for name, least, most in zip(names, low, high, strict=True)}


def coarse(graph: Graph) -> list[str]:
    """Names of the convolutions that may be computed in 8 bits, in the order of the layers."""
    from srzoo.models.registry import Entry, entry_of  # all models

    try:
        fine = entry_of(parse(graph.name).base).fine
    except ValueError:  # a name of its own
        fine = Entry.fine
    return [layer.name for layer in graph.layers if layer.kind == "Conv2D" and layer.name not in fine]


EXACT = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "CPU_RUNTIME_CACHE_CAPACITY": "200"}
"""Precision of OpenVINO outside 8 bits; by itself it takes bfloat16 if the processor has it. By itself it also keeps
what it made for each of 5,000 sizes of a layer, which takes gigabytes if every picture has a size of its own."""

HALF = {**EXACT, "INFERENCE_PRECISION_HINT": "bf16"}


def in_threads(config: Mapping[str, str]) -> dict[str, str]:
    """A configuration with the number of threads of the environment; by itself OpenVINO takes all cores."""
    return {**config, **({"INFERENCE_NUM_THREADS": str(count)} if (count := threads()) else {})}


class _Builder:
    """One pass over a network's layers; `values` are the outputs so far, (N, C, H, W)."""

    def __init__(self, graph: Graph, arrays: Arrays, ranges: Ranges, watched: bool):
        self._graph = graph
        self._arrays = arrays
        self._ranges = ranges
        self._watched = watched
        self._values: dict[Layer, Any] = {}
        self._watches: list = []
        self._merged: set[str] = set()  # layers that are part of another one's
        self._given_8_bits: set[str] = set()  # convolutions whose values were rounded before a shuffle
        self._users: dict[Layer, list[Layer]] = {}
        for layer in graph.layers:
            for given in layer.inputs:
                self._users.setdefault(given, []).append(layer)
        runtime()  # or its parts would bring the converter
        self._ops = importlib.import_module("openvino.opset13")

    def build(self, part: str):
        features = None if part == "whole" else features_of(self._graph)
        if part != "whole" and features is None:
            raise ValueError(f"{self._graph.name!r} runs in one, it has no parts")
        start = features if features and part == "tail" else self._graph.pixels
        end = features if features and part == "body" else self._graph.output
        given = self._ops.parameter([1, -1, -1, start.channels], np.float32, name="lr")
        self._values[start] = self._ops.transpose(given, [0, 3, 1, 2])
        for layer in self._graph.layers:
            inputs = [self._values.get(each) for each in layer.inputs]
            # A layer that lacks one stands before the start.
            if end not in self._values and layer.inputs and all(each is not None for each in inputs):
                self._values[layer] = self._made(layer, inputs)
        results = [self._values[end], *(self._borders(self._values[features]) if features and part == "framed" else ())]
        results = [self._ops.transpose(each, [0, 2, 3, 1]) for each in results]
        return runtime().Model([*results, *self._watches], [given], self._graph.name)

    def _borders(self, features) -> list:
        """The first and last rows, then the first and last columns."""
        band, one = 2 * tail_halo_of(self._graph), np.ones(1, np.int64)
        ends = (0 * one, band * one), (-band * one, np.iinfo(np.int64).max * one)
        return [self._ops.slice(features, *each, one, axis * one) for axis in (2, 3) for each in ends]

    def _made(self, layer: Layer, given: list):
        if layer.name in self._merged:
            return given[0]
        make: Any = getattr(self, f"_{layer.kind}", None)
        # Another order of axes would give wrong pixels.
        _require(layer, make and layer.get("data_format", "channels_last") == "channels_last")
        return make(layer, *given)

    def _Rescaling(self, layer, x):
        scaled = self._ops.multiply(x, _channels(layer.get("scale")))
        return self._ops.add(scaled, _channels(layer.get("offset"))) if np.any(layer.get("offset")) else scaled

    def _Add(self, layer, *given):
        return self._joined(layer, self._ops.add, given)

    def _Multiply(self, layer, *given):
        return self._joined(layer, self._ops.multiply, given)

    def _joined(self, layer, join: Callable, given: tuple):
        _require(layer, len(given) > 1)  # an operation with a number has one input
        return functools.reduce(join, given)

    def _Concatenate(self, layer, *given):
        _require(layer, layer.get("axis", -1) in (-1, 3))
        return self._ops.concat(list(given), 1)

    def _ReLU(self, layer, x):
        _require(layer, layer.get("max_value") is None and not layer.get("threshold"))
        return self._leaky(x, float(layer.get("negative_slope")))

    def _LeakyReLU(self, layer, x):
        return self._leaky(x, float(layer.get("negative_slope")))

    def _PReLU(self, layer, x, copies: int = 1):
        _require(layer, {1, 2} <= set(layer.get("shared_axes") or ()))
        return self._ops.prelu(x, self._ops.constant(np.tile(self._arrays[layer.name][0].ravel(), copies)))

    def _GlobalAveragePooling2D(self, layer, x):
        _require(layer, layer.get("keepdims"))
        return self._ops.reduce_mean(x, [2, 3], keep_dims=True)

    def _UpSampling2D(self, layer, x):
        _require(layer, layer.get("interpolation") == "nearest")
        options = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self._ops.interpolate(x, np.float32(layer.get("size")), "nearest", "scales", axes=[2, 3], **options)

    def _PixelUnshuffle(self, layer, x):
        ops, factor = self._ops, np.int64(layer.get("factor"))
        for axis in (2, 3):
            length = ops.gather(ops.shape_of(x), ops.constant(axis), ops.constant(0))
            units = ops.divide(ops.add(length, factor - 1), factor)
            place = ops.range(np.int64(0), ops.multiply(units, factor), np.int64(1), "i64")
            mirrored = ops.subtract(ops.multiply(length, np.int64(2)), ops.add(place, np.int64(2)))
            place = ops.select(ops.less(place, length), place, ops.maximum(mirrored, np.int64(0)))
            x = ops.gather(x, place, ops.constant(axis))
        return ops.space_to_depth(x, "blocks_first", int(factor))

    def _CropTo(self, layer, sr, lr):
        ends = self._ops.multiply(self._ops.shape_of(lr), np.int64([1, 1, *2 * [layer.get("scale")]]))
        sides = self._ops.gather(ends, self._ops.constant([2, 3]), self._ops.constant(0))
        return self._ops.slice(sr, np.int64([0, 0]), sides, np.int64([1, 1]), np.int64([2, 3]))

    def _leaky(self, x, slope: float):
        return self._ops.prelu(x, self._ops.constant(np.full(1, slope, np.float32))) if slope else self._ops.relu(x)

    def _Activation(self, layer, x):
        name = layer.get("activation")
        _require(layer, name in ACTIVATIONS)
        if name == "leaky_relu":
            return self._leaky(x, 0.2)
        return x if name == "linear" else getattr(self._ops, name)(x)

    def _BatchNormalization(self, layer, x):
        _require(layer, layer.get("axis", -1) in (-1, 3))
        gain, shift = self._gain_and_shift(layer)
        return self._ops.add(self._ops.multiply(x, _channels(gain)), _channels(shift))

    def _gain_and_shift(self, norm: Layer) -> tuple[np.ndarray, np.ndarray]:
        options = {key: norm.get(key, True) for key in ("scale", "center")}
        return gain_and_shift(self._arrays[norm.name], norm.options["epsilon"], **options)

    def _Conv2D(self, layer, x):
        plain = {*layer.get("strides", ()), *layer.get("dilation_rate", ()), layer.get("groups", 1)} == {1}
        odd = all(side % 2 for side in layer.options["kernel_size"])
        _require(layer, layer.get("padding") == "same" and odd and plain)
        if self._watched:
            self._watches += [self._ops.reduce_min(x, [0, 2, 3]), self._ops.reduce_max(x, [0, 2, 3])]
        kernel, *bias = self._arrays[layer.name]
        following = self._only_user(layer)
        normalised = following and following.kind == "BatchNormalization" and following.get("axis", -1) in (-1, 3)
        if following and normalised and layer.get("activation") == "linear":
            gain, shift = self._gain_and_shift(following)
            kernel, bias = kernel * gain, [sum(bias) * gain + shift]
            self._merged.add(following.name)
        weights = without_zero_border(np.asarray(kernel, np.float32)).transpose(3, 2, 0, 1)
        if layer.channels <= 4 and min(weights.shape[2:]) > 4 and layer.size_ratio % 2 == 0:
            y = self._convolution_in_squares(layer, weights, x)
        else:
            y = self._convolved(layer, weights, x)
        if bias:
            y = self._ops.add(y, _channels(bias[0]))
        return self._Activation(layer, y)

    def _convolved(self, layer, weights: np.ndarray, x, stride: int = 1):
        if layer.name not in self._ranges:
            kernel = self._ops.constant(np.ascontiguousarray(weights))
        else:
            low, high = self._ranges[layer.name]
            if layer.name not in self._given_8_bits:
                x = self._in_8_bits(x, low, high)
            kernel = self._kernel_in_8_bits(weights * _shares(low, high)[:, None, None])
        margin = [(size - 1) // 2 for size in weights.shape[2:]]  # even sizes are those of squares
        return self._ops.convolution(x, kernel, [stride, stride], margin, margin, [1, 1])

    def _convolution_in_squares(self, layer, weights: np.ndarray, x):
        """A wide convolution to few channels, as one of stride 2 to those of four neighbouring pixels.

        Three channels leave most of a processor's lanes empty; twelve took two thirds of the time for SRResNet's tail.
        """
        filters, channels, rows, columns = weights.shape
        square = np.zeros((2, 2, filters, channels, rows + 1, columns + 1), np.float32)
        for i in (0, 1):
            for j in (0, 1):
                square[i, j, :, :, i : i + rows, j : j + columns] = weights
        y = self._convolved(layer, square.reshape(4 * filters, channels, rows + 1, columns + 1), x, stride=2)
        return self._ops.depth_to_space(y, "blocks_first", 2)

    def _DepthToSpace(self, layer, x):
        """Does what follows channel by channel before the shuffle, which moves values and changes none.

        There it is one with the convolution, and the shuffle moves 8 bits instead of 32.
        """
        factor = layer.get("block_size") or layer.get("scale")
        following = self._only_user(layer)
        if following and following.kind == "PReLU":
            x = self._PReLU(following, x, factor**2)
            self._merged.add(following.name)
            following = self._only_user(following)
        if following and following.name in self._ranges and not self._watched:
            x = self._in_8_bits(x, *(np.tile(end, factor**2) for end in self._ranges[following.name]))
            self._given_8_bits.add(following.name)
        return self._ops.depth_to_space(x, "blocks_first", factor)

    def _only_user(self, layer: Layer) -> Layer | None:
        users = self._users.get(layer, [])
        return users[0] if len(users) == 1 else None

    def _in_8_bits(self, x, low: np.ndarray, high: np.ndarray):
        """Rounds to 256 steps, after each channel was divided by its share of the widest one's range.

        So channels of small values keep as many steps as others. The kernel is multiplied by the shares in turn.
        """
        # A whole number of steps below zero, so that zero, of which the borders are made, is kept as it is.
        step = float(high.max() - low.min()) / 255 or 1.0
        below = round(-float(low.min()) / step)
        ends = [_channels(end) for end in (-below * step, (255 - below) * step)]
        given = [end * _channels(_shares(low, high)) for end in ends]
        return self._ops.fake_quantize(x, *map(self._ops.constant, (*given, *ends)), 256)

    def _kernel_in_8_bits(self, weights: np.ndarray):
        # Without instructions of its own for 8 bits, x86 adds two neighbouring channels' products in 16 bits. Where
        # both of the kernel's values were near their limit, that would overflow.
        pairs = weights[:, : weights.shape[1] // 2 * 2]
        pairs = np.abs(pairs[:, ::2] + pairs[:, 1::2]) * np.float32(127 / 128)
        most = np.maximum(np.abs(weights).max(axis=(1, 2, 3)), pairs.max(axis=(1, 2, 3), initial=1e-9))
        most = most[:, None, None, None]
        low, high = self._ops.constant(-most), self._ops.constant(most)
        return self._ops.fake_quantize(self._ops.constant(np.ascontiguousarray(weights)), low, high, low, high, 255)


def gain_and_shift(
    arrays: Sequence[np.ndarray], epsilon: float, scale: bool = True, center: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Batch normalisation at inference, which is y = x * gain + shift.

    Args:
        arrays: its weights in Keras's order, of shape (channels,).
        epsilon, scale, center: its options in Keras.

    Returns:
        Gain and shift in float64, so that only one rounding is added.
    """
    *learned, mean, variance = (np.asarray(each, np.float64) for each in arrays)
    # As PyTorch and Keras both do: the epsilon is inside the root.
    gain = (learned[0] if scale else 1) / np.sqrt(variance + epsilon)
    return gain, (learned[-1] if center else 0) - mean * gain


def without_zero_border(kernel: np.ndarray) -> np.ndarray:
    """A convolution's kernel, HWIO, less the rows and columns around it that are 0, as many on either side.

    With padding `same` and strides of 1 it is the same convolution. Kernels of 9x9 that were grafted from an EDSR have
    such borders.
    """
    for axis in (0, 1):
        used, size = np.flatnonzero(np.any(kernel, axis=(1 - axis, 2, 3))), kernel.shape[axis]
        border = min(used[0], size - 1 - used[-1]) if len(used) else (size - 1) // 2
        kernel = kernel.take(range(border, size - border), axis)
    return kernel


def _shares(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Share of each channel's range in the range of all, above 0 and up to 1."""
    ends = [each / extreme for each, extreme in ((low, low.min()), (high, high.max())) if extreme]
    return np.maximum(np.max(ends, axis=0), 0.02).astype(np.float32) if ends else np.ones_like(low)


def _require(layer: Layer, known: Any) -> None:
    """Refuses a layer of a kind that would be built wrong."""
    if not known:
        raise ValueError(f"layer {layer.name!r} is a {layer.kind} of a kind that srzoo does not build for OpenVINO")


def _channels(values) -> np.ndarray:
    """One value, or one a channel, for (N, C, H, W)."""
    return np.asarray(values, np.float32).reshape(1, -1, 1, 1)
