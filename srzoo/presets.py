"""Presets, as Keras and keras-hub have them: a folder with a network's description, its weights and a card."""

import json
import os
from datetime import datetime, timezone
from pathlib import Path

import keras
import numpy as np

from srzoo import __version__, cards, hub, shipped, zoo
from srzoo.atomic import make_folder, unfinished_folder
from srzoo.files.hdf5 import write_weights
from srzoo.files.keras_archive import check_archive
from srzoo.models.geometry import scale_of


def save_preset(model: keras.Model, folder: str | os.PathLike) -> None:
    """Writes a model as a preset, which `srzoo.load` and `keras.saving.load_model` read.

    The card, `README.md`, has figures and a licence if the weights are those that ship with srzoo; one that is there
    stays. The other files of a preset are replaced.

    Args:
        model: a network that upscales.
        folder: made if it is missing.

    Raises:
        ValueError: if the model has layers that no network of srzoo's has, so that `srzoo.load` would refuse it.
        OSError: if the folder cannot be written.
    """
    folder = Path(folder)
    make_folder(folder)
    description = keras.saving.serialize_keras_object(model)
    description.pop("compile_config", None)
    facts = {
        "keras_version": keras.__version__,
        "srzoo_version": __version__,
        "parameter_count": model.count_params(),
        "date_saved": datetime.now(timezone.utc).strftime("%Y-%m-%d@%H:%M:%S"),
    }
    with unfinished_folder(folder) as written:
        (written / "config.json").write_text(json.dumps(description), "utf-8")
        (written / "metadata.json").write_text(json.dumps(facts, indent=1), "utf-8")
        write_weights(model, written / hub.WEIGHTS, _configuration(model))
        try:
            check_archive(written)
        except ValueError as error:
            raise ValueError(f"the model {model.name!r} cannot be a preset of srzoo: {error}") from error
        if not (folder / hub.CARD).exists():
            (written / hub.CARD).write_text(cards.write_card(model.name, scale_of(model), _ships(model)), "utf-8")
        for path in written.iterdir():
            path.replace(folder / path.name)


def _configuration(model: keras.Model) -> dict[str, str]:
    """Attributes that `zoo.save_weights` writes beside the weights; none for other networks."""
    try:
        return {"srzoo": zoo.configuration_of(model).to_json()}
    except ValueError:
        return {}


def _ships(model: keras.Model) -> bool:
    if model.name not in shipped.shipped_models():
        return False
    pairs = zip(model.get_weights(), zoo.load(model.name).get_weights())
    return all(np.array_equal(ours, theirs) for ours, theirs in pairs)
