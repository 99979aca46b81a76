"""A network for OpenVINO, in float32 or with its body in 8 bits.

The graph is built from the Keras model's layers one by one, not converted, so that it is laid out for speed and
each layer's precision can be chosen. In 8 bits, the convolutions between head and tail multiply whole numbers: weights
with a scale of their own for each output channel, values with one for each input channel, found on real crops. What
the model's entry calls fine and all sums stay in float32; they are a small part of the work, and there rounding would
be seen.
"""

import functools
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from srzoo.names import parse

if TYPE_CHECKING:
    import keras

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


def build(model: "keras.Model", ranges: Ranges | None = None, watched: bool = False, part: str = "whole"):
    """Makes an OpenVINO model of a Keras model.

    Args:
        model: one of srzoo's generators without batch normalisation, as `fold_batch_norm` leaves it.
        ranges: ranges of the convolutions in 8 bits; none: all are in float32.
        watched: whether the model also gives the least and the greatest input of each convolution, two outputs of
            shape (channels,), in the order of the layers.
        part: `whole`, or one of the two that `srzoo.runtimes.stages` joins: `body`, up to the features that are
            enlarged, or `tail`, from them on.

    Returns:
        `openvino.Model` from `lr`, float32 (1, H, W, 3) in [0, 255], H and W open, to (1, scale H, scale W, 3),
        neither rounded nor clipped; of a part, from or to features (1, H, W, channels).

    Raises:
        ValueError: if a layer is of a kind that is not known here, or the model has no such parts.
    """
    return _Builder(model, ranges or {}, watched).build(part)


def ranges_of(model: "keras.Model", crops: Iterable[np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Finds what the convolutions that take 8 bits are given, on real pictures.

    Args:
        model: the same as for `build`.
        crops: uint8 arrays of shape (H, W, 3), such as will be upscaled.

    Raises:
        ValueError: if there is no crop.
    """
    names = [layer.name for layer in model.layers if type(layer).__name__ == "Conv2D"]
    request = core().compile_model(build(model, watched=True), "CPU", EXACT).create_infer_request()
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for crop in crops:
        request.infer({0: crop[None].astype(np.float32)})
        for i, name in enumerate(names):
            low, high = (request.get_output_tensor(2 * i + each).data.copy() for each in (1, 2))
            least, most = found.get(name, (np.zeros_like(low), np.zeros_like(high)))
            found[name] = np.minimum(low, least), np.maximum(high, most)
    if not found:
        raise ValueError("8 bits need pictures to find the ranges of values on; got none")
    fine = _fine(model.name)
    return {name: ends for name, ends in found.items() if name not in fine}


def _fine(name: str) -> tuple[str, ...]:
    """Convolutions of a model that stay in float32."""
    from srzoo.models.registry import Entry, entry_of

    try:
        return entry_of(parse(name).base).fine
    except ValueError:  # a name of its own
        return Entry.fine


EXACT = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
"""Precision of OpenVINO outside 8 bits; by itself it takes bfloat16 if the processor has it."""

HALF = {**EXACT, "INFERENCE_PRECISION_HINT": "bf16"}


class _Builder:
    """One pass over a model's operations; `values` are the outputs so far, (N, C, H, W)."""

    def __init__(self, model: "keras.Model", ranges: Ranges, watched: bool):
        self._model = model
        self._ranges = ranges
        self._watched = watched
        self._values: dict[int, object] = {}
        self._watches: list = []
        self._done: set[str] = set()
        self._growth = 1  # of the sides of the picture, by the shuffles so far
        self._users: dict[int, list] = {}
        for operation in self._operations():
            for tensor in _inputs(operation):
                self._users.setdefault(id(tensor), []).append(operation)
        self._ops = importlib.import_module("openvino.opset13")

    def _operations(self) -> list:
        return [each for each in self._model.operations if type(each).__name__ != "InputLayer"]

    def build(self, part: str):
        start, end = self._model.inputs[0], self._model.outputs[0]
        if part == "body":
            end = self._features()
        elif part == "tail":
            start = self._features()
        given = self._ops.parameter([1, -1, -1, start.shape[-1]], np.float32, name="lr")
        self._values[id(start)] = self._ops.transpose(given, [0, 3, 1, 2])
        for operation in self._operations():
            inputs = [self._values.get(id(tensor)) for tensor in _inputs(operation)]
            # One that has none stands before the start.
            if id(end) not in self._values and all(each is not None for each in inputs):
                self._values[id(operation.output)] = self._made(operation, inputs)
        result = self._ops.transpose(self._values[id(end)], [0, 2, 3, 1])
        return runtime().Model([result, *self._watches], [given], self._model.name)

    def _features(self):
        from srzoo.models.geometry import split_at_growth

        parts = split_at_growth(self._model)
        if parts is None:
            raise ValueError(f"{self._model.name!r} runs in one, it has no parts")
        return parts[0].outputs[0]

    def _made(self, operation, given: list):
        if operation.name in self._done:
            return given[0]
        kind = type(operation).__name__
        make = getattr(self, f"_{kind}", None)
        # A layer with data of its own shape for every kind would be wrong pixels at best.
        if make is None or getattr(operation, "data_format", "channels_last") != "channels_last":
            raise _unknown(operation)
        return make(operation, *given)

    def _Rescaling(self, layer, x):
        scaled = self._ops.multiply(x, _channels(layer.scale))
        return self._ops.add(scaled, _channels(layer.offset)) if np.any(layer.offset) else scaled

    def _Add(self, layer, *given):
        return self._joined(layer, self._ops.add, given)

    def _Multiply(self, layer, *given):
        return self._joined(layer, self._ops.multiply, given)

    def _joined(self, layer, join: Callable, given: tuple):
        # An operation with a number has one input.
        if len(given) < 2:
            raise _unknown(layer)
        return functools.reduce(join, given)

    def _Concatenate(self, layer, *given):
        if layer.axis not in (-1, 3):
            raise _unknown(layer)
        return self._ops.concat(list(given), 1)

    def _ReLU(self, layer, x):
        if layer.max_value is not None or layer.threshold:
            raise _unknown(layer)
        return self._leaky(x, float(layer.negative_slope))

    def _LeakyReLU(self, layer, x):
        return self._leaky(x, float(layer.negative_slope))

    def _PReLU(self, layer, x, copies: int = 1):
        if not {1, 2} <= set(layer.shared_axes or ()):
            raise _unknown(layer)
        return self._ops.prelu(x, self._ops.constant(np.tile(np.asarray(layer.alpha, np.float32).ravel(), copies)))

    def _GlobalAveragePooling2D(self, layer, x):
        if not layer.keepdims:
            raise _unknown(layer)
        return self._ops.reduce_mean(x, [2, 3], keep_dims=True)

    def _UpSampling2D(self, layer, x):
        if layer.interpolation != "nearest":
            raise _unknown(layer)
        self._growth *= layer.size[0]
        options = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self._ops.interpolate(x, np.float32(layer.size), "nearest", "scales", axes=[2, 3], **options)

    def _PixelUnshuffle(self, layer, x):
        ops, factor = self._ops, np.int64(layer.factor)
        for axis in (2, 3):
            length = ops.gather(ops.shape_of(x), ops.constant(axis), ops.constant(0))
            units = ops.divide(ops.add(length, factor - 1), factor)
            place = ops.range(np.int64(0), ops.multiply(units, factor), np.int64(1), "i64")
            mirrored = ops.subtract(ops.multiply(length, np.int64(2)), ops.add(place, np.int64(2)))
            place = ops.select(ops.less(place, length), place, ops.maximum(mirrored, np.int64(0)))
            x = ops.gather(x, place, ops.constant(axis))
        return ops.space_to_depth(x, "blocks_first", int(factor))

    def _CropTo(self, layer, sr, lr):
        ends = self._ops.multiply(self._ops.shape_of(lr), np.int64([1, 1, layer.scale, layer.scale]))
        sides = self._ops.gather(ends, self._ops.constant([2, 3]), self._ops.constant(0))
        return self._ops.slice(sr, np.int64([0, 0]), sides, np.int64([1, 1]), np.int64([2, 3]))

    def _leaky(self, x, slope: float):
        return self._ops.prelu(x, self._ops.constant(np.full(1, slope, np.float32))) if slope else self._ops.relu(x)

    def _Activation(self, layer, x):
        name = layer.activation.__name__
        if name not in ACTIVATIONS:
            raise _unknown(layer)
        if name == "leaky_relu":
            return self._leaky(x, 0.2)
        return x if name == "linear" else getattr(self._ops, name)(x)

    def _Conv2D(self, layer, x):
        odd = all(size % 2 for size in layer.kernel_size)
        if layer.padding != "same" or not odd or {*layer.strides, *layer.dilation_rate, layer.groups} != {1}:
            raise _unknown(layer)
        if self._watched:
            self._watches += [self._ops.reduce_min(x, [0, 2, 3]), self._ops.reduce_max(x, [0, 2, 3])]
        weights = np.asarray(layer.kernel, np.float32).transpose(3, 2, 0, 1)
        if layer.filters <= 4 and min(layer.kernel_size) > 4 and self._growth % 2 == 0:
            y = self._convolution_in_squares(layer, weights, x)
        else:
            y = self._convolved(layer, weights, x)
        if layer.use_bias:
            y = self._ops.add(y, _channels(layer.bias))
        return self._Activation(layer, y)

    def _convolved(self, layer, weights: np.ndarray, x, stride: int = 1):
        if layer.name not in self._ranges:
            kernel = self._ops.constant(np.ascontiguousarray(weights))
        else:
            low, high = self._ranges[layer.name]
            if f"{layer.name} in 8 bits" not in self._done:
                x = self._in_8_bits(x, low, high)
            kernel = self._kernel_in_8_bits(weights * _shares(low, high)[:, None, None])
        margin = [size // 2 for size in layer.kernel_size]
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

    def _DepthToSpace(self, operation, x):
        """The shuffle moves values and changes none, so what follows by the channel is done before it.

        There it is one with the convolution, and 8 bits are moved instead of 32.
        """
        factor = getattr(operation, "block_size", None) or operation.scale
        self._growth *= factor
        following = self._only_user(operation)
        if type(following).__name__ == "PReLU":
            x = self._PReLU(following, x, factor**2)
            self._done.add(following.name)
            following = self._only_user(following)
        if following is not None and following.name in self._ranges and not self._watched:
            x = self._in_8_bits(x, *(np.tile(end, factor**2) for end in self._ranges[following.name]))
            self._done.add(f"{following.name} in 8 bits")
        return self._ops.depth_to_space(x, "blocks_first", factor)

    def _only_user(self, operation):
        users = self._users.get(id(operation.output), [])
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


def _shares(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Share of each channel's range in the range of all, above 0 and up to 1."""
    ends = [each / extreme for each, extreme in ((low, low.min()), (high, high.max())) if extreme]
    return np.maximum(np.max(ends, axis=0), 0.02).astype(np.float32) if ends else np.ones_like(low)


def _unknown(operation) -> ValueError:
    kind = type(operation).__name__
    return ValueError(f"layer {operation.name!r} is a {kind} of a kind that srzoo does not build for OpenVINO")


def _inputs(operation) -> list:
    return operation.input if isinstance(operation.input, list) else [operation.input]


def _channels(values) -> np.ndarray:
    """One value, or one a channel, for (N, C, H, W)."""
    return np.asarray(values, np.float32).reshape(1, -1, 1, 1)
