"""The zoo: from a model's name to the model, and from a file to the model it holds.

A model's full name says all there is to its architecture: `edsr-baseline-x4` is the published network,
`edsr-baseline-x4.blocks4.filters32` the same with two sizes changed. It is the Keras model's `name`,
so it travels in every file that holds the model or its weights.
"""

import inspect
import json
import os
import re
from pathlib import Path

import keras

from srzoo import shipped
from srzoo.files.hdf5 import Declared, open_weights, read_attribute, read_declared, write_weights
from srzoo.files.keras_archive import check_archive
from srzoo.images import atomic_file
from srzoo.models import MODELS, PIXEL_TRAINED
from srzoo.shipped import shipped_models


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
        ValueError: if the name is unknown, the file does not hold a model of srzoo's kind or asks for more than
            that, or shipped weights are damaged.
    """
    path = Path(source)
    if path.name.endswith(".weights.h5"):
        name, declared = _inspect(path)
        _check_size(path, name, declared)
        model = create(name)
        load_weights(model, path)
        return model
    if path.suffix == ".keras":
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        try:
            check_archive(path)
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:
            # Of a damaged file zipfile, HDF5 and Keras tell as nearly any exception.
            raise ValueError(f"{path}: not a Keras model of srzoo's ({_short(error)})") from error
    base, scale, options = parse_name(str(source))
    name = full_name(base, scale, **options)
    weights = shipped.SHIPPED / f"{name}.weights.h5"
    if not weights.is_file():
        names = ", ".join(shipped_models()) or "none yet"
        raise FileNotFoundError(
            f"no trained weights ship for {name!r} (there are: {names}); train it with `python train.py` "
            "and give the resulting best.weights.h5"
        )
    return load(shipped.whole(weights))


def interpolate(
    pixel_weights: str | os.PathLike | keras.Model, gan_weights: str | os.PathLike | keras.Model, alpha: float
) -> keras.Model:
    """Mixes a network's pixel-trained and adversarially trained weights: the dial of how much detail it invents.

    Each weight, the statistics of batch normalisation among them, is (1 - alpha) * pixel + alpha * gan: Wang et al.,
    "Deep Network Interpolation for Continuous Imagery Effect Transition" (arXiv 1811.10515, section 3), with alpha
    on the adversarially trained part as in ESRGAN (arXiv 1809.00219, section 3.4). The result is meaningful only if
    the adversarial training started from the pixel-trained weights or ones like them. So of two models that ship,
    given by their names, the first is taken as it was when the training of the second began; models in memory and
    files are taken as they are.

    Args:
        pixel_weights: the network as trained on pixels alone: what `load` takes, or a model in memory.
        gan_weights: the same network as trained in the adversarial game: likewise.
        alpha: in [0, 1]; 0 gives the weights of the first and 1 those of the second, exactly.

    Returns:
        A new model with the second's name, as `create` describes it; models that were given stay as they are.

    Raises:
        FileNotFoundError: as in `load`.
        ValueError: if alpha is not in [0, 1], the second is not of the adversarial game, the first is not its
            `pixel_trained` partner, or as in `load`.

    Example:
        >>> interpolate("pixel/best.weights.h5", "adversarial/best.weights.h5", 0.5).name
        'edsr-gan-x4'
    """
    if not 0 <= alpha <= 1:
        raise ValueError(
            f"alpha must be from 0 (trained on pixels) to 1 (trained in the adversarial game), got {alpha}"
        )
    pixel_weights = _as_it_was(pixel_weights, gan_weights)
    pixel, gan = (given if isinstance(given, keras.Model) else load(given) for given in (pixel_weights, gan_weights))
    partner = pixel_trained(gan.name)
    if pixel.name != partner:
        raise ValueError(
            f"the model to interpolate with {gan.name!r} must be {partner!r}, got {pixel.name!r}; "
            "give weights of that network"
        )
    # A .keras file may hold any network under one of our names.
    if [weight.shape for weight in pixel.weights] != [weight.shape for weight in gan.weights]:
        raise ValueError(
            f"the weights of {pixel.name!r} and {gan.name!r} differ in number or shape, although the names say that "
            "the networks are the same; give models that srzoo built"
        )
    # A Python float, so that the weights keep their type.
    alpha = float(alpha)
    model = keras.models.clone_model(gan)
    model.set_weights([(1 - alpha) * p + alpha * g for p, g in zip(pixel.get_weights(), gan.get_weights())])
    return model


def _as_it_was(pixel_weights, gan_weights):
    """For the names of two models that ship: the first's weights from which the second's were trained, if kept."""
    given = pixel_weights, gan_weights
    if not all(isinstance(each, str) and not Path(each).suffix for each in given):
        return pixel_weights
    pixel, gan = (full_name(*parse_name(each)[:2]) for each in given)
    start = shipped.STARTS / f"{gan}.weights.h5"
    return shipped.whole(start) if start.is_file() and pixel == pixel_trained(gan) else pixel_weights


def pixel_trained(name: str) -> str:
    """`"edsr-gan-x4.blocks4"` -> `"edsr-baseline-x4.blocks4"`: the same network, trained on pixels alone.

    Raises:
        ValueError: if it is no model's name, or not that of one trained in the adversarial game.
    """
    base, scale, options = parse_name(name)
    if base not in PIXEL_TRAINED:
        raise ValueError(
            f"{name!r} has no pixel-trained partner to be interpolated with; give a model that is trained in the "
            f"adversarial game ({', '.join(PIXEL_TRAINED)})"
        )
    return full_name(PIXEL_TRAINED[base], scale, **options)


def save_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes `.weights.h5` with the model's full name inside; the file appears whole or not at all."""
    with atomic_file(_weights_path(path)) as temporary:
        write_weights(model, temporary, {"srzoo": json.dumps({"model": model.name})})


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Reads weights that `save_weights` wrote into a model of the same architecture: SRResNet's fit SRGAN.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or belongs to another architecture; the message names both.
    """
    stored, declared = _inspect(path)
    if _architecture(stored) != _architecture(model.name):
        raise ValueError(f"{path} holds weights of {stored!r}, which do not fit the model {model.name!r}")
    if sorted(declared.shapes) != sorted(tuple(weight.shape) for weight in model.weights):
        raise ValueError(f"{path}: damaged, its arrays are not those of {model.name!r}; get the file again")
    try:
        model.load_weights(path)
    except Exception as error:
        raise ValueError(f"{path}: the weights do not fit {model.name!r} or are damaged ({_short(error)})") from error


def _architecture(name: str) -> tuple[str, int, dict[str, int]]:
    base, scale, options = parse_name(name)
    return PIXEL_TRAINED.get(base, base), scale, options


def weights_name(path: str | os.PathLike) -> str:
    """Full name of the model whose weights a `.weights.h5` file holds.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not one that `save_weights` wrote, or damaged.
    """
    return _inspect(path)[0]


def _inspect(path: str | os.PathLike) -> tuple[str, Declared]:
    """Of a `.weights.h5` file: the model's full name, and what it declares; no weight is read."""
    path = _weights_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        data = path.read_bytes()
        with open_weights(data) as file:
            name = json.loads(read_attribute(file, "srzoo"))["model"]
            if not isinstance(name, str):
                raise ValueError("the model that it names is no name")
            return name, read_declared(file, len(data))
    except Exception as error:
        # Of a damaged file HDF5 tells as nearly any exception.
        raise ValueError(f"{path}: not a weights file that srzoo wrote, or damaged ({_short(error)})") from error


def _check_size(path: Path, name: str, declared: Declared) -> None:
    """Refuses a small file that names a huge network, before that is built."""
    base, _, options = parse_name(name)
    published = {key: option.default for key, option in inspect.signature(MODELS[base]).parameters.items()}
    blocks, filters = (int(options.get(key, published[key])) for key in ("blocks", "filters"))
    # All have two 3x3 convolutions a block.
    if 18 * blocks * filters**2 > declared.elements:
        raise ValueError(f"{path}: damaged, it names {name[:80]!r} but holds {declared.elements:,} weights only")


def _short(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _weights_path(path: str | os.PathLike) -> Path:
    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"{path}: a weights file's name must end in .weights.h5")
    return path
