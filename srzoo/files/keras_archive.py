"""`.keras` files: zip archives with a network's description and its weights.

Keras builds whatever layers such a file names, of whatever sizes, before it looks at the weights. So the description is
read here first: it may name only what the networks of srzoo are made of, and no more weights than the file holds.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

from srzoo.files.hdf5 import open_weights, read_declared

ENTRIES = {"config.json", "metadata.json", "model.weights.h5"}

MAX_CONFIG = 1 << 23
"""Bytes of a description; that of EDSR with 32 blocks has some 200,000."""

LAYERS = {"InputLayer", "Rescaling", "Conv2D", "Add", "PReLU", "BatchNormalization", "DepthToSpace"}
PARTS = {"DTypePolicy", "VarianceScaling", "GlorotUniform", "Zeros", "Ones", "Constant", "__keras_tensor__"}
MODULES: dict[str, set[str | None]] = {
    "Functional": {"keras", "keras.models", "keras.src.models.functional"},
    # An operation of Keras 3.15, or the layer that stands in for it with older ones.
    "DepthToSpace": {"keras.src.ops.nn", "srzoo.models.layers"},
    "DTypePolicy": {"keras"},
    "__keras_tensor__": {None},
}
"""Where a class comes from, if not from `keras.layers` or `keras.initializers`."""


def check_archive(path: Path) -> None:
    """Looks through a `.keras` file without building what it describes.

    Raises:
        ValueError: if it is damaged, is packed other than Keras packs it, names a class that no network of srzoo's has,
            or describes more weights than it holds.
    """
    with zipfile.ZipFile(path) as archive:
        _check_entries(archive, path.stat().st_size)
        config = json.loads(archive.read("config.json"))
        if isinstance(config, dict):
            # How the model was compiled, which is neither needed nor read.
            config.pop("compile_config", None)
        weights = archive.read("model.weights.h5")
    with open_weights(weights) as file:
        held = read_declared(file, len(weights))
    _check_classes(config)
    described = _weights_of(config)
    if described > held.elements:
        raise ValueError(f"it describes a network of {described:,} weights, but holds {held.elements:,}")


def _check_entries(archive: zipfile.ZipFile, size: int) -> None:
    """Keras compresses nothing, so what unpacks to more than the file has is none of its files."""
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if names != ENTRIES or len(entries) != len(ENTRIES):
        raise ValueError(
            f"it holds {', '.join(map(ascii, sorted(names)))[:200]}, expected {', '.join(sorted(ENTRIES))}"
        )
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size for entry in entries):
        raise ValueError("its entries are compressed, as Keras never does")
    if sum(entry.file_size for entry in entries) > size or archive.getinfo("config.json").file_size > MAX_CONFIG:
        raise ValueError("its entries declare more bytes than it has, or a description of unlikely length")


def _check_classes(config: Any) -> None:
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
            if "class_name" in part:
                _check_class(part["class_name"], part.get("module"), part.get("registered_name"))


def _check_class(name: Any, module: Any, registered: Any) -> None:
    modules: set[str | None] = set()
    if isinstance(name, str) and name in {"Functional", *LAYERS, *PARTS}:
        modules = MODULES.get(name, {"keras.layers" if name in LAYERS else "keras.initializers"})
    if module not in modules or registered not in (None, name, f"srzoo>{name}"):
        asked = ".".join(str(part) for part in (module, name) if part is not None)
        raise ValueError(f"it asks for {ascii(asked)[:80]}, which no network of srzoo's is made of")


def _weights_of(config: Any) -> int:
    """How many weights the network has that a description is of, from its channels and kernels."""
    channels: dict[str, int] = {}
    total = 0
    if not isinstance(config, dict) or config.get("class_name") != "Functional":
        raise ValueError("it describes no functional network")
    for layer in config["config"]["layers"]:
        kind, options = layer["class_name"], layer["config"]
        if kind not in LAYERS:
            raise ValueError(f"it has a {kind} as a layer")
        if kind == "InputLayer":
            found = options["batch_shape"][-1]
            weights = 0
        else:
            sources = [channels[name] for name in _inbound(layer["inbound_nodes"])]
            found, weights = _grown(kind, options, max(sources))
        if not isinstance(found, int) or found < 1:
            raise ValueError(f"its layer {ascii(layer['name'])[:60]} has {ascii(found)[:20]} channels")
        channels[layer["name"]] = found
        total += weights
    return total


def _grown(kind: str, options: dict[str, Any], channels: int) -> tuple[int, int]:
    """Channels after a layer, and its weights."""
    if kind == "Conv2D":
        height, width = options["kernel_size"]
        filters, groups = options["filters"], options["groups"]
        if not all(isinstance(number, int) and number > 0 for number in (height, width, filters, groups)):
            raise ValueError("it has a convolution whose sizes are no whole numbers above 0")
        return filters, height * width * (channels // groups) * filters
    if kind == "DepthToSpace":
        block = options.get("block_size", options.get("scale"))
        if not isinstance(block, int) or block < 1:
            raise ValueError(f"it has a pixel shuffle by {ascii(block)[:20]}")
        return channels // block**2, 0
    if kind == "PReLU" and not {1, 2} <= set(options["shared_axes"] or ()):
        raise ValueError("it has a PReLU with weights for every pixel")
    return channels, {"PReLU": channels, "BatchNormalization": 4 * channels}.get(kind, 0)


def _inbound(nodes: Any) -> list[str]:
    """Names of the layers whose outputs a layer takes."""
    names = []
    waiting = [node["args"] for node in nodes]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict) and "keras_history" in part.get("config", {}):
            names.append(part["config"]["keras_history"][0])
    return names
