"""Tiles equal the whole picture, in the memory that was allowed."""

import keras
import numpy as np
import pytest
from skimage import data

from srzoo import zoo
from srzoo.images import to_uint8
from srzoo.models.geometry import halo_of
from srzoo.runtimes import keras as keras_network
from srzoo.runtimes.keras import peak_bytes_per_pixel
from srzoo.upscaling import Upscaler

TINY = "blocks2.filters8"


def photo(height, width):
    return data.chelsea()[100 : 100 + height, 150 : 150 + width]


def far_sighted(name):
    """A tiny model whose output depends strongly on what is farthest away: all weights in the kernels' corners."""
    model = zoo.create(name)
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape)
            kernel[:: kernel.shape[0] - 1, :: kernel.shape[1] - 1] = random.uniform(-1, 1, (2, 2, *kernel.shape[2:]))
            layer.kernel.assign(kernel * np.sqrt(3 / (4 * kernel.shape[2])) * 1.2)
    return model


def tiled(model, pixels, area):
    """The result in tiles of at most `area` pixels, and their number."""
    count = []
    result = Upscaler(model, area * keras_network.keras_network(model).bytes_per_pixel)(
        pixels, lambda tiles: count.append(len(tiles)) or tiles
    )
    return result, count[0]


def whole(model, pixels):
    return to_uint8(model(pixels[None].astype("float32"), training=False)[0])


def farthest(first, second):
    return np.abs(first.astype(int) - second).max()


@pytest.mark.parametrize("name", ["edsr-baseline", "srresnet"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_tiles_equal_the_whole_picture_within_one_grey_level(name, scale):
    model = far_sighted(f"{name}-x{scale}.{TINY}")
    pixels = photo(71, 89)
    result, count = tiled(model, pixels, area=(2 * halo_of(model) + 11) ** 2)
    expected = whole(model, pixels)
    assert count >= 12
    assert result.dtype == np.uint8 and result.shape == (71 * scale, 89 * scale, 3)
    assert farthest(result, expected) <= 1
    assert expected.std() > 20  # there is something to get wrong


@pytest.mark.parametrize("name", ["edsr-baseline", "srresnet"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_tiles_with_a_halo_one_pixel_too_small_do_not(name, scale, monkeypatch):
    model = far_sighted(f"{name}-x{scale}.{TINY}")
    monkeypatch.setattr(keras_network, "halo_of", lambda part: halo_of(part) - (part is model))
    pixels = photo(71, 89)
    result, _ = tiled(model, pixels, area=(2 * halo_of(model) + 11) ** 2)
    assert farthest(result, whole(model, pixels)) > 1


@pytest.mark.parametrize(("name", "halo"), [("edsr-baseline", 36), ("srresnet", 40), ("edsr", 68)])
def test_the_halo_is_that_of_the_receptive_field(name, halo):
    assert Upscaler(zoo.create(f"{name}-x4.filters8")).halo == halo


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 2)])
def test_the_smallest_pictures_are_upscaled_too(shape):
    model = far_sighted(f"edsr-baseline-x3.{TINY}")
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    result, _ = tiled(model, pixels, area=(2 * halo_of(model) + 1) ** 2)
    assert farthest(result, whole(model, pixels)) <= 1


def test_pictures_and_tiles_of_other_shapes_need_no_second_trace(monkeypatch):
    made, compiled = [], keras_network._compiled
    monkeypatch.setattr(keras_network, "_compiled", lambda model: made.append(compiled(model)) or made[-1])
    upscale = Upscaler(zoo.create(f"edsr-baseline-x2.{TINY}"))
    for side in (8, 9, 31):
        upscale(photo(side, 2 * side))
    assert [function.experimental_get_tracing_count() for function in made] == [1, 1]


def test_the_model_is_left_as_it_is():
    model = zoo.create(f"srresnet-x2.{TINY}")
    before = [weight.numpy() for weight in model.weights]
    Upscaler(model)(photo(20, 20))
    for weight, old in zip(model.weights, before):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_the_result_is_rounded_to_the_nearest_grey_level_and_clipped():
    model = zoo.create(f"edsr-baseline-x2.{TINY}")
    tail = model.get_layer("tail")
    tail.kernel.assign(np.zeros(tail.kernel.shape))
    tail.bias.assign((np.array([99.6, 300, -20]) - [0.4488 * 255, 0.4371 * 255, 0.4040 * 255]) / 255)
    assert Upscaler(model)(photo(4, 4))[0, 0].tolist() == [100, 255, 0]


def test_the_memory_of_a_pixel_is_some_times_that_of_the_largest_layer():
    largest = 16 * 64 * 4  # 64 channels of float32 at four times the sides
    assert peak_bytes_per_pixel(zoo.create("edsr-baseline-x4")) == 2.5 * largest
    assert peak_bytes_per_pixel(zoo.create("srresnet-x4")) == 3.5 * largest
    assert peak_bytes_per_pixel(zoo.create("edsr-x4.blocks1")) == 2.5 * largest * 4


def test_too_little_memory_is_refused():
    with pytest.raises(ValueError, match=r"memory must be at least 10 MB for 'edsr-baseline-x4', got 9 MB"):
        Upscaler(zoo.create("edsr-baseline-x4"), memory=9_000_000)


@pytest.mark.parametrize(
    ("pixels", "got"),
    [
        (np.zeros((4, 4, 3), np.float32), r"float32 of shape \(4, 4, 3\)"),
        (np.zeros((4, 4), np.uint8), r"uint8 of shape \(4, 4\)"),
        (np.zeros((4, 0, 3), np.uint8), r"uint8 of shape \(4, 0, 3\)"),
        ("a.png", "got str"),
    ],
)
def test_what_is_no_picture_is_refused(pixels, got):
    with pytest.raises(ValueError, match=rf"pixels must be a uint8 array of shape \(height, width, 3\).*{got}"):
        Upscaler(zoo.create(f"edsr-baseline-x2.{TINY}"))(pixels)


def test_a_model_that_strides_is_refused():
    inputs = keras.Input((None, None, 3))
    strided = keras.layers.Conv2D(12, 3, strides=2, padding="same")(inputs)
    model = keras.Model(inputs, keras.layers.UpSampling2D(4)(keras.layers.Conv2D(3, 1)(strided)))
    with pytest.raises(ValueError, match="tiles need stride 1"):
        Upscaler(model)


def test_a_model_whose_output_is_not_finite_is_refused():
    model = zoo.create(f"edsr-baseline-x2.{TINY}")
    model.get_layer("tail").bias.assign([np.nan] * 3)
    with pytest.raises(ValueError, match="NaN"):
        Upscaler(model)(photo(4, 4))
