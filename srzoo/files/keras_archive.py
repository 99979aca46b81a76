"""`.keras` files and presets: a network's description and its weights, in a zip archive or in a folder.

Keras builds whatever layers such a file names, of whatever sizes, before it looks at the weights. So the description is
read here first: it may name only what the networks of srzoo are made of, and no more weights than the file holds.
"""

import json
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from srzoo.files.hdf5 import check_sum, open_weights, read_declared

ENTRIES = {"config.json", "metadata.json", "model.weights.h5"}

MAX_CONFIG = 1 << 23
"""Bytes of a description; that of EDSR with 32 blocks has some 200,000."""

Options = Mapping[str, Any]


def _separable(options: Options, channels: int) -> tuple[int, int]:
    deep = channels * options["depth_multiplier"]
    return options["filters"], (math.prod(options["kernel_size"]) + options["filters"]) * deep


def _per_channel(*keys: str, fixed: int = 0) -> Callable[[Options, int], tuple[int, int]]:
    """Counts weights of a layer: one a channel for each of these options that is on, and `fixed` more."""
    return lambda options, channels: (channels, channels * (fixed + sum(bool(options[key]) for key in keys)))


WEIGHTED: dict[str, Callable[[Options, int], tuple[int, int]]] = {
    "Conv2D": lambda o, c: (o["filters"], math.prod(o["kernel_size"]) * (c // o["groups"]) * o["filters"]),
    "Conv2DTranspose": lambda o, c: (o["filters"], math.prod(o["kernel_size"]) * c * o["filters"]),
    "DepthwiseConv2D": lambda o, c: (
        c * o["depth_multiplier"],
        math.prod(o["kernel_size"]) * c * o["depth_multiplier"],
    ),
    "SeparableConv2D": _separable,
    "Dense": lambda o, c: (o["units"], c * o["units"]),
    "PReLU": _per_channel(fixed=1),
    "BatchNormalization": _per_channel("scale", "center", fixed=2),
    "LayerNormalization": _per_channel("scale", "center"),
    "GroupNormalization": _per_channel("scale", "center"),
}
"""Layer with weights -> from its options and the channels before it to those after it, and its weights without bias."""

SIZES = ("filters", "units", "groups", "depth_multiplier", "kernel_size", "block_size", "factor", "scale")
"""Options that are whole numbers above 0, where they are not switches."""

RESHAPING: dict[str, Callable[[Options, list[int]], int]] = {
    "Concatenate": lambda options, sources: sum(sources),
    "DepthToSpace": lambda options, sources: sources[0] // options.get("block_size", options.get("scale")) ** 2,
    "PixelUnshuffle": lambda options, sources: sources[0] * options["factor"] ** 2,
    "CropTo": lambda options, sources: sources[0],
}
"""Layer without weights that changes the number of channels -> from its options and those before it to those after."""

WEIGHTLESS = {
    *("InputLayer", "Rescaling", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Activation"),
    *("Identity", "ReLU", "LeakyReLU", "ELU", "Dropout", "UpSampling2D", "ZeroPadding2D", "Cropping2D"),
    *("GlobalAveragePooling2D", "GlobalMaxPooling2D", "AveragePooling2D", "MaxPooling2D"),
}
"""Layers without weights that keep the number of channels."""

LAYERS = {*WEIGHTED, *RESHAPING, *WEIGHTLESS}
INITIALIZERS = {
    *("Zeros", "Ones", "Constant", "VarianceScaling", "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal"),
    *("LecunUniform", "LecunNormal", "RandomUniform", "RandomNormal", "TruncatedNormal"),
}
OURS = "srzoo.models.layers"
MODULES: dict[str, set[str | None]] = {
    "Functional": {"keras", "keras.models", "keras.src.models.functional"},
    # An operation of Keras 3.15, or the layer that stands in for it with older ones.
    "DepthToSpace": {"keras.src.ops.nn", OURS},
    "PixelUnshuffle": {OURS},
    "CropTo": {OURS},
    "DTypePolicy": {"keras"},
    "__keras_tensor__": {None},
}
"""Modules of classes that are not in `keras.layers` or `keras.initializers`."""


def check_archive(path: Path) -> None:
    """Looks through a `.keras` file, or a preset's folder, without building what it describes.

    Raises:
        ValueError: if it is damaged, is packed other than Keras packs it, names a class that no network of srzoo's has,
            or describes more weights than it holds.
    """
    description, weights = _entries(path)
    config = json.loads(description)
    if isinstance(config, dict):
        # How the model was compiled, which is neither needed nor read.
        config.pop("compile_config", None)
    with open_weights(weights) as file:
        held = read_declared(file, len(weights))
        check_sum(file)
    for part in _objects(config):
        if "class_name" in part:
            _check_class(part["class_name"], part.get("module"), part.get("registered_name"))
    described = _weights_of(config)
    if described > held.elements:
        raise ValueError(f"it describes a network of {described:,} weights, but holds {held.elements:,}")


def newer_keras(path: Path) -> str:
    """The version of Keras that wrote a `.keras` file or a preset, if it is newer than the one here; else nothing."""
    try:
        if path.is_dir():
            text = (path / "metadata.json").read_bytes()
        else:
            with zipfile.ZipFile(path) as archive:
                _check_entries(archive, path.stat().st_size)
                text = archive.read("metadata.json")
        found = json.loads(text)["keras_version"]
        return found if _numbers(found) > _numbers(keras.__version__) else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _entries(path: Path) -> tuple[bytes, bytes]:
    """Description and weights."""
    if path.is_dir():
        if (path / "config.json").stat().st_size > MAX_CONFIG:
            raise ValueError("its config.json is of unlikely length for a description")
        return (path / "config.json").read_bytes(), (path / "model.weights.h5").read_bytes()
    with zipfile.ZipFile(path) as archive:
        _check_entries(archive, path.stat().st_size)
        return archive.read("config.json"), archive.read("model.weights.h5")


def _check_entries(archive: zipfile.ZipFile, size: int) -> None:
    """Refuses what Keras does not write: other entries, and compressed ones, which may unpack to any size."""
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if names != ENTRIES or len(entries) != len(ENTRIES):
        raise ValueError(
            f"it holds {', '.join(map(ascii, sorted(names)))[:200]}, expected {', '.join(sorted(ENTRIES))}"
        )
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size for entry in entries):
        raise ValueError("its entries are compressed; Keras never compresses them")
    if sum(entry.file_size for entry in entries) > size or archive.getinfo("config.json").file_size > MAX_CONFIG:
        raise ValueError("its entries declare more bytes than it has, or a description of unlikely length")


def _objects(config: Any) -> Iterator[dict]:
    """All JSON objects in another or in a list, the last first; without recursion, which a file could exhaust."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _check_class(name: Any, module: Any, registered: Any) -> None:
    modules: set[str | None] = set()
    if isinstance(name, str) and name in {*MODULES, *LAYERS, *INITIALIZERS}:
        modules = MODULES.get(name, {"keras.layers" if name in LAYERS else "keras.initializers"})
    if module not in modules or registered not in (None, name, f"srzoo>{name}"):
        asked = ".".join(str(part) for part in (module, name) if part is not None)
        raise ValueError(f"it asks for {ascii(asked)[:80]}, which no network of srzoo's is made of")


def _weights_of(config: Any) -> int:
    """Number of weights of the network that a description builds, from its channels and kernels."""
    channels: dict[str, int] = {}
    total = 0
    if not isinstance(config, dict) or config.get("class_name") != "Functional":
        raise ValueError("it describes no functional network")
    for layer in config["config"]["layers"]:
        kind, options = layer["class_name"], layer["config"]
        if kind not in LAYERS:
            raise ValueError(f"it has a {kind} as a layer")
        _check_options(layer["name"], kind, options)
        given = _objects([node["args"] for node in layer["inbound_nodes"]])
        sources = [channels[part["keras_history"][0]] for part in given if "keras_history" in part]
        weights = 0
        if kind == "InputLayer":
            found = options["batch_shape"][-1]
        elif kind in WEIGHTED:
            found, weights = WEIGHTED[kind](options, max(sources))
        else:
            found = RESHAPING[kind](options, sources) if kind in RESHAPING else max(sources)
        if not isinstance(found, int) or found < 1:
            raise ValueError(f"its layer {ascii(layer['name'])[:60]} has {ascii(found)[:20]} channels")
        channels[layer["name"]] = found
        total += weights
    return total


def _check_options(name: Any, kind: str, options: Options) -> None:
    """Refuses what would have weights along another axis than the channels', the last of four."""
    layer = f"its layer {ascii(name)[:60]}"
    if options.get("data_format", "channels_last") != "channels_last":
        raise ValueError(f"{layer} has its channels first; expected channels_last")
    if kind == "InputLayer" and len(options["batch_shape"]) != 4:
        raise ValueError(f"{layer} is of {len(options['batch_shape'])} axes, expected 4")
    axis = options.get("axis", -1)
    if axis not in (-1, 3, [-1], [3]):
        raise ValueError(f"{layer} goes along the axis {ascii(axis)[:20]}, expected the channels'")
    if kind == "PReLU" and not {1, 2} <= set(options["shared_axes"] or ()):
        raise ValueError(f"{layer} is a PReLU with weights for every pixel")
    for key in SIZES:
        value = options.get(key, 1)
        if (kind in WEIGHTED or kind in RESHAPING) and not isinstance(value, bool):
            numbers = value if isinstance(value, list) else [value]
            if not all(isinstance(number, int) and number > 0 for number in numbers):
                raise ValueError(f"{layer} has sizes that are no whole numbers above 0: {key} {ascii(value)[:20]}")
