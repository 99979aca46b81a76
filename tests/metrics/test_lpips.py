"""LPIPS against published figures and against its formula, computed by NumPy."""

import keras
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from srzoo import bicubic
from srzoo.backend import dtype_policy
from srzoo.data.sample import sample_path
from srzoo.metrics import lpips
from srzoo.pictures.reading import read_image

PHOTO = read_image(sample_path("astronaut.png"))[60:131, 180:246]
BLURRED = bicubic.upscale(bicubic.downscale(PHOTO[:68, :64], 4), 4)
SHARP = PHOTO[:68, :64]

VGG16 = {"block1_conv2": 64, "block2_conv2": 128, "block3_conv3": 256, "block4_conv3": 512, "block5_conv3": 512}


def vgg16_heads():
    rng = np.random.default_rng(0)
    return {f"head{i}": rng.random(channels, np.float32) for i, channels in enumerate(VGG16.values())}


def saved(path, arrays):
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def alexnet(alexnet_weights):
    return lpips.load(alexnet_weights)


def normalised(picture):
    """As torchvision's networks want it."""
    return (picture / 127.5 - 1 - np.array([-0.030, -0.088, -0.188])) / np.array([0.458, 0.448, 0.450])


def distance(of_hr, of_sr, heads):
    """Equation 1 of the paper, from lists of features (H, W, C)."""
    total = 0
    for x, y, head in zip(of_hr, of_sr, heads):
        x, y = (z / (np.sqrt((z**2).sum(-1, keepdims=True)) + 1e-10) for z in (x, y))
        total += ((x - y) ** 2 * head).sum(-1).mean()
    return total


def alexnet_features(picture, arrays):
    x, features = normalised(picture), []
    for i, (stride, padding) in enumerate(((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))):
        if i in (1, 2):
            x = sliding_window_view(x, (3, 3), (0, 1))[::2, ::2].max((-1, -2))
        kernel = arrays[f"conv{i}_kernel"]
        x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
        windows = sliding_window_view(x, kernel.shape[:2], (0, 1))[::stride, ::stride]
        x = np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True) + arrays[f"conv{i}_bias"], 0)
        features.append(x)
    return features


@pytest.mark.parametrize("height", [31, 44, 68])
def test_alexnets_is_the_formula(alexnet, alexnet_weights, height):
    arrays = np.load(alexnet_weights)
    hr, sr = SHARP[:height, :47], BLURRED[:height, :47]
    expected = distance(
        alexnet_features(hr, arrays), alexnet_features(sr, arrays), [arrays[f"head{i}"] for i in range(5)]
    )
    assert expected > 0.05
    assert alexnet(hr, sr) == pytest.approx(expected, rel=1e-4)


@pytest.fixture(scope="module")
def vgg16():
    network = keras.applications.VGG16(include_top=False, weights=None)
    # The biases start as zeros, and then nobody would see two of them swapped.
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.1, w.shape) if w.ndim == 1 else w for w in network.get_weights()])
    return network


def test_vgg16s_is_the_formula_on_kerass_features(vgg16, tmp_path):
    vgg16.save_weights(tmp_path / "vgg16.weights.h5")
    heads = vgg16_heads()
    network = lpips.load(saved(tmp_path / "heads.npz", heads), tmp_path / "vgg16.weights.h5")
    features = keras.Model(vgg16.input, [vgg16.get_layer(name).output for name in VGG16])
    of_hr, of_sr = ([x[0].numpy() for x in features(normalised(x)[None])] for x in (SHARP, BLURRED))
    assert network.name == "VGG16" and network.least == 16
    assert network(SHARP, BLURRED) == pytest.approx(distance(of_hr, of_sr, heads.values()), rel=1e-4)
    assert np.isfinite(network(SHARP[:16, :16], BLURRED[:16, :16]))


def test_equal_pictures_are_no_distance_apart_and_the_order_does_not_count(alexnet):
    assert alexnet(SHARP, SHARP) == pytest.approx(0, abs=1e-9)
    assert alexnet(SHARP, BLURRED) == pytest.approx(alexnet(BLURRED, SHARP), rel=1e-5)


def test_keras_policy_does_not_change_the_figure(alexnet_weights, alexnet):
    with dtype_policy("mixed_float16"):
        assert lpips.load(alexnet_weights)(SHARP, BLURRED) == pytest.approx(alexnet(SHARP, BLURRED), rel=1e-6)


@pytest.mark.parametrize(
    ("hr", "sr", "message"),
    [
        (SHARP, SHARP[:40], r"HR and SR must be of one shape, got \(68, 64, 3\) and \(40, 64, 3\)"),
        (SHARP / 255, SHARP / 255, "HR must be a uint8 array .* got float64"),
        (SHARP, SHARP.astype(np.float32), "SR must be a uint8 array .* got float32"),
        (
            SHARP[:30],
            SHARP[:30],
            "a picture of 64x30 is too small for LPIPS of AlexNet: at least 31x31 pixels are needed",
        ),
    ],
)
def test_pictures_that_cannot_be_measured_are_refused(alexnet, hr, sr, message):
    with pytest.raises(ValueError, match=message):
        alexnet(hr, sr)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head4": None}, "not LPIPS's weights for AlexNet: expected the arrays conv0_bias, .*, head4, got conv0_bias"),
        ({"head4": np.zeros(9)}, r"for AlexNet: head4 must be of shape \(256,\), got \(9,\)"),
        ({"conv0_bias": np.full(64, np.nan)}, "for AlexNet: conv0_bias holds NaN or infinite values"),
        ({"conv0_bias": np.array(["a"])}, "not an .npz file of LPIPS's weights .*could not convert"),
        ({"conv0_bias": np.array([None])}, "not an .npz file of LPIPS's weights .*allow_pickle"),
    ],
)
def test_wrong_arrays_are_refused(alexnet_weights, tmp_path, change, message):
    arrays = {name: array for name, array in {**np.load(alexnet_weights), **change}.items() if array is not None}
    with pytest.raises(ValueError, match=message):
        lpips.load(saved(tmp_path / "bad.npz", arrays))


def test_files_that_are_something_else_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npz: no such file; expected an .npz file of LPIPS's weights"):
        lpips.load(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("text")
    np.save(tmp_path / "array.npy", np.zeros(3))
    whole = saved(tmp_path / "cut.npz", vgg16_heads()).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[:-100])
    for name in ("text.npz", "array.npy", "cut.npz"):
        with pytest.raises(ValueError, match=f"{name}: not an .npz file of LPIPS's weights"):
            lpips.load(tmp_path / name)
    with pytest.raises(ValueError, match="for VGG16: expected the arrays head0, head1, head2, head3, head4, got other"):
        lpips.load(saved(tmp_path / "other.npz", {"other": np.zeros(3)}))


def test_a_backbone_that_does_not_fit_is_refused(alexnet_weights, tmp_path):
    heads = saved(tmp_path / "heads.npz", vgg16_heads())
    with pytest.raises(ValueError, match="holds only the heads for VGG16: give the file of VGG16's convolutions"):
        lpips.load(heads)
    with pytest.raises(FileNotFoundError, match="nowhere.h5: no such file; expected VGG16's weights without dense"):
        lpips.load(heads, tmp_path / "nowhere.h5")
    (tmp_path / "text.h5").write_text("text")
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)]).save_weights(tmp_path / "other.weights.h5")
    for name in ("text.h5", "other.weights.h5"):
        with pytest.raises(ValueError, match=f"{name}: not VGG16's weights without dense layers") as error:
            lpips.load(heads, tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="holds AlexNet's convolutions itself: leave the backbone vgg16.h5 out"):
        lpips.load(alexnet_weights, "vgg16.h5")


def bicubic_figure(network, folder, name="*"):
    figures = []
    for file in sorted((folder / "HR").glob(f"{name}.png")):
        sr = bicubic.upscale(read_image(folder / "LR_x4" / file.name), 4)
        figures.append(network(read_image(file), sr))
    return np.mean(figures)


def test_bicubic_on_set5_and_set14_is_the_known_figure(shared_data):
    """SPSR's table (arXiv 2003.13081) has .341 and .439."""
    network = lpips.load(shared_data / "weights" / "lpips_alexnet.npz")
    for name, known in (("Set5", 0.3407), ("Set14", 0.4400)):
        assert bicubic_figure(network, shared_data / "data" / "benchmark" / name) == pytest.approx(known, abs=5e-5)


def test_vgg16s_figure_of_one_picture_stays_as_it_was_measured(shared_data):
    weights = shared_data / "weights"
    network = lpips.load(weights / "lpips_vgg16_heads.npz", weights / "vgg16_torchvision_notop.fp16.weights.h5")
    assert bicubic_figure(network, shared_data / "data" / "benchmark" / "Set5", "img_002") == pytest.approx(
        0.1998, abs=1e-4
    )
