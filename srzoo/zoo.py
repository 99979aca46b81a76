"""The zoo: from a model's name to the model, and from a file to the model it holds.

A model's name (`srzoo.names`) is the Keras model's `name`, and its configuration stands inside every weights file.
"""

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import keras

from srzoo import hub, shipped
from srzoo.atomic import atomic_file
from srzoo.files.hdf5 import Declared, write_weights
from srzoo.files.keras_archive import check_archive, newer_keras
from srzoo.models import layers as layers  # Keras finds them in files once they are imported
from srzoo.models import registry
from srzoo.models.registry import entry_of, parse_known, pixel_trained
from srzoo.names import Configuration, parse
from srzoo.stored import check_size, inspect, weights_path
from srzoo.tables import first_line


def create(name: str, scale: int | None = None, **options) -> keras.Model:
    """Builds a model with fresh weights.

    Args:
        name: name of a registered model (`srzoo.models.registry.MODELS`), also with its scale: `"edsr-baseline-x4"`.
        scale: one that the model is built for; default: the name's, or else 4.
        options: arguments of its builder that differ from the published ones, such as `blocks` and `filters`.

    Returns:
        A functional model from RGB pixels in [0, 255], float32 (N, H, W, 3), to (N, scale H, scale W, 3).

    Raises:
        ValueError: for an unknown name, scale or option, with the known ones, or a scale that is not the name's.
    """
    named = parse(name, scale)
    return registry.build(Configuration(named.base, named.scale, {**named.options, **options}))


def load(source: str | os.PathLike) -> keras.Model:
    """Loads a trained model.

    Args:
        source: the name of a model whose weights ship with srzoo (`"edsr-baseline-x4"`), or a file: `.keras`, or
            `.weights.h5` from `save_weights` or from Keras's own `Model.save_weights`. What Keras's file holds follows
            from the model's name, or else from its layers' names and shapes; then it counts as trained on pixels. Or a
            run's folder, for its best weights, or a preset's: `config.json`, `metadata.json` and `model.weights.h5`, as
            `srzoo.save_preset` or Keras's `save_model(..., zipped=False)` writes them. Or a preset on a hub,
            `hf://user/name` or `hf://user/name@revision`, which is fetched once and never run.

    Returns:
        The model with its weights, as `create` describes it.

    Raises:
        FileNotFoundError: if there is no such file, or no weights ship for that name.
        ValueError: if the file does not hold a model of srzoo's kind or asks for more than that, or shipped weights
            are damaged.
        OSError: the errors of `srzoo.hub.fetch`.
    """
    path, text = Path(source), os.fspath(source)
    if not path.name.endswith((".weights.h5", ".keras")) or text.startswith(hub.SCHEME):
        path = _weights_of(source)
    if path.name == hub.WEIGHTS and hub.is_preset(path.parent):
        return _load_whole(path.parent)
    if path.name.endswith(".weights.h5"):
        configuration, declared = inspect(path)
        check_size(path, configuration, declared)
        model = registry.build(configuration)
        _read(model, path, declared)
        return model
    if path.suffix == ".keras":
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        return _load_whole(path)
    raise ValueError(f"{path}: expected a .weights.h5 or .keras file, a run's folder, or a name of `srzoo list`")


def _load_whole(path: Path) -> keras.Model:
    """Loads what describes its network itself: a `.keras` file, or a preset's folder."""
    try:
        check_archive(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # zipfile, HDF5 and Keras raise nearly any exception for a damaged file.
        newer = newer_keras(path)
        advice = (
            f"; Keras {newer:.20} wrote it, and here is {keras.__version__}: install that version, or give weights "
            "alone (.weights.h5), which any version reads"
        )
        raise ValueError(
            f"{path}: not a Keras model of srzoo's ({first_line(error)}){advice if newer else ''}"
        ) from error


def interpolate(
    pixel_weights: str | os.PathLike | keras.Model, gan_weights: str | os.PathLike | keras.Model, alpha: float
) -> keras.Model:
    """Mixes a network's pixel-trained and adversarially trained weights: the dial of how much detail it invents.

    Each weight, the statistics of batch normalisation among them, is (1 - alpha) * pixel + alpha * gan: Wang et al.,
    "Deep Network Interpolation for Continuous Imagery Effect Transition" (arXiv 1811.10515, section 3), with alpha
    on the adversarially trained part as in ESRGAN (arXiv 1809.00219, section 3.4). The result is meaningful only if
    the adversarial training started from the pixel-trained weights or ones like them.

    Args:
        pixel_weights: the network as trained on pixels alone: what `load` takes, or a model in memory.
        gan_weights: the same network after GAN training: likewise.
        alpha: number in [0, 1]; 0 gives exactly the weights of the first, and 1 those of the second.

    Returns:
        A new model with the second's name, as `create` describes it; models that were given stay as they are.

    Raises:
        FileNotFoundError: the errors of `load`.
        ValueError: if alpha is not in [0, 1], the second is no model of GAN training, the first is not its
            `pixel_trained` partner, or as in `load`.

    Example:
        >>> interpolate("pixel/best.weights.h5", "adversarial/best.weights.h5", 0.5).name
        'edsr-gan-x4'
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be from 0 (trained on pixels) to 1 (GAN training), got {alpha}")
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


def save_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes `.weights.h5` with the model's configuration inside; the file appears whole or not at all.

    Raises:
        ValueError: if the path does not end so, or the model is none that srzoo builds, whatever it is called.
    """
    path = weights_path(path)
    configuration = configuration_of(model)
    with atomic_file(path) as temporary:
        write_weights(model, temporary, {"srzoo": configuration.to_json()})


def configuration_of(model: keras.Model) -> Configuration:
    """What a model of the zoo is built from, whatever it is called; raises ValueError if it is none."""
    kernels = [tuple(weight.shape) for weight in model.weights if len(weight.shape) == 4]
    with contextlib.suppress(ValueError):  # a name of its own
        named = parse_known(model.name)
        factors = {
            each.name: each.get("scale") for each in registry.build_graph(named).layers if each.kind == "Rescaling"
        }
        own = {each.name: each.scale for each in model.layers if isinstance(each, keras.layers.Rescaling)}
        if registry.fits(named, kernels) and own == factors:
            return named
    for candidate in registry.recognise(kernels):
        if _structure(registry.build(candidate)) == _structure(model):
            return candidate
    raise ValueError(
        f"the model {model.name!r} is none that srzoo builds, so weights alone would not say what it is; "
        "save it as a .keras file"
    )


def _structure(model: keras.Model) -> list:
    """The kind of each operation, the shapes of its weights and the factor of a rescaling."""
    return [
        (
            type(each).__name__,
            [tuple(weight.shape) for weight in getattr(each, "weights", ())],
            [str(getattr(each, key, None)) for key in ("scale", "offset", "activation")],
        )
        for each in model.operations
    ]


def load_weights(model: keras.Model, source: str | os.PathLike, other_scale: bool = False) -> list[str]:
    """Reads weights that `save_weights` wrote into a model of the same architecture: SRResNet's fit SRGAN.

    Args:
        model: model to read into.
        source: a weights file, a name of weights that ship, or a run's folder.
        other_scale: whether weights of another scale are taken too, layer by layer as far as they fit.

    Returns:
        Names of the layers that kept their weights because their shapes differ.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or belongs to another architecture; the message names both.
    """
    path = _weights_of(source)
    stored, declared = inspect(path)
    held, wanted = _architecture(stored), _architecture(parse_known(model.name))
    if held == wanted:
        _read(model, path, declared)
        return []
    if not other_scale or replace(held, scale=wanted.scale) != wanted:
        raise ValueError(
            f"{path} holds weights of {stored.name!r}, which do not fit the model {model.name!r}; give weights of that "
            "network, or another model"
        )
    given = {layer.name: layer for layer in load(path).layers}
    fresh = []
    for layer in model.layers:
        shapes = [weight.shape for weight in layer.weights]
        if layer.name in given and shapes == [weight.shape for weight in given[layer.name].weights]:
            layer.set_weights(given[layer.name].get_weights())
        elif layer.weights:
            fresh.append(layer.name)
    return fresh


def _weights_of(source: str | os.PathLike) -> Path:
    found = shipped.locate(source)
    ships = shipped.weights_of_name(found)
    return shipped.verified(ships) if ships else Path(found)


def _read(model: keras.Model, path: Path, declared: Declared) -> None:
    if sorted(declared.shapes) != sorted(tuple(weight.shape) for weight in model.weights):
        raise ValueError(f"{path}: damaged, its arrays are not those of {model.name!r}; get the file again")
    try:
        model.load_weights(path)
    except Exception as error:
        raise ValueError(
            f"{path}: the weights do not fit {model.name!r} or are damaged ({first_line(error)})"
        ) from error


def _architecture(configuration: Configuration) -> Configuration:
    build = entry_of(configuration.base).build
    first = next(name for name, entry in registry.MODELS.items() if entry.build == build)
    return Configuration(first, configuration.scale, configuration.options)
