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
from srzoo.models.keras_graph import from_keras
from srzoo.models.registry import MODELS, build, entry_of, parse_known, recognise
from srzoo.names import Configuration

WRAPPERS = (
    *("params_ema", "params-ema", "params", "state_dict", "model_state_dict"),
    *("weights", "model", "net", "netG", "generator"),
)
"""Keys under which the weights may lie, the averaged ones of BasicSR first: it validates those."""

GENERATORS = ("generator_ema.", "net_g.", "netG.", "generator.")
"""Prefixes that set the network apart from others in the same file, the averaged one of mmagic first: it runs that."""

PREFIXES = ("module.", "model.", "_orig_mod.", *GENERATORS)
"""Prefixes that training programs put before every name."""

MAX_NESTED = 6
"""Wrappers in one another, and prefixes before one another; a pickle may hold a dict that holds itself."""

NO_WEIGHTS = {"total_ops", "total_params", "num_batches_tracked", "n_averaged", "mean", "std"}
"""Last parts of the names of counters and of constants that srzoo's builders have themselves."""

OTHER_NETWORKS = {
    ("body.0.conv1.weight", "upconv1.weight"): "BasicSR's MSRResNet, which has leaky ReLUs, a bilinear skip and no "
    "batch normalisation, as no network of srzoo has",
    ("body.0.body.1.running_mean",): "EDSR with batch normalisation, which srzoo's has none of",
}
"""Names that identify a network that srzoo does not read -> the network, and why."""

MEAN_SHIFTS = {f"{name}.weight" for entry in MODELS.values() for each in entry.layouts for name in each.mean_shifts}
"""Convolutions that are none of srzoo's."""


@dataclass(frozen=True, eq=False)
class _Found:
    """A network of the zoo some of whose layers are in a file; `names` is our name of each layer -> the file's."""

    state: dict[str, Tensor]
    configuration: Configuration
    layout: Layout
    names: dict[str, str]


def load_checkpoint(
    path: str | os.PathLike, name: str | None = None, scale: int | None = None, residual_scaling: float | None = None
) -> keras.Model:
    """Loads a PyTorch checkpoint as a model of the zoo.

    Args:
        path: a file of `torch.save` that holds a state dict, bare or wrapped by a training program, or `.safetensors`.
        name: what it becomes, as `"edsr-gan"`, or a full name such as `"edsr-baseline-x4"`, which the file must fit
            then; None for the model trained on pixels that its sizes are nearest to.
        scale: the scale that is expected; None takes the file's.
        residual_scaling: the factor on each residual of EDSR's blocks, which no file holds; None for the model's own,
            0.1 for `edsr` and 1 for the others.

    Returns:
        A model as `zoo.create` describes it, with the checkpoint's weights; its outputs are those of the network in
        PyTorch up to float32's rounding.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read or holds another network, tensors are missing, left over or of other
            shapes, or the sizes are not those that belong to the name or the scale.
    """
    path = Path(path)
    base = parse_known(name).base if name else None
    state = read_state(path)
    try:
        found = _find(state, base, residual_scaling)
        model = build(_configuration(found.configuration, name, base, scale, residual_scaling))
        _set_weights(model, found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return model


def read_state(path: str | os.PathLike) -> dict[str, Tensor]:
    """A network's tensors by their names, less what lies around them; errors as of `load_checkpoint`."""
    path = Path(path)
    saved = read_safetensors(path) if path.suffix.lower() == ".safetensors" else read_torch(path)
    try:
        return _state(saved)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _state(saved: Any) -> dict[str, Tensor]:
    for _ in range(MAX_NESTED):
        if isinstance(saved, dict):
            saved = next((saved[key] for key in WRAPPERS if isinstance(saved.get(key), dict)), saved)
    held = saved if isinstance(saved, dict) else {}
    state = {key: each for key, each in held.items() if isinstance(key, str) and isinstance(each, Tensor)}
    state = {key: each for key, each in state.items() if key.rpartition(".")[2] not in NO_WEIGHTS}
    if not state:
        what = _quoted(held) if held else f"an empty {type(saved).__name__}" if not saved else type(saved).__name__
        raise ValueError(f"it holds {what}, but no weights by their names; give a network's state_dict()")
    # Else a small file could ask for much memory, by naming the same bytes again and again.
    memory = {id(tensor.storage): tensor.storage.size for tensor in state.values()}
    if sum(math.prod(tensor.shape) for tensor in state.values()) > sum(memory.values()):
        raise ValueError("its tensors share their memory, which no network here does; save clones of them")
    return state


def _less_and_less(state: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The state, and then with one prefix less each time; ESRGAN's own names begin with "model."."""
    for _ in range(MAX_NESTED):
        yield state
        prefix = next((each for each in PREFIXES if all(key.startswith(each) for key in state)), None) or next(
            (each for each in GENERATORS if any(key.startswith(each) for key in state)), None
        )
        if not prefix:
            return
        state = {key.removeprefix(prefix): each for key, each in state.items() if key.startswith(prefix)}


def _find(state: dict[str, Tensor], base: str | None, residual_scaling: float | None) -> _Found:
    """The network with the most layers in the file, and of these that with the published sizes."""
    found: list[tuple[int, _Found]] = []
    for less in _less_and_less(state):
        state = less
        for marks, network in OTHER_NETWORKS.items():
            if all(mark in state for mark in marks):
                raise ValueError(f"it holds {network} ({marks[-1]})")
        shapes = [each.shape for key, each in state.items() if len(each.shape) == 4 and key not in MEAN_SHIFTS]
        for configuration in recognise([(*shape[2:], shape[1], shape[0]) for shape in shapes]):
            entry = entry_of(configuration.base)
            for layout in entry.layouts:
                names = layout.names({**entry.published(), **configuration.options, "scale": configuration.scale})
                there = sum(f"{theirs}.weight" in state for theirs in names.values())
                if there >= len(names) / 2:
                    found.append((there, _Found(state, configuration, layout, names)))
    if not found:
        raise ValueError(_unknown(state))
    ranked = [each for _, each in sorted(found, key=lambda each: -each[0])]
    best = ranked[0]
    wanted = base and (entry_of(base).pixel_trained or base)
    fitting = [each for each in ranked if wanted in (None, each.configuration.base)]
    if not fitting:
        raise ValueError(f"it holds {best.configuration.name!r}, but {base!r} was asked for; leave that out")
    # Networks that differ only in the scaling of residuals have the same sizes; the published sizes decide.
    if best not in fitting and not best.configuration.options and residual_scaling is None:
        raise ValueError(
            f"its sizes are those of {best.configuration.base!r}, whose residuals are not scaled as those of {base!r}; "
            "give that name, or the residual scaling that it was trained with"
        )
    return fitting[0]


def _unknown(state: dict[str, Tensor]) -> str:
    """A message about a file whose convolutions belong to no network."""
    alike: list[str] = []
    nearest, entries, projects = "", [], []
    for entry in (each for each in MODELS.values() if each.layouts and not each.pixel_trained):
        entries.append(entry.name)
        for layout in entry.layouts:
            projects.append(layout.project)
            names = set(layout.names({**entry.published(), "scale": 4}).values())
            there = [key for key in state if key.removesuffix(".weight") in names]
            if len(there) > len(alike):
                alike, nearest = there, f"{layout.project} names those of {entry.name!r}"
    if len(alike) > sum(key.endswith(".weight") for key in state) / 2:  # many networks have a conv_first
        shapes = ", ".join(f"{key} {state[key].shape}" for key in alike[:4])
        return (
            f"its layers are named as {nearest}, but their shapes make no such network: {shapes}, ...; "
            "give a checkpoint of that network, whole and unchanged"
        )
    return (
        f"it holds {_quoted(state)}, expected {', '.join(entries)} with the names of "
        f"{', '.join(dict.fromkeys(projects))}"
    )


def _configuration(
    found: Configuration, name: str | None, base: str | None, scale: int | None, residual_scaling: float | None
) -> Configuration:
    """Configuration of the file, which must agree with the given name and scale."""
    base = base or found.base
    options = dict(found.options)
    if residual_scaling not in (None, entry_of(base).published().get("residual_scaling")):
        options["residual_scaling"] = residual_scaling
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


def _set_weights(model: keras.Model, found: _Found) -> None:
    """Gives the model the file's weights, if it has all of them, in their shapes, and no others."""
    weights = {
        f"{found.names[layer.name]}.{part}": (layer.name, weight)
        for layer in model.layers
        for part, weight in zip(("weight", "bias"), layer.weights)
    }
    ours = {key: tuple(weight.shape) for key, (_, weight) in weights.items()}
    shapes = {key: (of[3], of[2], *of[:2]) if len(of) == 4 else of[-1:] for key, of in ours.items()}
    for each in found.layout.mean_shifts:
        if f"{each}.weight" in found.state or f"{each}.bias" in found.state:
            shapes |= {f"{each}.weight": (3, 3, 1, 1), f"{each}.bias": (3,)}
    missing = [key for key in shapes if key not in found.state]
    left_over = [key for key in found.state if key not in shapes]
    faults = [f"lacks {_quoted(missing)}"] * bool(missing) + [f"has {_quoted(left_over)} besides"] * bool(left_over)
    if faults:
        raise ValueError(
            f"as {found.configuration.name!r} of {found.layout.project} it {' and '.join(faults)}; "
            "give a checkpoint of that network, unchanged"
        )
    arrays = {key: float32_array(key, found.state[key], shape) for key, shape in shapes.items()}
    white, orders = _white(arrays, found.layout), channel_orders(model)
    for key, (layer, weight) in weights.items():
        array = arrays[key].transpose(2, 3, 1, 0) if arrays[key].ndim == 4 else arrays[key].reshape(weight.shape)
        if layer == "head" and array.ndim == 4:
            array = array * white
        elif layer == "tail":
            array = array / white
        for axis, order in orders.get(layer, {}).items():
            if -axis <= array.ndim:
                array = np.take(array, order, axis)
        weight.assign(array)


def channel_orders(model: keras.Model) -> dict[str, dict[int, np.ndarray]]:
    """Convolution beside a pixel shuffle -> axis of channels -> which of PyTorch's is where.

    PyTorch counts channel, row, column; srzoo row, column, channel.
    """
    orders = {}
    for layer in from_keras(model).layers:
        if layer.kind in ("DepthToSpace", "PixelUnshuffle"):
            (before,) = layer.inputs
            few, many = sorted((before.channels, layer.channels))
            order = np.arange(many).reshape(few, -1).T.ravel()
            if layer.kind == "PixelUnshuffle":
                orders["head"] = {-2: order}
            else:
                orders[before.name] = {-1: order}
    return orders


def float32_array(key: str, tensor: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of that shape as float32; raises ValueError for another shape, whole or infinite numbers and NaN."""
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


def _white(weights: dict[str, np.ndarray], layout: Layout) -> float:
    """The value of white inside the network: the layout's, unless layers for the mean hold another."""
    if not all(f"{each}.bias" in weights for each in layout.mean_shifts) or not layout.mean_shifts:
        return layout.white
    mean = np.array(DIV2K_MEAN) / 255
    # Whole numbers, because EDSR-PyTorch's option is one; so a file in half precision gives it exactly.
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
