"""Networks that others trained with PyTorch: from their checkpoints to srzoo's models, without PyTorch.

Two layouts are read, each of EDSR (arXiv 1707.02921): that of the authors' EDSR-PyTorch and that of BasicSR. Between
them and srzoo there are four differences: kernels are (out, in, height, width) there and (height, width, in, out) here;
the channels before a pixel shuffle are in another order; their networks work on [0, range] less DIV2K's mean, range
being 255 unless they were trained otherwise, srzoo's on [0, 1] less the mean; and the scaling of
their residuals is in no file.
"""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from srzoo import zoo
from srzoo.importing.torch_files import Tensor, read_torch
from srzoo.models.edsr import DIV2K_MEAN
from srzoo.models.layers import STAGES
from srzoo.models.registry import MODELS, entry_of
from srzoo.names import Configuration

NETWORKS = tuple(name for name, entry in MODELS.items() if "residual_scaling" in entry.published())
"""The models that a checkpoint can become: those that `edsr` builds."""

MAX_BLOCKS = 256

WRAPPERS = ("params_ema", "params", "state_dict")
"""Keys under which the weights may lie, the averaged ones of BasicSR first: it validates those."""

PREFIXES = ("model.", "module.")
"""What older versions of EDSR-PyTorch, and networks wrapped for several GPUs, put before every name."""


@dataclass(frozen=True)
class Layout:
    """How a project names EDSR's convolutions; `{i}` counts blocks from 0, `{k}` is twice the stage from 0."""

    project: str
    head: str
    conv1: str
    conv2: str
    body: str
    upsample: str
    tail: str
    mean_shifts: tuple[str, ...] = ()
    """1x1 convolutions that subtract and add the mean."""

    def convolutions(self, blocks: int, stages: int) -> dict[str, str]:
        """srzoo's name of each layer -> the project's."""
        names = {"head": self.head}
        for i in range(blocks):
            names[f"block{i + 1}_conv1"] = self.conv1.format(i=i)
            names[f"block{i + 1}_conv2"] = self.conv2.format(i=i)
        names["body"] = self.body.format(i=blocks)
        for stage in range(stages):
            names[f"upsample{stage + 1}_conv"] = self.upsample.format(k=2 * stage)
        return {**names, "tail": self.tail}


EDSR_PYTORCH = Layout(
    project="EDSR-PyTorch",
    head="head.0",
    conv1="body.{i}.body.0",
    conv2="body.{i}.body.2",
    body="body.{i}",
    upsample="tail.0.{k}",
    tail="tail.1",
    mean_shifts=("sub_mean", "add_mean"),
)
BASICSR = Layout(
    project="BasicSR",
    head="conv_first",
    conv1="body.{i}.conv1",
    conv2="body.{i}.conv2",
    body="conv_after_body",
    upsample="upsample.{k}",
    tail="conv_last",
)

OTHER_NETWORKS = {
    "upconv1.weight": "BasicSR's MSRResNet, which has leaky ReLUs, a bilinear skip and no batch normalisation, "
    "as no network of srzoo has",
    "conv_up1.weight": "RRDBNet, the generator of ESRGAN, which srzoo does not have",
    "body.0.body.1.running_mean": "EDSR with batch normalisation, which srzoo's has none of",
}
"""A name that tells a network that is not read -> which, and why."""


def load_torch(
    path: str | os.PathLike, name: str, scale: int | None = None, residual_scaling: float | None = None
) -> keras.Model:
    """Loads a checkpoint of EDSR that EDSR-PyTorch or BasicSR wrote.

    Args:
        path: a file of `torch.save` that holds a state dict, bare or under a key of `WRAPPERS`.
        name: what the network becomes: one of `NETWORKS`, or a full name such as `"edsr-baseline-x4"`, which the
            file must fit then. Scale, blocks and filters are read off the file.
        scale: the scale that is expected; None takes the file's.
        residual_scaling: the factor on each block's residual that the network was trained with, which no file tells;
            None for the named architecture's, 0.1 for `edsr` and 1 for the others.

    Returns:
        A model as `zoo.create` describes it, with the checkpoint's weights; its outputs are those of the network in
        PyTorch up to float32's rounding, for BasicSR those at its `img_range` of 255.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is none that `read_torch` reads or holds another network, tensors are missing, left over
            or of other shapes, or the sizes are not those that the name or the scale tell.
    """
    path = Path(path)
    full_name, layers = convert(path, name, scale, residual_scaling)
    model = zoo.create(full_name)
    for layer, weights in layers.items():
        model.get_layer(layer).set_weights(weights)
    return model


def convert(
    path: Path, name: str, scale: int | None = None, residual_scaling: float | None = None
) -> tuple[str, dict[str, list[np.ndarray]]]:
    """The part of `load_torch` before a model is built: its full name, and layer -> kernel and bias, float32."""
    base = zoo.known(name).base
    if base not in NETWORKS:
        raise ValueError(
            f"a PyTorch checkpoint cannot become {name!r}, only what is built as EDSR is: {', '.join(NETWORKS)}"
        )
    if residual_scaling is not None and not (math.isfinite(residual_scaling) and residual_scaling != 0):
        raise ValueError(f"the residual scaling must be a number other than 0, got {residual_scaling}")
    saved = read_torch(path)
    try:
        state = _state_dict(saved)
        layout = _layout(state)
        blocks, filters, factors = _sizes(state, layout)
        weights = _arrays(state, _shapes(layout, blocks, filters, factors), layout)
        value_range = _value_range(weights, layout)
        full_name = _full_name(name, scale, blocks, filters, math.prod(factors))
        rescale = _residual_factor(base, blocks, filters, residual_scaling)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    layers = {}
    for ours, theirs in layout.convolutions(blocks, len(factors)).items():
        kernel, bias = weights[f"{theirs}.weight"].transpose(2, 3, 1, 0), weights[f"{theirs}.bias"]
        if ours == "head":
            kernel = kernel * value_range
        elif ours == "tail":
            kernel, bias = kernel / value_range, bias / value_range
        elif ours.endswith("_conv2"):
            kernel, bias = kernel * rescale, bias * rescale
        elif ours.startswith("upsample"):
            kernel, bias = _shuffle_order(kernel, filters), _shuffle_order(bias, filters)
        layers[ours] = [np.ascontiguousarray(array, np.float32) for array in (kernel, bias)]
    return full_name, layers


def _state_dict(saved: Any) -> dict[str, Tensor]:
    """The network's weights by their names, less what wraps them."""
    state = saved
    if isinstance(saved, dict):
        state = next((saved[key] for key in WRAPPERS if isinstance(saved.get(key), dict)), saved)
    if not isinstance(state, dict) or not state:
        raise ValueError(f"it holds an empty state or a {type(state).__name__}, expected a network's state_dict()")
    for key, value in state.items():
        if not (isinstance(key, str) and isinstance(value, Tensor)):
            raise ValueError(
                f"it holds a {type(value).__name__} as {_quoted([key])}, expected tensors by their names; "
                "give a network's state_dict(), not a training's state"
            )
    # Else a small file could ask for much memory, by naming the same bytes again and again.
    memory = {id(tensor.storage): tensor.storage.size for tensor in state.values()}
    if sum(math.prod(tensor.shape) for tensor in state.values()) > sum(memory.values()):
        raise ValueError("its tensors share their memory, as those of no EDSR do; save clones of them")
    for prefix in 2 * PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _layout(state: dict[str, Tensor]) -> Layout:
    for key, network in OTHER_NETWORKS.items():
        if key in state:
            raise ValueError(f"it holds {network} ({key}); EDSR of EDSR-PyTorch or BasicSR is read")
    for layout in (EDSR_PYTORCH, BASICSR):
        if f"{layout.head}.weight" in state:
            return layout
    raise ValueError(
        f"it holds {_quoted(state)}, expected EDSR as EDSR-PyTorch ({EDSR_PYTORCH.head}.weight, ...) "
        f"or BasicSR ({BASICSR.head}.weight, ...) names it"
    )


def _sizes(state: dict[str, Tensor], layout: Layout) -> tuple[int, int, tuple[int, ...]]:
    """Blocks, filters and the factors of the upsampling stages, as names and shapes tell them."""
    filters = (*state[f"{layout.head}.weight"].shape, 0)[0]
    blocks = 0
    while f"{layout.conv1.format(i=blocks)}.weight" in state:
        blocks += 1
    if not filters or not 0 < blocks <= MAX_BLOCKS:
        raise ValueError(f"it holds {blocks} blocks and {filters} filters, expected 1 to {MAX_BLOCKS} and 1 or more")
    factors: list[int] = []
    while kernel := state.get(f"{layout.upsample.format(k=2 * len(factors))}.weight"):
        factors.append(math.isqrt((*kernel.shape, 0)[0] // filters))
    if tuple(factors) not in STAGES.values():
        raise ValueError(
            f"its upsampling stages are {factors or 'none'} ({layout.upsample.format(k=0)}.weight, ...), "
            f"expected {', '.join(str(list(stages)) for stages in STAGES.values())}"
        )
    return blocks, filters, tuple(factors)


def _shapes(layout: Layout, blocks: int, filters: int, factors: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Every name that a file of these sizes has -> its shape in PyTorch: (out, in, height, width) or (out,)."""
    channels = {"head": (filters, 3), "tail": (3, filters)}
    channels |= {f"upsample{i}_conv": (filters * factor**2, filters) for i, factor in enumerate(factors, start=1)}
    shapes: dict[str, tuple[int, ...]] = {}
    for ours, theirs in layout.convolutions(blocks, len(factors)).items():
        outputs, inputs = channels.get(ours, (filters, filters))
        shapes |= {f"{theirs}.weight": (outputs, inputs, 3, 3), f"{theirs}.bias": (outputs,)}
    for theirs in layout.mean_shifts:
        shapes |= {f"{theirs}.weight": (3, 3, 1, 1), f"{theirs}.bias": (3,)}
    return shapes


def _arrays(state: dict[str, Tensor], shapes: dict[str, tuple[int, ...]], layout: Layout) -> dict[str, np.ndarray]:
    """The tensors as float32, if they are those that are expected, all of them and no others."""
    missing = [key for key in shapes if key not in state]
    left_over = [key for key in state if key not in shapes]
    faults = [f"lacks {_quoted(missing)}"] * bool(missing) + [f"has {_quoted(left_over)} besides"] * bool(left_over)
    if faults:
        raise ValueError(
            f"as {layout.project}'s EDSR it {' and '.join(faults)}; give a checkpoint of that network, unchanged"
        )
    arrays = {}
    for key, shape in shapes.items():
        if state[key].shape != shape:
            raise ValueError(f"{key} has the shape {state[key].shape}, expected {shape} by the shapes of the others")
        array = state[key].array()
        if array.dtype.kind != "f":
            raise ValueError(f"{key} is of type {array.dtype}, expected floating-point numbers")
        with np.errstate(over="ignore"):
            arrays[key] = array.astype(np.float32)
        if not np.isfinite(arrays[key]).all():
            raise ValueError(
                f"{key} holds numbers that are not finite in float32, expected none: maybe its training diverged; "
                "give an earlier checkpoint"
            )
    return arrays


def _value_range(weights: dict[str, np.ndarray], layout: Layout) -> float:
    """The number that white is inside the network: 255, unless the file's layers for the mean tell another."""
    if not layout.mean_shifts:
        return 255.0
    mean = np.array(DIV2K_MEAN) / 255
    # Whole numbers, as EDSR-PyTorch's option is one; so that a file in half precision tells it exactly.
    value_range = float(np.round(np.mean(-weights["sub_mean.bias"] / mean)))
    for theirs, sign in zip(layout.mean_shifts, (-1, 1)):
        kernel, bias = weights[f"{theirs}.weight"][:, :, 0, 0], weights[f"{theirs}.bias"]
        if value_range < 1 or not (
            np.allclose(kernel, np.eye(3), atol=1e-3) and np.allclose(bias, sign * value_range * mean, rtol=5e-3)
        ):
            raise ValueError(
                f"{theirs} is not a shift by DIV2K's mean (0.4488, 0.4371, 0.4040), as srzoo's EDSR has it; "
                "a network with another mean or deviation cannot become that"
            )
    return value_range


def _full_name(name: str, scale: int | None, blocks: int, filters: int, found: int) -> str:
    """The full name of what the file holds, which must agree with the name and the scale that were given."""
    base = zoo.known(name).base
    published = _published(base)
    options = {key: size for key, size in (("blocks", blocks), ("filters", filters)) if size != published[key]}
    full_name = Configuration(base, found, options).name
    if scale not in (None, found):
        raise ValueError(f"it upscales by {found}, but the scale {scale} was given; leave it out or give the file's")
    if name not in (base, full_name):
        raise ValueError(f"it holds {full_name!r}, but {name!r} was asked for; give {full_name!r} or {base!r}")
    return full_name


def _published(base: str) -> dict[str, Any]:
    return entry_of(base).published()


def _residual_factor(base: str, blocks: int, filters: int, residual_scaling: float | None) -> float:
    """What a block's last convolution is multiplied by, so that the architecture's own scaling gives the given one."""
    own = _published(base)["residual_scaling"]
    if residual_scaling is not None:
        return residual_scaling / own
    for other in NETWORKS:
        sizes = _published(other)
        if (sizes["blocks"], sizes["filters"]) == (blocks, filters) and sizes["residual_scaling"] != own:
            raise ValueError(
                f"its {blocks} blocks of {filters} filters are those of {other!r}, whose residuals are scaled by "
                f"{sizes['residual_scaling']}, not {own} as in {base!r}; give {other!r}, or the residual scaling that "
                "it was trained with"
            )
    return 1.0


def _shuffle_order(array: np.ndarray, filters: int) -> np.ndarray:
    """Reorders the last axis from (channel, sub-pixel row, column), PyTorch's, to (row, column, channel)."""
    *rest, channels = array.shape
    factor = math.isqrt(channels // filters)
    return np.moveaxis(array.reshape(*rest, filters, factor, factor), -3, -1).reshape(*rest, channels)


def _quoted(names: Iterable[object]) -> str:
    """The first few of names that come out of a file, for a message."""
    names = list(names)
    texts = [ascii(name[:60] if isinstance(name, str) else name) for name in names[:4]]
    return ", ".join(texts) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
