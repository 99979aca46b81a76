"""The zoo: from a model's name to the model, and from a file to the model it holds.

A model's full name says all there is to its architecture: `edsr-baseline-x4` is the published network,
`edsr-baseline-x4.blocks4.filters32` the same with two sizes changed. It is the Keras model's `name`,
so it travels in every file that holds the model or its weights.
"""

import hashlib
import json
import os
import re
from pathlib import Path

import h5py
import keras

from srzoo.images import atomic_file
from srzoo.models import MODELS

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the trained weights that come with the package, one `<full name>.weights.h5` a model."""


def full_name(name: str, scale: int, **options: int) -> str:
    """`("edsr-baseline", 4, blocks=4)` -> `"edsr-baseline-x4.blocks4"`."""
    return f"{name}-x{scale}" + "".join(f".{key}{value}" for key, value in sorted(options.items()))


def parse_name(name: str) -> tuple[str, int, dict[str, int]]:
    """The reverse of `full_name`; the scale may be left out and is 4 then.

    Raises:
        ValueError: if it is no model's name.
    """
    head, *parts = name.split(".")
    base, _, scale = head.rpartition("-x")
    if not (base and scale.isdigit()):
        base, scale = head, "4"
    options = [match for part in parts if (match := re.fullmatch(r"([a-z_]+)(\d+)", part))]
    if base not in MODELS or len(options) < len(parts):
        raise ValueError(
            f"unknown model {name!r}; expected one of {', '.join(MODELS)}, maybe with a scale, as in 'edsr-baseline-x4'"
        )
    return base, int(scale), {match[1]: int(match[2]) for match in options}


def create(name: str, scale: int | None = None, **options: int) -> keras.Model:
    """Builds a model with fresh weights.

    Args:
        name: a key of `srzoo.models.MODELS`, or a full name such as `"edsr-baseline-x4"`.
        scale: 2, 3, 4 or 8; default: the name's, or else 4.
        options: sizes that differ from the published ones: `blocks`, `filters`.

    Returns:
        A functional model from RGB pixels in [0, 255], float32 (N, H, W, 3), to (N, scale H, scale W, 3).

    Raises:
        ValueError: for an unknown name, scale or option; the message lists the known ones.
    """
    base, named_scale, named_options = parse_name(name)
    scale, options = scale or named_scale, {**named_options, **options}
    try:
        return MODELS[base](scale=scale, name=full_name(base, scale, **options), **options)
    except TypeError as error:
        raise ValueError(f"model {base!r} takes the options blocks and filters, got {sorted(options)}") from error


def load(source: str | os.PathLike) -> keras.Model:
    """Loads a trained model.

    Args:
        source: the name of a model whose weights ship with srzoo (`"edsr-baseline-x4"`), or a file:
            `.keras`, or `.weights.h5` as `save_weights` writes it.

    Returns:
        The model with its weights, as `create` describes it.

    Raises:
        FileNotFoundError: if there is no such file, or no weights ship for that name.
        ValueError: if the name is unknown, the file does not hold a model of srzoo's kind, or shipped
            weights are damaged.
    """
    path = Path(source)
    if path.name.endswith(".weights.h5"):
        model = create(weights_name(path))
        load_weights(model, path)
        return model
    if path.suffix == ".keras":
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:
            raise ValueError(f"{path}: not a Keras model that can be loaded ({error})") from error
    base, scale, options = parse_name(str(source))
    name = full_name(base, scale, **options)
    shipped = SHIPPED / f"{name}.weights.h5"
    if not shipped.is_file():
        names = ", ".join(shipped_models()) or "none yet"
        raise FileNotFoundError(
            f"no trained weights ship for {name!r} (there are: {names}); train it with `python train.py` "
            "and give the resulting best.weights.h5"
        )
    if checksum(shipped) != checksums().get(shipped.name):
        raise ValueError(f"{shipped} is damaged: its SHA-256 is not the recorded one; install srzoo again")
    return load(shipped)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksums() -> dict[str, str]:
    """File name -> SHA-256 of the weights that ship, from the table beside them."""
    table = SHIPPED / "SHA256SUMS"
    lines = table.read_text().splitlines() if table.is_file() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def shipped_models() -> list[str]:
    """Full names of the models whose trained weights come with the package."""
    return sorted(path.name.removesuffix(".weights.h5") for path in SHIPPED.glob("*.weights.h5"))


def save_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes `.weights.h5` with the model's full name inside; the file appears whole or not at all."""
    with atomic_file(_weights_path(path)) as temporary:
        model.save_weights(temporary)
        with h5py.File(temporary, "a") as file:
            file.attrs["srzoo"] = json.dumps({"model": model.name})


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Reads weights that `save_weights` wrote into a model of the same architecture.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or belongs to another architecture; the message names both.
    """
    stored = weights_name(path)
    if parse_name(stored) != parse_name(model.name):
        raise ValueError(f"{path} holds weights of {stored!r}, which do not fit the model {model.name!r}")
    try:
        model.load_weights(path)
    except Exception as error:
        raise ValueError(f"{path}: the weights do not fit {model.name!r} or are damaged ({error})") from error


def weights_name(path: str | os.PathLike) -> str:
    """Full name of the model whose weights a `.weights.h5` file holds."""
    path = _weights_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            return json.loads(file.attrs["srzoo"])["model"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a weights file that srzoo wrote ({error})") from error


def _weights_path(path: str | os.PathLike) -> Path:
    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"{path}: a weights file's name must end in .weights.h5")
    return path
