"""The gradient by Winograd's convolutions is TensorFlow's."""

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from srzoo import zoo
from srzoo.losses import PIXEL_LOSSES, charbonnier
from srzoo.training.steps import PixelStep

TOOL = Path(__file__).resolve().parents[2] / "tools" / "train_edsr.py"
RNG = np.random.default_rng(0)

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ compiles the gradient")


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(TOOL.parent))
    try:
        spec = importlib.util.spec_from_file_location("train_edsr", TOOL)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(TOOL.parent))


@pytest.mark.parametrize(("loss", "side", "batch"), [("l1", 8, 5), ("l2", 20, 2)])
def test_loss_and_gradients_are_tensorflows(tool, loss, side, batch):
    model = zoo.create("edsr-baseline", blocks=2)
    lr = RNG.integers(0, 256, (batch, side, side, 3)).astype("uint8")
    hr = RNG.integers(0, 256, (batch, 4 * side, 4 * side, 3)).astype("uint8")
    expected, of_tensorflow = PixelStep(model, PIXEL_LOSSES[loss]).gradients(lr, hr)
    given, of_winograd = tool.WinogradStep(model, PIXEL_LOSSES[loss]).gradients(lr, hr)
    assert float(given) == pytest.approx(float(expected), rel=1e-5)
    for mine, theirs, weights in zip(of_winograd, of_tensorflow, model.trainable_variables, strict=True):
        assert np.linalg.norm(mine - theirs) < 1e-3 * np.linalg.norm(theirs), weights.path


def test_another_network_is_refused(tool):
    with pytest.raises(ValueError, match="EDSR with 64 filters at x4 only"):
        tool.WinogradStep(zoo.create("edsr-baseline", scale=2, blocks=1), PIXEL_LOSSES["l1"])
    with pytest.raises(ValueError, match="--loss l1 or l2"):
        tool.WinogradStep(zoo.create("edsr-baseline", blocks=1), charbonnier)


def test_a_crop_that_tiles_do_not_fill_is_refused(tool):
    with pytest.raises(ValueError, match="multiple of 4, got 10"):
        tool.winograd.Network(1, 10)
