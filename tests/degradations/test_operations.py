"""Each operation beside NumPy, SciPy, TensorFlow or libjpeg, which compute it in another way."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.ndimage import convolve

from srzoo import bicubic
from srzoo.data.sample import sample_path
from srzoo.degradations import operations
from srzoo.degradations.kernels import gaussian
from srzoo.images import to_uint8
from srzoo.pictures.reading import read_image

PHOTO = read_image(sample_path("coffee.png"))[100:196, 200:288]
PIXELS = PHOTO.astype(np.float32)


@pytest.mark.parametrize("size", (7, 21))
def test_blur_is_scipys_convolution_on_mirrored_borders(size):
    kernel = gaussian(size, (3.0, 0.5), 0.5)
    expected = np.stack([convolve(PIXELS[..., c], kernel, mode="mirror") for c in range(3)], -1)
    np.testing.assert_allclose(operations.blur(PIXELS, kernel), expected, atol=2e-3)


def test_blur_of_a_picture_smaller_than_the_kernel_keeps_a_flat_colour():
    np.testing.assert_allclose(operations.blur(np.full((3, 1, 3), 77, np.float32), gaussian(21, (3, 3))), 77, rtol=1e-5)


@pytest.mark.parametrize("shape", ((24, 22), (37, 61), (130, 97)))
@pytest.mark.parametrize("method", ("area", "bilinear"))
def test_resizing_is_tensorflows(method, shape):
    np.testing.assert_allclose(
        operations.resize(PIXELS, shape, method), tf.image.resize(PIXELS, shape, method), atol=4e-3
    )


def test_bicubic_is_keys_with_the_four_nearest_pixels():
    def keys(x, a=-0.75):
        x = abs(x)
        return (a + 2) * x**3 - (a + 3) * x**2 + 1 if x <= 1 else a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0

    size, new = PIXELS.shape[0], 37
    expected = np.zeros((new, *PIXELS.shape[1:]))
    for i in range(new):
        centre = (i + 0.5) * size / new - 0.5
        for k in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            expected[i] += keys(k - centre) * PIXELS[np.clip(k, 0, size - 1)]
    np.testing.assert_allclose(operations.resize(PIXELS, (new, 88), "bicubic"), expected, atol=2e-3)


@pytest.mark.parametrize("scale", (2, 4))
def test_matlabs_bicubic_is_that_of_the_benchmarks(scale):
    shape = (PHOTO.shape[0] // scale, PHOTO.shape[1] // scale)
    np.testing.assert_array_equal(to_uint8(operations.resize(PIXELS, shape, "matlab")), bicubic.downscale(PHOTO, scale))


def test_gaussian_noise_has_its_sigma_and_is_one_for_all_channels_if_grey():
    flat, rng = np.full((200, 200, 3), 128, np.float32), np.random.default_rng(0)
    noise = operations.gaussian_noise(flat, 10.0, rng) - flat
    assert (
        noise.std() == pytest.approx(10, rel=0.02)
        and abs(np.corrcoef(noise[..., 0].flat, noise[..., 1].flat)[0, 1]) < 0.02
    )
    grey = operations.gaussian_noise(flat, 10.0, rng, grey=True) - flat
    assert grey.std() == pytest.approx(10, rel=0.02) and np.ptp(grey, axis=-1).max() == 0
    correlated = np.cov((operations.gaussian_noise(flat, 10.0, rng, correlated=True) - flat).reshape(-1, 3).T)
    assert abs(correlated[0, 1]) > 1 and np.linalg.eigvalsh(correlated).max() < 105
    small = flat[:16, :16]
    variances = [(operations.gaussian_noise(small, 10.0, rng, correlated=True) - small).var() for _ in range(400)]
    assert np.mean(variances) == pytest.approx(50, rel=0.08)  # the mean of eigenvalues that are even in [0, 100]


@pytest.mark.parametrize("grey", (False, True))
def test_poisson_noise_varies_in_proportion_to_the_light(grey):
    ramp = np.tile(np.arange(256, dtype=np.float32)[:, None, None], (1, 4000, 3))
    noise = operations.poisson_noise(ramp, 0.5, np.random.default_rng(0), grey)[40:200] - ramp[40:200]
    # 256 counts for 255 levels: variance level * 255 / 256, times the factor's square.
    np.testing.assert_allclose(noise.var((1, 2)), 0.25 * np.arange(40, 200) * 255 / 256, rtol=0.12)
    assert (np.ptp(noise, axis=-1).max() == 0) == grey
    steps = ramp[40:200:40]  # four levels, so four counts
    noise = operations.poisson_noise(steps, 0.05, np.random.default_rng(0), grey) - steps
    np.testing.assert_allclose(noise.var((1, 2)), 0.05**2 * steps[:, 0, 0] * 255 / 4, rtol=0.12)


@pytest.mark.parametrize("quality", (30, 75, 95))
def test_jpeg_is_libjpegs_with_chroma_at_half_the_resolution(quality):
    compressed = operations.jpeg(PIXELS, quality)
    file = io.BytesIO()
    Image.fromarray(PHOTO).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    np.testing.assert_array_equal(compressed, np.asarray(Image.open(file)))
    tensor = tf.io.decode_jpeg(tf.io.encode_jpeg(PHOTO, quality=quality), dct_method="INTEGER_ACCURATE")
    np.testing.assert_array_equal(compressed, tensor)
