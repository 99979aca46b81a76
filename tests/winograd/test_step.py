"""The gradient by Winograd's convolutions is TensorFlow's."""

import ctypes
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from srzoo import zoo
from srzoo.cli import train
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.losses import PIXEL_LOSSES
from srzoo.pictures.reading import read_image
from srzoo.training.stages import stages_of
from srzoo.training.steps import PixelStep
from srzoo.winograd import network
from srzoo.winograd.step import WinogradStep, choose_step

RNG = np.random.default_rng(0)

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ compiles the gradient")


@pytest.mark.parametrize(
    ("scale", "loss", "side", "batch"),
    [
        (4, "l1", 8, 5),
        (3, "l1", 8, 2),
        (2, "l2", 12, 3),
        (4, "psnr", 20, 2),
        (8, "l1", 8, 1),
    ],
)
def test_loss_and_gradients_are_tensorflows(scale, loss, side, batch):
    model = zoo.create("edsr-baseline", scale=scale, blocks=1)
    lr = RNG.integers(0, 256, (batch, side, side, 3)).astype("uint8")
    hr = RNG.integers(0, 256, (batch, scale * side, scale * side, 3)).astype("uint8")
    expected, of_tensorflow = PixelStep(model, PIXEL_LOSSES[loss]).gradients(lr, hr)
    given, of_winograd = WinogradStep(model, PIXEL_LOSSES[loss]).gradients(lr, hr)
    assert float(given) == pytest.approx(float(expected), rel=1e-5)
    for mine, theirs, weights in zip(of_winograd, of_tensorflow, model.trainable_variables, strict=True):
        assert np.linalg.norm(mine - theirs) < 1e-3 * np.linalg.norm(theirs), weights.path


def test_it_is_taken_where_it_fits_and_then_trains_in_float32():
    stages, step = choose_step(stages_of("photos", "edsr-gan", steps=2), "auto", "auto", alone=True)
    assert step is WinogradStep
    assert stages[0].precision == "float32"
    assert choose_step(stages, "tensorflow", "auto", alone=True) == (stages, PixelStep)


@pytest.mark.parametrize(
    ("model", "options", "alone", "reason"),
    [
        ("srresnet", {}, True, "with 64 filters, not srresnet-x4"),
        ("edsr-baseline-x4.filters32", {}, True, "not edsr-baseline-x4.filters32"),
        ("edsr-baseline-x4.residual_scaling0.5", {}, True, "not edsr-baseline-x4.residual_scaling0.5"),
        ("edsr-baseline", {"loss": "charbonnier"}, True, "l1, l2 and psnr alone"),
        ("edsr-baseline", {"sharpen_target": True}, True, "no --sharpen-target"),
        ("edsr-baseline", {"patch": 40}, True, "a multiple of 16, not 40"),
        ("edsr-baseline", {"precision": "bfloat16"}, True, "in float32, not in bfloat16"),
        ("edsr-baseline", {}, False, "without GPUs and --distribute"),
    ],
)
def test_what_does_not_fit_is_tensorflows_or_refused(model, options, alone, reason):
    stages, precision = stages_of("photos", model, **options), options.get("precision", "auto")
    assert choose_step(stages, "auto", precision, alone) == (stages, PixelStep)
    with pytest.raises(ValueError, match=f"--engine winograd .*{reason}.*; leave --engine out"):
        choose_step(stages, "winograd", precision, alone)


def test_without_a_compiler_it_is_tensorflows_and_a_line_says_so(monkeypatch, caplog):
    stages = stages_of("photos", "edsr-baseline")
    monkeypatch.setattr(network, "COMPILER", "no-such-compiler")
    network.compiled.cache_clear()
    with caplog.at_level("INFO"):
        assert choose_step(stages, "auto", "auto", alone=True) == (stages, PixelStep)
    assert "no-such-compiler is missing; install it, and edsr-baseline-x4 trains about three times" in caplog.text
    with pytest.raises(OSError, match="no-such-compiler is missing"):
        choose_step(stages, "winograd", "auto", alone=True)
    network.compiled.cache_clear()


def test_a_crop_that_tiles_do_not_fill_is_refused():
    with pytest.raises(ValueError, match="multiple of 4, got 10"):
        network.Edsr(1, 10, 4)


def test_a_weight_that_is_no_number_makes_the_loss_none():
    crops = network.Edsr(1, 8, 2)
    weights = RNG.normal(0, 0.05, crops.weights)
    weights[5000] = np.nan  # in the first convolution of the block, before its ReLU
    value, _ = crops.loss_and_gradient(weights, *(RNG.integers(0, 256, (8, n, n, 3), "uint8") for n in (8, 16)), "l1")
    assert np.isnan(value)


def test_it_trains_on_degraded_lr_too(tmp_path):
    photo = read_image(sample_path("coffee.png"))[:96, :96]
    write_image(tmp_path / "photos" / "a.png", photo)
    write_image(tmp_path / "photos" / "b.png", photo[::-1])
    model = "edsr-baseline-x4.blocks1"
    options = ["--model", model, "--steps", "2", "--patch", "32", "--batch", "2", "--degrade", "real"]
    options += ["--engine", "winograd", "--output", str(tmp_path / "run")]
    assert train.main([str(tmp_path / "photos"), *options]) == 0
    assert zoo.load(tmp_path / "run" / "best.weights.h5").name == model


def test_threads_that_do_not_come_to_a_step_add_nothing_to_it():
    crops = network.Edsr(1, 8, 2)
    given = (RNG.normal(0, 0.05, crops.weights), *(RNG.integers(0, 256, (8, n, n, 3), "uint8") for n in (8, 16)))
    _, first = crops.loss_and_gradient(*given, "l1")
    openmp = ctypes.CDLL("libgomp.so.1")
    levels = openmp.omp_get_max_active_levels()
    openmp.omp_set_max_active_levels(0)  # one thread, as OMP_DYNAMIC leaves on a busy machine
    try:
        _, alone = crops.loss_and_gradient(*given, "l1")
    finally:
        openmp.omp_set_max_active_levels(levels)
    assert np.linalg.norm(alone - first) < 1e-4 * np.linalg.norm(first)


def test_it_takes_the_threads_that_omp_num_threads_allows(monkeypatch):
    asked: list[int] = []
    names = {"network_new": lambda *sizes: asked.append(sizes[3]), "network_weights": id, "network_delete": id}
    monkeypatch.setattr(network, "compiled", lambda: SimpleNamespace(**names))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    network.Edsr(1, 8, 2)
    assert asked == [3]


def test_a_compiler_takes_it_whose_own_dialect_is_older(tmp_path, monkeypatch):
    older = tmp_path / "g++-9"
    older.write_text('#!/bin/sh\nexec g++ -std=gnu++14 "$@"\n')
    older.chmod(0o755)
    monkeypatch.setattr(network, "COMPILER", str(older))
    network.compiled.__wrapped__()
