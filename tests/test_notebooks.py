"""The notebooks of examples/ run."""

import json
from pathlib import Path

import keras
import matplotlib
import numpy as np
import pytest

from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CHEAP = {"PATCH": 32, "BATCH": 1, "STEPS": 2, "EPOCHS": 1}


def run(name: str, **parameters) -> dict:
    """Runs a notebook's cells in order, with other values after the cell of its parameters; gives its names."""
    names: dict = {}
    for cell in json.loads((EXAMPLES / f"{name}.ipynb").read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
        if "parameters" in cell["metadata"].get("tags", ()):
            assert parameters.keys() <= names.keys()
            names.update(parameters)
    return names


@pytest.fixture
def photos(tmp_path, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    photo = read_image(sample_path("chelsea.png"))
    for i in range(3):
        write_image(tmp_path / "photos" / f"{i}.png", photo[40 * i : 40 * i + 60, 100:172])
    return tmp_path / "photos"


@pytest.mark.slow
def test_the_notebook_that_upscales(photos):
    assert run("upscale", PICTURE=str(photos / "0.png"))["sr"].shape == (120, 144, 3)
    assert Path("large.png").is_file()


@pytest.mark.slow
def test_the_notebook_that_trains(photos):
    names = run("train", PICTURES=str(photos), **CHEAP)
    assert np.isfinite(names["history"].history["val_psnr_y"]) and Path("mine.weights.h5").is_file()


@pytest.mark.slow
def test_the_notebook_that_fine_tunes_into_a_gan_and_exports(photos, monkeypatch):
    # VGG's weights are a download of 80 MB.
    network = keras.applications.VGG19
    monkeypatch.setattr(keras.applications, "VGG19", lambda include_top, weights: network(include_top, weights=None))
    names = run("gan", PICTURES=str(photos), **CHEAP)
    assert (names["folder"] / "saved_model.pb").is_file() and names["report"].worst < 0.1
