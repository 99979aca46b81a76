"""A network for OpenVINO, in float32 or with its body in 8 bits.

The graph is built from the Keras model's layers one by one, not converted, so that it is laid out for speed and
each layer's precision can be chosen. In 8 bits, the convolutions between head and tail multiply whole numbers: weights
with a scale of their own for each output channel, values with one for each input channel, found on real crops. Head,
tail and all sums stay in float32; they are a small part of the work, and there rounding would be seen.
"""

import importlib
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

Ranges = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Name of a convolution -> least and greatest value that it is given, of each of its input channels."""

FINE = ("head", "tail")
"""Convolutions that stay in float32. With one range a layer, the tail alone cost ten times what all the body did."""


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


def build(model: "keras.Model", ranges: Ranges | None = None, watched: bool = False, part: str = "whole"):
    """Makes an OpenVINO model of a Keras model.

    Args:
        model: one of srzoo's generators without batch normalisation, as `fold_batch_norm` leaves it.
        ranges: of the convolutions that are computed in 8 bits; none: all in float32.
        watched: whether the model also gives the least and the greatest input of each convolution, two outputs of
            shape (channels,), in the order of the layers.
        part: `whole`, or one of the two that `srzoo.runtimes.stages` joins: `body`, up to the features that are
            enlarged, or `tail`, from them on.

    Returns:
        `openvino.Model` from `lr`, float32 (1, H, W, 3) in [0, 255], H and W open, to (1, scale H, scale W, 3),
        neither rounded nor clipped; of a part, from or to features (1, H, W, channels).

    Raises:
        ValueError: if a layer is of a kind that srzoo's generators have not, or the model has no such parts.
    """
    return _Builder(model, ranges or {}, watched).build(part)


def ranges_of(model: "keras.Model", crops: Iterable[np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Finds what the convolutions that take 8 bits are given, on real pictures.

    Args:
        model: as of `build`.
        crops: uint8 arrays of shape (H, W, 3), such as will be upscaled.

    Raises:
        ValueError: if there is no crop.
    """
    names = [layer.name for layer in model.layers if type(layer).__name__ == "Conv2D"]
    request = runtime().Core().compile_model(build(model, watched=True), "CPU", EXACT).create_infer_request()
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for crop in crops:
        request.infer({0: crop[None].astype(np.float32)})
        for i, name in enumerate(names):
            low, high = (request.get_output_tensor(2 * i + each).data.copy() for each in (1, 2))
            least, most = found.get(name, (np.zeros_like(low), np.zeros_like(high)))
            found[name] = np.minimum(low, least), np.maximum(high, most)
    if not found:
        raise ValueError("8 bits need pictures to find the ranges of values on; got none")
    return {name: ends for name, ends in found.items() if name not in FINE}


EXACT = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
"""How OpenVINO computes what is not in 8 bits; by itself it would take bfloat16 where the processor has it."""

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
        if id(end) not in self._values:
            raise ValueError(f"{self._model.name!r} has no {part} of its own, as a skip goes around its features")
        result = self._ops.transpose(self._values[id(end)], [0, 2, 3, 1])
        return runtime().Model([result, *self._watches], [given], self._model.name)

    def _features(self):
        """What the first convolution to the channels of a shuffle is given."""
        for operation in self._operations():
            following = self._only_user(operation)
            if type(operation).__name__ == "Conv2D" and type(following).__name__ == "DepthToSpace":
                return operation.input
        raise ValueError(f"{self._model.name!r} does not enlarge by a convolution and a shuffle, so it has no parts")

    def _made(self, operation, given: list):
        if operation.name in self._done:
            return given[0]
        kind = type(operation).__name__
        if kind == "Rescaling":
            scaled = self._ops.multiply(given[0], _channels(operation.scale))
            return self._ops.add(scaled, _channels(operation.offset)) if np.any(operation.offset) else scaled
        if kind == "Conv2D":
            return self._convolution(operation, given[0])
        if kind == "PReLU":
            return self._prelu(operation, given[0])
        if kind == "Add" and len(given) == 2:
            return self._ops.add(*given)
        if kind == "DepthToSpace":
            return self._shuffle(operation, given[0])
        raise ValueError(f"layer {operation.name!r} is of the kind {kind}, which srzoo's generators have not")

    def _convolution(self, layer, x):
        if layer.activation.__name__ not in ("linear", "relu", "tanh") or (
            tuple(layer.strides) != (1, 1) or tuple(layer.dilation_rate) != (1, 1)
        ):
            raise ValueError(f"layer {layer.name!r} is not a convolution as srzoo's generators have them")
        if self._watched:
            self._watches += [self._ops.reduce_min(x, [0, 2, 3]), self._ops.reduce_max(x, [0, 2, 3])]
        weights = np.asarray(layer.kernel, np.float32).transpose(3, 2, 0, 1)
        if layer.filters <= 4 and min(layer.kernel_size) > 4 and self._growth % 2 == 0:
            y = self._convolution_in_squares(layer, weights, x)
        else:
            y = self._convolved(layer, weights, x)
        if layer.use_bias:
            y = self._ops.add(y, _channels(layer.bias))
        return y if layer.activation.__name__ == "linear" else getattr(self._ops, layer.activation.__name__)(y)

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

    def _prelu(self, layer, x, copies: int = 1):
        return self._ops.prelu(x, self._ops.constant(np.tile(np.asarray(layer.alpha, np.float32).ravel(), copies)))

    def _shuffle(self, operation, x):
        """The shuffle moves values and changes none, so what follows by the channel is done before it.

        There it is one with the convolution, and 8 bits are moved instead of 32.
        """
        factor = getattr(operation, "block_size", None) or operation.scale
        self._growth *= factor
        following = self._only_user(operation)
        if type(following).__name__ == "PReLU":
            x = self._prelu(following, x, factor**2)
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
    """Of each channel, its part of the range of all, from above 0 to 1."""
    ends = [each / extreme for each, extreme in ((low, low.min()), (high, high.max())) if extreme]
    return np.maximum(np.max(ends, axis=0), 0.02).astype(np.float32) if ends else np.ones_like(low)


def _inputs(operation) -> list:
    return operation.input if isinstance(operation.input, list) else [operation.input]


def _channels(values) -> np.ndarray:
    """One value, or one a channel, for (N, C, H, W)."""
    return np.asarray(values, np.float32).reshape(1, -1, 1, 1)
