"""Tiles equal the whole picture, in the memory that was allowed."""

import keras
import numpy as np
import pytest
from skimage import data

from srzoo import zoo
from srzoo.images import to_uint8
from srzoo.models.geometry import MOST_HALO, alignment_of, halo_of, peak_bytes_per_pixel, radius_of
from srzoo.models.keras_graph import from_keras
from srzoo.models.layers import pixel_shuffle
from srzoo.models.registry import border_of
from srzoo.runtimes import keras as keras_network
from srzoo.runtimes import stages
from srzoo.runtimes.tiles import cut
from srzoo.upscaling import Upscaler, memory

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
    around = border_of(from_keras(model))
    continued = np.pad(pixels, ((around, around), (around, around), (0, 0)), "symmetric")
    sr = to_uint8(model(continued[None].astype("float32"), training=False)[0])
    shaved = around * len(sr) // len(continued)
    return sr[shaved : len(sr) - shaved, shaved : sr.shape[1] - shaved]


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
    monkeypatch.setattr(stages, "halo_of", lambda graph: halo_of(graph) - 1)
    pixels = photo(71, 89)
    result, _ = tiled(model, pixels, area=(2 * halo_of(model) + 11) ** 2)
    assert farthest(result, whole(model, pixels)) > 1


@pytest.mark.parametrize(("name", "halo"), [("edsr-baseline", 36), ("srresnet", 40), ("edsr", MOST_HALO)])
def test_the_halo_is_that_of_the_receptive_field_up_to_a_cap(name, halo):
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
    assert len(made) == 3, "of the body, the tail and the merged tail"


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


def test_too_little_memory_is_refused_where_a_picture_has_to_be_cut_and_not_before():
    upscale = Upscaler(zoo.create("edsr-baseline-x4.filters8"), memory=1_000_000)
    assert upscale(photo(24, 24)).shape == (96, 96, 3)
    with pytest.raises(
        ValueError,
        match=r"memory must be at least 6 MB for 'edsr-baseline-x4.filters8' to upscale a picture of 89x71 pixels "
        "in tiles, got 1 MB; allow more, or give a smaller picture",
    ):
        upscale(photo(71, 89))


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


def with_channel_attention() -> keras.Model:
    """Two convolutions with RCAN's attention between them: each channel times what its mean over the picture says."""
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, padding="same")(keras.layers.Rescaling(1 / 255)(pixels))
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = keras.layers.Multiply()([x, keras.layers.Conv2D(8, 1, activation="sigmoid")(gate)])
    x = pixel_shuffle(keras.layers.Conv2D(12, 3, padding="same")(x), 2, "shuffle")
    return keras.Model(pixels, keras.layers.Rescaling(255)(x), name="attentive-x2")


def test_a_network_with_channel_attention_sees_the_whole_picture_or_refuses_it(monkeypatch):
    model, pixels = with_channel_attention(), photo(71, 89)
    upscale = Upscaler(model)
    assert upscale.halo is None
    (tile,) = upscale.plan(pixels, row_bytes=10_000_000)
    assert tile.source == (slice(0, 71), slice(0, 89))
    assert farthest(upscale(pixels), whole(model, pixels)) <= 1
    with pytest.raises(ValueError, match="pixels at once, as the network must see the whole of it, got 0.1 MB; allow"):
        Upscaler(model, memory=100_000)(pixels)
    monkeypatch.setattr(memory, "available_memory", lambda: 100_000)
    with pytest.raises(MemoryError, match=r"no memory for a picture of 89x71 pixels, \d MB: 'attentive-x2' must see"):
        Upscaler(model)(pixels)


@pytest.mark.parametrize(
    "name", ["rrdb-x4.blocks1", "rrdb-x2.blocks1", "rrdb-x1.blocks1", "compact-x4.blocks4", "compact-x1.blocks4"]
)
def test_networks_that_repeat_or_shuffle_pixels_first_are_the_same_in_tiles(name):
    model = far_sighted(f"{name}.filters4" + (".growth4" if "rrdb" in name else ""))
    side = 2 * halo_of(model) + 3 * alignment_of(model)
    pixels = data.astronaut()[: 2 * side - 5, : 2 * side + 3] if side > 150 else photo(side + 30, side + 41)
    result, count = tiled(model, pixels, area=side**2)
    assert count >= 4 and radius_of(model) <= halo_of(model)
    assert farthest(result, whole(model, pixels)) <= 1
    if (alignment := alignment_of(model)) > 1:
        unaligned = cut(*pixels.shape[:2], 1, halo_of(model), side**2)
        assert any(part.start % alignment for tile in unaligned for part in tile.source)


def test_a_small_picture_takes_default_memory_alone_however_far_the_network_looks():
    model = zoo.create("rrdb-x4.blocks8.filters4.growth2")
    assert radius_of(model) == 124
    assert farthest(Upscaler(model)(photo(24, 24)), whole(model, photo(24, 24))) <= 1


def test_a_model_whose_output_is_not_finite_is_refused():
    model = zoo.create(f"edsr-baseline-x2.{TINY}")
    model.get_layer("tail").bias.assign([np.nan] * 3)
    with pytest.raises(ValueError, match="NaN"):
        Upscaler(model)(photo(4, 4))


@pytest.mark.parametrize("name", ["srresnet-x2.blocks1.filters4", "mine"])
def test_the_picture_is_continued_mirrored_where_the_entry_of_such_a_network_says_so(name):
    assert border_of(from_keras(zoo.create("edsr-baseline-x2.blocks1.filters4"))) == 0
    model = zoo.create("srresnet-x2.blocks1.filters4")
    model = keras.Model(model.input, model.output, name=name)
    lr = np.random.default_rng(0).integers(0, 256, (50, 37, 3), np.uint8)
    continued = np.pad(lr, ((4, 4), (4, 4), (0, 0)), "symmetric")
    expected = to_uint8(np.asarray(model(continued[None].astype("float32")))[0])[8:-8, 8:-8]
    np.testing.assert_array_equal(Upscaler(model)(lr), expected)


def test_a_scale_of_0_is_not_taken_for_the_models_own():
    with pytest.raises(ValueError, match="the scale must be from 1 to 16, got 0"):
        Upscaler(zoo.create("edsr-baseline-x2.blocks1.filters4"), scale=0)


@pytest.mark.parametrize(("name", "least"), [("srresnet-x4", 254), ("srgan-x4", 253), ("edsr-baseline-x4", 254)])
def test_white_has_no_frame(name, least):
    """Before, 237 and 218 of 255 were left of it at the border with SRResNet and SRGAN."""
    assert Upscaler(zoo.load(name))(np.full((5, 30, 3), 255, np.uint8)).min() >= least


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 9, 3)])
def test_pictures_smaller_than_what_they_are_continued_by_are_upscaled(shape):
    lr = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert Upscaler(zoo.create("srresnet-x2.blocks1.filters4"))(lr).shape == (2 * shape[0], 2 * shape[1], 3)
