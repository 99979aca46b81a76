"""A network in OpenVINO is the Keras model; in 8 bits, its body alone is rounded."""

import numpy as np
import pytest
from skimage import data

from srzoo import zoo
from srzoo.models import graph
from srzoo.models.geometry import features_of
from srzoo.models.keras_graph import arrays_of, from_keras, to_keras
from srzoo.runtimes import openvino

pytest.importorskip("openvino")

NAMES = (
    "edsr-baseline-x4.blocks2.filters8",
    "edsr-x3.blocks1.filters8",
    "srresnet-x2.blocks1.filters8",
    "srresnet-x3.blocks1.filters8",
    "srgan-x8.blocks1.filters4",
)


def trained(name: str):
    """A graph and its arrays; fresh, but with slopes and statistics such as training leaves, other by channel."""
    model = zoo.create(name)
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith("kernel"):
            weight.assign(1.5 * np.asarray(weight))
        if weight.path.rpartition("/")[2] in ("alpha", "gamma", "beta", "moving_mean", "moving_variance"):
            weight.assign(random.uniform(0.2, 0.8, weight.shape))
    return from_keras(model), arrays_of(model)


def run(graph, pixels):
    compiled = openvino.core().compile_model(graph, "CPU", openvino.EXACT)
    return compiled(pixels[None].astype(np.float32))[0]


def photograph(height, width):
    return data.astronaut()[100 : 100 + height, 180 : 180 + width]


@pytest.mark.parametrize("name", NAMES)
def test_its_parts_make_the_whole(name):
    network = trained(name)
    pixels = photograph(19, 23)
    features = run(openvino.build(*network, part="body"), pixels)[0]
    assert features.shape == (19, 23, features_of(network[0]).channels)
    got = run(openvino.build(*network, part="tail"), features)
    np.testing.assert_allclose(got, run(openvino.build(*network), pixels), atol=0.01)


@pytest.mark.parametrize(("height", "width"), [(19, 23), (3, 23), (19, 1)])
def test_the_whole_comes_with_the_features_along_its_borders(height, width):
    network, pixels = trained(NAMES[0]), photograph(height, width)
    made = openvino.core().compile_model(openvino.build(*network, part="framed"), "CPU", openvino.EXACT)
    sr, *borders = made(pixels[None].astype(np.float32)).values()
    features = run(openvino.build(*network, part="body"), pixels)
    bands = features[:, :4], features[:, -4:], features[:, :, :4], features[:, :, -4:]
    for got, expected in zip((sr, *borders), (run(openvino.build(*network), pixels), *bands), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-3)


@pytest.mark.parametrize("name", NAMES[::2])
def test_8_bits_are_near_and_not_equal(name):
    network = trained(name)
    crops = [photograph(24, 24), data.coffee()[100:132, 200:232]]
    pixels = photograph(24, 24)
    exact = run(openvino.build(*network), pixels)
    rounded = run(openvino.build(*network, openvino.ranges_of(*network, crops)), pixels)
    assert 1e-3 < np.abs(rounded - exact).mean() < 0.02 * exact.std()


def test_what_an_entry_calls_fine_stays_in_float32():
    network = trained("srresnet-x4.blocks2.filters8")
    ranges = openvino.ranges_of(*network, [photograph(16, 16)])
    convolutions = [layer.name for layer in network[0].layers if layer.kind == "Conv2D"]
    assert set(ranges) == {*convolutions} - {"head", "upsample1_conv", "tail"}
    rounded = []
    for node in openvino.build(*network, ranges).get_ordered_ops():
        if node.get_type_name() == "Convolution":
            kernel = node.input_value(1).get_node()
            rounded.append(kernel.get_type_name() == "FakeQuantize")
    assert rounded == [name in ranges for name in convolutions]


def test_what_stays_in_float32_is_the_entrys_word():
    network = trained("rrdb-x2.blocks1.filters4.growth4")
    assert not {"head", "hr", "tail"} & set(openvino.ranges_of(*network, [photograph(16, 16)]))


def test_8_bits_keep_zero_as_it_is():
    """Borders are zeros: with a range that no whole number of steps leads to zero from, they would turn grey."""
    ends = np.linspace(-0.1, -0.33, 8, dtype=np.float32), np.linspace(0.71, 0.1, 8, dtype=np.float32)
    graph = openvino.build(*trained(NAMES[0]), {"block1_conv1": ends})
    # The other one is the kernel's.
    node = next(each for each in graph.get_ordered_ops() if each.get_type_name() == "FakeQuantize")
    low, high = (float(node.input_value(i).get_node().data.item()) for i in (3, 4))
    steps = -low / ((high - low) / 255)
    assert steps == pytest.approx(round(steps), abs=1e-3) and high - low == pytest.approx(1.04)


def test_without_pictures_there_are_no_ranges():
    with pytest.raises(ValueError, match="8 bits need pictures"):
        openvino.ranges_of(*trained(NAMES[0]), [])


def test_a_layer_that_it_does_not_know_is_named():
    lr = graph.pixels()
    soft = graph.Layer("UpSampling2D", "soft", (lr,), 3, 2.0, {"size": (2, 2), "interpolation": "bilinear"})
    with pytest.raises(ValueError, match="'soft' is a UpSampling2D of a kind that srzoo does not build"):
        openvino.build(graph.Graph("mine", lr, soft), {})


def test_a_wide_convolution_at_lr_size_takes_odd_sides_beside_a_skip_that_is_enlarged():
    lr = graph.pixels()
    wide = graph.repeat(graph.conv(lr, 3, 5, "wide"), 2, "up")
    model = to_keras(graph.Graph("mine", lr, graph.add([wide, graph.repeat(lr, 2, "skip")], "sr")))
    pixels = photograph(7, 9)
    got = run(openvino.build(from_keras(model), arrays_of(model)), pixels)
    np.testing.assert_allclose(got, model(pixels[None].astype(np.float32)), atol=0.01)


def test_borders_of_a_kernel_that_are_0_are_not_computed():
    model = zoo.create("srresnet-x2.blocks1.filters8")
    for name in ("head", "tail"):
        kernel, bias = model.get_layer(name).get_weights()
        kernel[:3] = kernel[6:] = kernel[:, :3] = kernel[:, 6:] = 0
        model.get_layer(name).set_weights([kernel, bias])
    network, pixels = (from_keras(model), arrays_of(model)), photograph(7, 9)
    built = openvino.build(*network)
    kernels = [each for each in built.get_ordered_ops() if each.get_type_name() == "Convolution"]
    assert {tuple(each.input_value(1).get_shape())[2:] for each in kernels} == {(3, 3)}
    np.testing.assert_allclose(run(built, pixels), model(pixels[None].astype(np.float32)), atol=0.01)
