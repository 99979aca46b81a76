"""The gradient by Winograd's convolutions is TensorFlow's."""

import shutil

import numpy as np
import pytest
import train_edsr

from srzoo import zoo
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.losses import PIXEL_LOSSES, charbonnier
from srzoo.pictures.reading import read_image
from srzoo.training.steps import PixelStep

RNG = np.random.default_rng(0)

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ compiles the gradient")


@pytest.mark.parametrize(
    ("scale", "loss", "side", "batch"),
    [
        (4, "l1", 8, 5),
        (3, "l1", 8, 2),
        (2, "l2", 12, 3),
        pytest.param(4, "l2", 20, 2, marks=pytest.mark.slow),
        pytest.param(8, "l1", 8, 1, marks=pytest.mark.slow),
    ],
)
def test_loss_and_gradients_are_tensorflows(scale, loss, side, batch):
    model = zoo.create("edsr-baseline", scale=scale, blocks=1)
    lr = RNG.integers(0, 256, (batch, side, side, 3)).astype("uint8")
    hr = RNG.integers(0, 256, (batch, scale * side, scale * side, 3)).astype("uint8")
    expected, of_tensorflow = PixelStep(model, PIXEL_LOSSES[loss]).gradients(lr, hr)
    given, of_winograd = train_edsr.WinogradStep(model, PIXEL_LOSSES[loss]).gradients(lr, hr)
    assert float(given) == pytest.approx(float(expected), rel=1e-5)
    for mine, theirs, weights in zip(of_winograd, of_tensorflow, model.trainable_variables, strict=True):
        assert np.linalg.norm(mine - theirs) < 1e-3 * np.linalg.norm(theirs), weights.path


def test_another_network_is_refused():
    with pytest.raises(ValueError, match="EDSR with 64 filters only"):
        train_edsr.WinogradStep(zoo.create("edsr-baseline", filters=32, blocks=1), PIXEL_LOSSES["l1"])
    with pytest.raises(ValueError, match="--loss l1 or l2"):
        train_edsr.WinogradStep(zoo.create("edsr-baseline", blocks=1), charbonnier)


def test_a_crop_that_tiles_do_not_fill_is_refused():
    with pytest.raises(ValueError, match="multiple of 4, got 10"):
        train_edsr.winograd.Network(1, 10, 4)


def test_it_trains_on_degraded_lr_too(tmp_path, monkeypatch):
    photo = read_image(sample_path("coffee.png"))[:96, :96]
    write_image(tmp_path / "photos" / "a.png", photo)
    write_image(tmp_path / "photos" / "b.png", photo[::-1])
    model = "edsr-baseline-x4.blocks1"
    options = ["--model", model, "--steps", "2", "--patch", "32", "--batch", "2", "--degrade", "real"]
    monkeypatch.setattr(
        "sys.argv", ["train_edsr.py", str(tmp_path / "photos"), *options, "--output", str(tmp_path / "run")]
    )
    assert train_edsr.main() == 0
    assert zoo.load(tmp_path / "run" / "best.weights.h5").name == model
