"""Networks that others trained with PyTorch: from their checkpoints to srzoo's models, without PyTorch.

Which network it is, its scale and its sizes are found by the shapes of its convolutions, whose layers it is by their
names (`Entry.layouts`). Between PyTorch and srzoo there are three differences: kernels are (out, in, height, width)
there and (height, width, in, out) here; channels on the small side of a pixel shuffle are in another order; and where
the number for white inside a network is not 1, the first and the last layer take it in.
"""

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from srzoo.importing.safetensors import read_safetensors
from srzoo.importing.tensors import Tensor
from srzoo.importing.torch_files import read_torch
from srzoo.models.edsr import DIV2K_MEAN
from srzoo.models.entry import Layout
from srzoo.models.registry import MODELS, build, entry_of, recognise
from srzoo.names import Configuration
from srzoo.zoo import known

WRAPPERS = (
    *("params_ema", "params", "state_dict", "model_state_dict"),
    *("weights", "model", "net", "netG", "generator"),
)
"""Keys under which the weights may lie, the averaged ones of BasicSR first: it validates those."""

PREFIXES = ("module.", "model.", "_orig_mod.", "net_g.", "netG.", "generator.")
"""What training programs put before every name."""

GENERATORS = PREFIXES[-3:]
"""Those that set the network apart from others in the same file."""

NO_WEIGHTS = {"total_ops", "total_params", "num_batches_tracked", "mean", "std"}
"""Last parts of the names of counters and of constants that srzoo's builders have themselves."""

OTHER_NETWORKS = {
    ("body.0.conv1.weight", "upconv1.weight"): "BasicSR's MSRResNet, which has leaky ReLUs, a bilinear skip and no "
    "batch normalisation, as no network of srzoo has",
    ("body.0.body.1.running_mean",): "EDSR with batch normalisation, which srzoo's has none of",
}
"""Names that tell a network that is not read -> which, and why."""


@dataclass(frozen=True)
class _Found:
    """A network of the zoo whose layers are in a file; `names` is our name of each -> the file's."""

    state: dict[str, Tensor]
    configuration: Configuration
    layout: Layout
    names: dict[str, str]

    @property
    def named(self) -> int:
        return sum(f"{theirs}.weight" in self.state for theirs in self.names.values())


def load_checkpoint(
    path: str | os.PathLike, name: str | None = None, scale: int | None = None, residual_scaling: float | None = None
) -> keras.Model:
    """Loads a PyTorch checkpoint as the model of the zoo that it is.

    Args:
        path: a file of `torch.save` that holds a state dict, bare or wrapped by a training program, or `.safetensors`.
        name: what it becomes, as `"edsr-gan"`, or a full name such as `"edsr-baseline-x4"`, which the file must fit
            then; None for the model trained on pixels that its sizes are nearest to.
        scale: the scale that is expected; None takes the file's.
        residual_scaling: the factor on each block's residual of EDSR, which no file tells; None for the model's own,
            0.1 for `edsr` and 1 for the others.

    Returns:
        A model as `zoo.create` describes it, with the checkpoint's weights; its outputs are those of the network in
        PyTorch up to float32's rounding.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read or holds another network, tensors are missing, left over or of other
            shapes, or the sizes are not those that the name or the scale tell.
    """
    path = Path(path)
    base = known(name).base if name else None
    saved = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    try:
        found = _find(_state(saved), base)
        model = build(_configuration(found.configuration, name, base, scale, residual_scaling))
        for layer, weights in _weights(found, model):
            layer.set_weights(weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return model


def _state(saved: Any) -> dict[str, Tensor]:
    """The network's tensors by their names, less what lies around them."""
    while isinstance(saved, dict) and (keys := [key for key in WRAPPERS if isinstance(saved.get(key), dict)]):
        saved = saved[keys[0]]
    held = saved if isinstance(saved, dict) else {}
    state = {key: each for key, each in held.items() if isinstance(key, str) and isinstance(each, Tensor)}
    state = {key: each for key, each in state.items() if key.rpartition(".")[2] not in NO_WEIGHTS}
    if not state:
        what = _quoted(held) if held else f"an empty {type(saved).__name__}" if not saved else type(saved).__name__
        raise ValueError(f"it holds {what}, but no weights by their names; give a network's state_dict()")
    # Else a small file could ask for much memory, by naming the same bytes again and again.
    memory = {id(tensor.storage): tensor.storage.size for tensor in state.values()}
    if sum(math.prod(tensor.shape) for tensor in state.values()) > sum(memory.values()):
        raise ValueError("its tensors share their memory, as those of no network here do; save clones of them")
    return state


def _less_and_less(state: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The state, and then with one prefix less each time; ESRGAN's own names begin with "model."."""
    yield state
    while prefix := next((each for each in PREFIXES if all(key.startswith(each) for key in state)), None) or next(
        (each for each in GENERATORS if any(key.startswith(each) for key in state)), None
    ):
        state = {key.removeprefix(prefix): each for key, each in state.items() if key.startswith(prefix)}
        yield state


def _find(state: dict[str, Tensor], base: str | None) -> _Found:
    """The network with the most layers in the file; of the same network, that of published sizes."""
    found = []
    for state in _less_and_less(state):  # noqa: B020
        for marks, network in OTHER_NETWORKS.items():
            if all(mark in state for mark in marks):
                raise ValueError(f"it holds {network} ({marks[-1]})")
        shifts = {
            f"{shift}.weight" for entry in MODELS.values() for each in entry.layouts for shift in each.mean_shifts
        }
        kernels = [each.shape for key, each in state.items() if len(each.shape) == 4 and key not in shifts]
        for configuration in recognise([(*shape[2:], shape[1], shape[0]) for shape in kernels]):
            sizes = {**entry_of(configuration.base).published(), **configuration.options, "scale": configuration.scale}
            for layout in entry_of(configuration.base).layouts:
                found.append(_Found(state, configuration, layout, layout.names(sizes)))
    fitting = [each for each in found if each.named]
    if not fitting:
        raise ValueError(_unknown(state))
    wanted = base and (entry_of(base).pixel_trained or base)
    if not (left := [each for each in fitting if wanted in (None, each.configuration.base)]):
        others = " or ".join(dict.fromkeys(repr(each.configuration.name) for each in fitting))
        raise ValueError(f"it holds {others}, but {base!r} was asked for; give one of these, or none")
    return max(left, key=lambda each: each.named)


def _unknown(state: dict[str, Tensor]) -> str:
    """What to say of a file whose convolutions are those of no network."""
    layouts = [(entry, layout) for entry in MODELS.values() if not entry.pixel_trained for layout in entry.layouts]
    for entry, layout in layouts:
        names = layout.names({**entry.published(), "scale": 4}).values()
        if alike := [f"{each}.weight" for each in names if f"{each}.weight" in state]:
            shapes = ", ".join(f"{key} {state[key].shape}" for key in alike[:4])
            return (
                f"its layers are named as those of {entry.name} in {layout.project}, but they make no such network: "
                f"{shapes} ... of {len(state)} tensors; give a checkpoint of that network, whole and unchanged"
            )
    known_ones = "; ".join(dict.fromkeys(f"{entry.name} of {layout.project}" for entry, layout in layouts))
    return f"it holds {_quoted(state)}, as no network that is read; these are: {known_ones}"


def _configuration(
    found: Configuration, name: str | None, base: str | None, scale: int | None, residual_scaling: float | None
) -> Configuration:
    """What the file becomes, which must agree with the name and the scale that were given."""
    base = base or found.base
    published = entry_of(base).published()
    options = dict(found.options)
    if residual_scaling is not None:
        options["residual_scaling"] = residual_scaling
    options = {key: value for key, value in options.items() if value != published.get(key)}
    configuration = Configuration(base, found.scale, options)
    if scale not in (None, found.scale):
        raise ValueError(
            f"it upscales by {found.scale}, but the scale {scale} was given; leave it out or give the file's"
        )
    if name not in (None, base, configuration.name):
        raise ValueError(
            f"it holds {configuration.name!r}, but {name!r} was asked for; give {configuration.name!r} or {base!r}"
        )
    return configuration


def _weights(found: _Found, model: keras.Model) -> Iterator[tuple[keras.Layer, list[np.ndarray]]]:
    """Each layer of the model with its weights, if the file has all of them, in their shapes, and no others."""
    layers = [layer for layer in model.layers if layer.weights]
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        for suffix, weight in zip(("weight", "bias"), layer.weights):
            shape = tuple(weight.shape)
            shapes[f"{found.names[layer.name]}.{suffix}"] = (
                (*shape[:1:-1], *shape[:2]) if len(shape) == 4 else shape[-1:]
            )
    shifts = {f"{each}.{part}": shape for each in found.layout.mean_shifts for part, shape in _SHIFT.items()}
    if shifts.keys() & found.state.keys():
        shapes |= shifts
    missing, left_over = ([key for key in a if key not in b] for a, b in ((shapes, found.state), (found.state, shapes)))
    if missing or left_over:
        faults = [f"lacks {_quoted(missing)}"] * bool(missing) + [f"has {_quoted(left_over)} besides"] * bool(left_over)
        raise ValueError(
            f"as {found.configuration.name} of {found.layout.project} it {' and '.join(faults)}; "
            "give a checkpoint of that network, unchanged"
        )
    arrays = {key: _array(key, found.state[key], shape) for key, shape in shapes.items()}
    white = _white(arrays, found.layout)
    orders = _channel_orders(model)
    for layer in layers:
        made = []
        for suffix, weight in zip(("weight", "bias"), layer.weights):
            array = arrays[f"{found.names[layer.name]}.{suffix}"]
            if array.ndim == 4:
                array = array.transpose(2, 3, 1, 0)
            if (layer.name, suffix) == ("head", "weight"):
                array = array * white
            elif layer.name == "tail":
                array = array / white
            inputs, outputs = orders.get(layer.name, (None, None))
            if outputs is not None:
                array = array[..., outputs]
            if inputs is not None and array.ndim == 4:
                array = array[:, :, inputs]
            made.append(array.reshape(weight.shape))
        yield layer, made


_SHIFT = {"weight": (3, 3, 1, 1), "bias": (3,)}


def _array(key: str, tensor: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor as float32."""
    if tensor.shape != shape:
        raise ValueError(f"{key} has the shape {tensor.shape}, expected {shape} by the shapes of the others")
    array = tensor.array()
    if array.dtype.kind != "f":
        raise ValueError(f"{key} is of type {array.dtype}, expected floating-point numbers")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(
            f"{key} holds numbers that are not finite in float32, expected none: maybe its training diverged; "
            "give an earlier checkpoint"
        )
    return array


def _channel_orders(model: keras.Model) -> dict[str, tuple[np.ndarray | None, np.ndarray | None]]:
    """Convolution on the small side of a pixel shuffle -> where PyTorch has its input and its output channels.

    PyTorch counts channel, row, column; srzoo row, column, channel.
    """
    orders: dict[str, tuple[np.ndarray | None, np.ndarray | None]] = {}
    for operation in model.operations:
        kind = type(operation).__name__
        if kind == "DepthToSpace":
            small, channels = operation.input, operation.output.shape[-1]
            order = np.arange(small.shape[-1]).reshape(channels, -1).T.ravel()
            orders[small._keras_history.operation.name] = (None, order)
        elif kind == "PixelUnshuffle":
            small, channels = operation.output, operation.input.shape[-1]
            order = np.arange(small.shape[-1]).reshape(channels, -1).T.ravel()
            reader = next(each for each in model.layers if each.weights)
            orders[reader.name] = (order, None)
    return orders


def _white(weights: dict[str, np.ndarray], layout: Layout) -> float:
    """The number that white is inside the network: the layout's, unless layers for the mean tell another."""
    if not all(f"{each}.bias" in weights for each in layout.mean_shifts) or not layout.mean_shifts:
        return layout.white
    mean = np.array(DIV2K_MEAN) / 255
    # Whole numbers, as EDSR-PyTorch's option is one; so that a file in half precision tells it exactly.
    white = float(np.round(np.mean(-weights[f"{layout.mean_shifts[0]}.bias"] / mean)))
    for theirs, sign in zip(layout.mean_shifts, (-1, 1)):
        kernel, bias = weights[f"{theirs}.weight"][:, :, 0, 0], weights[f"{theirs}.bias"]
        if white < 1 or not (
            np.allclose(kernel, np.eye(3), atol=1e-3) and np.allclose(bias, sign * white * mean, rtol=5e-3)
        ):
            raise ValueError(
                f"{theirs} is not a shift by DIV2K's mean (0.4488, 0.4371, 0.4040), as srzoo's EDSR has it; "
                "a network with another mean or deviation cannot become that"
            )
    return white


def _quoted(names: Iterable[object]) -> str:
    """The first few of names that come out of a file, for a message."""
    names = list(names)
    texts = [ascii(name[:60] if isinstance(name, str) else name) for name in names[:4]]
    return ", ".join(texts) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
