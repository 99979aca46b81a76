"""DISTS beside PyTorch's figure and where its answer is known."""

import numpy as np
import pytest

from srzoo import bicubic
from srzoo.data.sample import sample_path
from srzoo.metrics import dists
from srzoo.pictures.reading import read_image

PHOTO = read_image(sample_path("astronaut.png"))[60:132, 180:248]
BLURRED = bicubic.upscale(bicubic.downscale(PHOTO, 4), 4)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("dists") / "dists.npz"
    np.savez(path, **{name: rng.random(1475, np.float32) for name in ("alpha", "beta")})
    return path


@pytest.fixture(scope="module")
def network(weights, vgg16_weights):
    return dists.load(weights, vgg16_weights)


def test_a_picture_is_no_distance_from_itself_and_the_order_does_not_count(network):
    assert network(PHOTO, PHOTO) == 0
    assert (
        network(PHOTO, BLURRED) == pytest.approx(network(BLURRED, PHOTO), rel=1e-4) and network(PHOTO, BLURRED) > 0.01
    )
    assert network(PHOTO[:1, :1], PHOTO[:1, :1]) == 0


def test_weights_of_the_pictures_own_channels_alone_give_the_formula(vgg16_weights, tmp_path):
    """Equation 6 on RGB in [0, 1], by NumPy."""
    alpha, beta = np.zeros(1475, np.float32), np.zeros(1475, np.float32)
    alpha[:3], beta[:3] = 1, 3
    np.savez(tmp_path / "rgb.npz", alpha=alpha, beta=beta)
    x, y = (picture.reshape(-1, 3) / 255 for picture in (PHOTO, BLURRED))
    means = (2 * x.mean(0) * y.mean(0) + 1e-6) / (x.mean(0) ** 2 + y.mean(0) ** 2 + 1e-6)
    covariances = [np.cov(x[:, c], y[:, c], bias=True) for c in range(3)]
    structure = [(2 * each[0, 1] + 1e-6) / (each[0, 0] + each[1, 1] + 1e-6) for each in covariances]
    expected = 1 - (means.sum() + 3 * np.sum(structure)) / 12
    assert dists.load(tmp_path / "rgb.npz", vgg16_weights)(PHOTO, BLURRED) == pytest.approx(expected, rel=1e-3)


def test_pooling_is_the_root_of_the_weighted_squares():
    x = np.random.default_rng(0).random((1, 5, 7, 2)).astype(np.float32)
    pooled = np.asarray(dists._pool(x))
    assert pooled.shape == (1, 3, 4, 2)
    window = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    assert pooled[0, 1, 1, 0] == pytest.approx(np.sqrt((x[0, 1:4, 1:4, 0] ** 2 * window).sum()), rel=1e-5)
    assert pooled[0, 0, 0, 1] == pytest.approx(np.sqrt((x[0, :2, :2, 1] ** 2 * window[1:, 1:]).sum()), rel=1e-5)


def test_files_that_are_something_else_are_refused(weights, vgg16_weights, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npz: no such file; expected an .npz file of DISTS's weights"):
        dists.load(tmp_path / "nowhere.npz", vgg16_weights)
    np.savez(tmp_path / "short.npz", alpha=np.zeros(9), beta=np.zeros(1475))
    with pytest.raises(ValueError, match=r"not DISTS's weights: alpha must be of shape \(1475,\), got \(9,\)"):
        dists.load(tmp_path / "short.npz", vgg16_weights)
    with pytest.raises(FileNotFoundError, match="nowhere.h5: no such file; expected VGG16's weights"):
        dists.load(weights, tmp_path / "nowhere.h5")


@pytest.mark.parametrize(
    ("name", "known"), [("img_001", 0.189785), pytest.param("img_002", 0.202302, marks=pytest.mark.slow)]
)
def test_bicubic_on_pictures_of_set5_is_the_figure_of_pytorch(name, known, shared_data):
    """The formulas of the paper in PyTorch 2.13, float64, with the same weights; on HR and bicubic's SR, full size."""
    folder = shared_data / "data" / "benchmark" / "Set5"
    sr = bicubic.upscale(read_image(folder / "LR_x4" / f"{name}.png"), 4)
    network = dists.load(
        shared_data / "weights" / "dists.npz", shared_data / "weights" / "vgg16_torchvision_notop.fp16.weights.h5"
    )
    assert network(read_image(folder / "HR" / f"{name}.png"), sr) == pytest.approx(known, abs=1e-5)
