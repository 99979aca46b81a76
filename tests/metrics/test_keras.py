"""Keras's metrics beside `srzoo evaluate`."""

import math

import keras
import numpy as np
import pytest

import srzoo
from srzoo import bicubic
from srzoo.data.sample import sample_path
from srzoo.evaluation import evaluate
from srzoo.images import write_image
from srzoo.metrics import DISTS, LPIPS, PSNRY, SSIMY
from srzoo.pictures.reading import read_image

PHOTO = read_image(sample_path("astronaut.png"))


@pytest.fixture(scope="module")
def files(tmp_path_factory, vgg16_weights):
    """Of LPIPS's heads for VGG16 and of DISTS, not trained."""
    folder, rng = tmp_path_factory.mktemp("weights"), np.random.default_rng(0)
    channels = (64, 128, 256, 512, 512)
    np.savez(folder / "lpips.npz", **{f"head{i}": rng.random(n, np.float32) for i, n in enumerate(channels)})
    np.savez(folder / "dists.npz", **{name: rng.random(1475, np.float32) for name in ("alpha", "beta")})
    return [(folder / "lpips.npz", vgg16_weights), (folder / "dists.npz", vgg16_weights)]


def test_what_fit_and_evaluate_of_keras_show_is_what_srzoo_evaluate_computes(tmp_path, files):
    sizes = [(52, 44), (60, 72)]
    for i, (height, width) in enumerate(sizes):
        write_image(tmp_path / "set" / f"{i}.png", PHOTO[100 * i :, 200:][:height, :width])
    model = srzoo.create("edsr-baseline", scale=4, blocks=1, filters=8)
    model.set_weights([0.5 * each for each in model.get_weights()])
    metrics = [PSNRY(shave=4), SSIMY(shave=4), LPIPS(*files[0]), DISTS(*files[1])]
    # Not as a graph: to trace VGG16 twice takes longer than to run it.
    model.compile(loss=srzoo.losses.l1, metrics=metrics, run_eagerly=True)
    whole = read_image(tmp_path / "set" / "0.png"), read_image(tmp_path / "set" / "1.png")
    pairs = [(bicubic.downscale(hr, 4)[None].astype("float32"), hr[None].astype("float32")) for hr in whole]
    found = model.evaluate((pair for pair in pairs), return_dict=True, verbose=0, steps=2)
    networks = [metric.network for metric in metrics[2:]]
    mean = evaluate(srzoo.Upscaler(model), "tiny", 4, tmp_path / "set", iter, *networks).mean.figures
    assert found["psnr_y"] == pytest.approx(mean["psnr_y"], abs=1e-3)
    assert found["ssim_y"] == pytest.approx(mean["ssim_y"], abs=1e-5)
    assert found["lpips"] == pytest.approx(mean["lpips"], rel=1e-3)
    assert found["dists"] == pytest.approx(mean["dists"], rel=1e-3)
    assert [metric.get_config()["weights"] for metric in metrics[2:]] == [str(weights) for weights, _ in files]


def test_each_picture_counts_once_and_equal_ones_are_left_out():
    hr = PHOTO[None, :40, :40].astype(np.float32)
    psnr, ssim = PSNRY(shave=0), SSIMY(shave=0)
    assert float(psnr.result()) == math.inf
    for metric in (psnr, ssim):
        metric.update_state(np.concatenate([hr, hr]), np.concatenate([hr + 0.4, hr + 10]))
    assert float(psnr.result()) == pytest.approx(
        srzoo.metrics.psnr_y(np.uint8(hr[0]), np.uint8(np.minimum(hr[0] + 10, 255)), 0), abs=1e-3
    )
    assert 0.5 < float(ssim.result()) < 1
    weighted, apart = PSNRY(shave=0), []
    for off in (10, 20):
        psnr.reset_state()
        psnr.update_state(hr, hr + off)
        apart.append(float(psnr.result()))
    weighted.update_state(np.concatenate([hr, hr, hr]), np.concatenate([hr, hr + 10, hr + 20]), [5, 1, 3])
    assert float(weighted.result()) == pytest.approx((apart[0] + 3 * apart[1]) / 4, abs=1e-3)


@pytest.mark.parametrize("metric", [PSNRY(shave=0), SSIMY(shave=0)], ids=lambda metric: metric.name)
def test_of_pixels_between_0_and_1_there_is_no_figure_that_looks_good(metric):
    hr = PHOTO[None, :40, :40] / 255
    metric.update_state(hr, hr + 0.04)
    assert math.isnan(float(metric.result()))


def test_metrics_and_losses_come_back_from_what_keras_saves():
    for metric in (PSNRY(shave=3), SSIMY(shave=2, name="mine")):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
        assert type(again) is type(metric) and again.get_config() == metric.get_config()
    for loss in (srzoo.losses.l1, srzoo.losses.l2, srzoo.losses.charbonnier):
        assert keras.losses.deserialize(keras.losses.serialize(loss)) is loss


def test_what_cannot_be_measured_is_refused():
    hr = np.zeros((1, 20, 30, 3))
    with pytest.raises(ValueError, match=r"psnr_y: HR and SR must be of one shape \(N, H, W, 3\), got"):
        PSNRY(shave=2).update_state(hr, hr[:, :10])
    with pytest.raises(ValueError, match="ssim_y: pictures must have at least 21x21 pixels, got 30x20"):
        SSIMY(shave=5).update_state(hr, hr)
    with pytest.raises(ValueError, match="shave must be a number of pixels of at least 0, got -1"):
        PSNRY(shave=-1)
