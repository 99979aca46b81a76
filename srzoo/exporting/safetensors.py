"""A network as PyTorch's programs name and lay it out, in a `.safetensors` file; the reverse of `srzoo import`."""

import json
from pathlib import Path

import keras
import numpy as np

from srzoo import zoo
from srzoo.importing.checkpoints import channel_orders
from srzoo.models.edsr import DIV2K_MEAN
from srzoo.models.entry import Layout
from srzoo.models.registry import entry_of


def layout_of(model: keras.Model, project: str | None = None) -> Layout:
    """The layout in which a model is written.

    Args:
        model: one of the zoo.
        project: whose layout, as of `Entry.layouts`; None for the first.

    Raises:
        ValueError: if the model has none, or not that one.
    """
    base = zoo.configuration_of(model).base
    layouts = {each.project: each for each in entry_of(base).layouts}
    if not layouts:
        raise ValueError(f"{base!r} is no network of a known program in PyTorch, so it cannot be had as safetensors")
    if project is not None and project not in layouts:
        raise ValueError(f"{base!r} has no layout {project!r}; choose one of {', '.join(layouts)}")
    return layouts[project or next(iter(layouts))]


def write_safetensors(model: keras.Model, path: Path, layout: Layout) -> None:
    """Writes the weights in float32, by the layout's names.

    Args:
        model: one of the zoo.
        path: the file.
        layout: one of its entry's.
    """
    tensors = _tensors(model, layout)
    header: dict = {"__metadata__": {"format": "pt", "srzoo": zoo.configuration_of(model).to_json()}}
    end = 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [end, end := end + array.nbytes]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors are aligned
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(array.tobytes() for array in tensors.values())


def _tensors(model: keras.Model, layout: Layout) -> dict[str, np.ndarray]:
    configuration = zoo.configuration_of(model)
    sizes = {**entry_of(configuration.base).published(), **configuration.options, "scale": configuration.scale}
    names, orders = layout.names(sizes), channel_orders(model)
    tensors = {}
    for layer in (each for each in model.layers if each.weights):
        for part, weight in zip(("weight", "bias"), layer.get_weights()):
            for axis, order in orders.get(layer.name, {}).items():
                if -axis <= weight.ndim:
                    weight = np.take(weight, np.argsort(order), axis)
            if layer.name == "head" and weight.ndim == 4:
                weight = weight / layout.white
            elif layer.name == "tail":
                weight = weight * layout.white
            # A PReLU shares its slopes over the picture's axes.
            array = weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight.ravel()
            tensors[f"{names[layer.name]}.{part}"] = np.ascontiguousarray(array, "<f4")
    for name, sign in zip(layout.mean_shifts, (-1, 1)):
        tensors[f"{name}.weight"] = np.eye(3, dtype="<f4")[:, :, None, None]
        tensors[f"{name}.bias"] = np.array([sign * layout.white * mean / 255 for mean in DIV2K_MEAN], "<f4")
    return tensors
