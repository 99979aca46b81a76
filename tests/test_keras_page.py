"""The code of docs/keras.md runs."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

import srzoo
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

PAGE = Path(__file__).resolve().parents[1] / "docs" / "keras.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

SMALLER = {
    "batch=16": "batch=1",
    "patch=96": "patch=32",
    "steps_per_epoch=1000": "steps_per_epoch=2",
    "epochs=20": "epochs=1",
}
SMALLER |= {"take(1000)": "take(1)"}


@pytest.mark.slow
def test_the_page_for_keras_users_runs_from_top_to_bottom(tmp_path, monkeypatch):
    photo = read_image(sample_path("chelsea.png"))
    for i in range(3):
        write_image(tmp_path / "photos" / f"{i}.png", photo[40 * i : 40 * i + 60, 100:170])
    write_image(tmp_path / "photo.jpg", photo[:40, :50])
    monkeypatch.chdir(tmp_path)
    # VGG's weights are a download of 80 MB.
    monkeypatch.setattr(keras.applications, "VGG19", partial(untrained, keras.applications.VGG19))
    names = {"lr": photo[:20, :30]}
    text = "\n".join(BLOCKS)
    for given, smaller in SMALLER.items():
        assert given in text
        text = text.replace(given, smaller)
    exec(compile(text, str(PAGE), "exec"), names)
    assert names["sr"].shape == (80, 120, 3) and names["picture"].size == (100, 80)
    assert np.isfinite(float(names["logs"]["loss"])) and "val_psnr_y" in names["gan"].history.history
    assert (tmp_path / "gan.weights.h5").is_file() and names["model"].name == "edsr-baseline-x4"


def test_what_the_page_imports_lets_keras_load_a_compiled_model_in_a_new_session(tmp_path):
    model = srzoo.create("edsr-baseline", scale=2, blocks=1, filters=4)
    model.compile("adam", srzoo.losses.l1, metrics=[srzoo.metrics.PSNRY(shave=2)])
    model.save(tmp_path / "model.keras")
    (line,) = re.findall(r"(?m)^`(import [^`]*)`", PAGE.read_text("utf-8"))
    script = f"import keras\n{line}\nassert keras.saving.load_model('model.keras').loss is srzoo.losses.l1"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


def untrained(network, include_top, weights):
    return network(include_top=include_top, weights=None)
