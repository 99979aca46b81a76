"""Chooses the network: a name or a file, a precision and a fidelity -> what `Upscaler` takes."""

import logging
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from srzoo import names, shipped
from srzoo.runtimes import exported, prepared
from srzoo.runtimes.network import Network
from srzoo.runtimes.wrapped import mixed

LOGGER = logging.getLogger(__name__)

_lock = threading.Lock()  # an import of OpenVINO that two threads begin fails, and the cache needs one of them alone


@dataclass(frozen=True)
class Choice:
    """A request for a network.

    Attributes:
        source: a model whose weights ship, a `.keras` or `.weights.h5` file, a run's folder, or an exported model.
        precision: one of `srzoo.runtimes.prepared.RUNTIME_PRECISIONS`, or `auto`.
        fidelity: 0 (the model) to 1 (its pixel-trained partner), for a model of GAN training; None: the model.
        pixel_weights: the partner, as `source`; None: the one that ships.
        restore: 1 (the network for damaged pictures) to 0 (the one for clean pictures); None: the model.
    """

    source: str
    precision: str = "auto"
    fidelity: float | None = None
    pixel_weights: str | None = None
    restore: float | None = None


def choose(choice: Choice, pictures: Sequence[Path] = ()) -> Network:
    """Loads the network in the precision that is asked for, or in the best one.

    Args:
        choice: what is asked for.
        pictures: pictures that calibrate int8 if scikit-image is not installed.

    Raises:
        ValueError, OSError: if there is no such network, or it cannot be had in that precision or fidelity.
    """
    with _lock:
        return _chosen(choice, pictures)


def _chosen(choice: Choice, pictures: Sequence[Path]) -> Network:
    # Report what is missing before importing TensorFlow.
    partner = choice.pixel_weights and shipped.locate(choice.pixel_weights)
    choice = replace(choice, source=shipped.locate(choice.source), pixel_weights=partner)
    if choice.restore is not None:
        return _restoring(choice, pictures, choice.restore)
    if choice.fidelity is None:
        taken = prepared.ready(choice.source, choice.precision, pictures)
        if taken:
            away = f", {taken.mean:.2f} grey levels from float32 on average" if taken.precision != "float32" else ""
            LOGGER.info("%s: %s by %s%s", taken.network.name, taken.precision, taken.runtime, away)
            return taken.network
    elif choice.precision not in ("auto", "float32"):
        raise ValueError(f"--precision {choice.precision} is not for mixtures of weights; leave out --fidelity")
    else:
        _check_dial(choice)
    if not exported.is_exported(choice.source):
        return _by_keras(choice)
    network = exported.load(choice.source, choice.precision)
    LOGGER.info("%s: as exported to %s", network.name, choice.source)
    return network


def _restoring(choice: Choice, pictures: Sequence[Path], restore: float) -> Network:
    """A network between the one for clean pictures and the one for damaged pictures.

    It mixes their results: mixed weights have a worse LPIPS on damaged pictures than either network.
    """
    damaged = replace(choice, restore=None)
    clean = replace(damaged, source=names.Configuration(shipped.FOR_CLEAN, names.parse(choice.source).scale).name)
    if restore in (0, 1):
        return _chosen(damaged if restore else clean, pictures)
    return mixed(_chosen(clean, pictures), _chosen(damaged, pictures), restore)


def _by_keras(choice: Choice) -> Network:
    """A network that Keras runs, brought towards its pixel-trained partner if a fidelity is given."""
    import keras

    from srzoo import zoo
    from srzoo.backend import dtype_policy
    from srzoo.runtimes.keras import keras_network

    with dtype_policy("mixed_bfloat16") if choice.precision == "bfloat16" else nullcontext():
        model = zoo.load(choice.source)
    if choice.fidelity is not None:
        model = zoo.interpolate(_partner(choice, model.name), model, 1 - choice.fidelity)
    mixed_precision = any(layer.dtype_policy.name == "mixed_bfloat16" for layer in model.layers)
    backend = keras.config.backend()
    runtime = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}.get(backend, backend)
    LOGGER.info("%s: %s by %s", model.name, "bfloat16" if mixed_precision else "float32", runtime)
    return keras_network(model)


def _check_dial(choice: Choice) -> None:
    """Refuses a network that has no fidelity dial, without TensorFlow unless only Keras can tell its name."""
    from srzoo import stored  # HDF5, which a network that is prepared does not need

    if exported.is_exported(choice.source):
        raise ValueError(
            f"--fidelity mixes weights, but {choice.source} is an exported model; "
            "give the .weights.h5 file, and export the mixture of `srzoo.interpolate` if you want it in that format"
        )
    if not choice.source.endswith(".keras"):
        named = shipped.weights_of_name(choice.source)
        _partner(choice, choice.source if named else stored.inspect(choice.source)[0].name)


def _partner(choice: Choice, name: str) -> str:
    """What the network of that name is mixed with."""
    from srzoo.models import registry  # which imports all models

    partner = registry.pixel_trained(name)
    if not choice.pixel_weights and partner not in shipped.shipped_models():
        raise FileNotFoundError(
            f"--fidelity for {name!r} needs the weights of {partner!r}, which do not ship; "
            "give them with --pixel-weights"
        )
    return shipped.nearest(choice.pixel_weights, names.parse(name).scale) if choice.pixel_weights else partner
