"""The content loss: the right features of the right network, on small VGGs with random weights and on the real one."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from srzoo.backend import dtype_policy
from srzoo.data.sample import sample_path
from srzoo.losses import TERMS, ContentLoss
from srzoo.metrics import dists, lpips
from srzoo.pictures.reading import read_image

RNG = np.random.default_rng(0)
HR = RNG.uniform(0, 255, (2, 32, 32, 3)).astype("float32")
SR = RNG.uniform(0, 255, (2, 32, 32, 3)).astype("float32")


def mean(values):
    return float(np.mean(values))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Weights files of VGG16 and VGG19 as keras.applications reads them, with random weights."""
    folder = tmp_path_factory.mktemp("vgg")
    keras.utils.set_random_seed(0)
    made = {}
    for name, network in (("vgg16", keras.applications.VGG16), ("vgg19", keras.applications.VGG19)):
        model = network(include_top=False, weights=None)
        for layer in model.layers:
            if layer.weights:
                layer.bias.assign(RNG.normal(0, 0.1, layer.bias.shape))
        made[name] = folder / f"{name}.weights.h5"
        model.save_weights(made[name])
    return made


def features_of(file, layer, preprocess):
    """Features by keras.applications alone."""
    network = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[file.name.split(".")[0]]
    model = network(include_top=False, weights=str(file))
    return lambda pixels: np.asarray(keras.Model(model.input, model.get_layer(layer).output)(preprocess(pixels)))


def by_keras(pixels):
    return keras.applications.vgg19.preprocess_input(pixels.copy())


def by_torchvision(pixels):
    return ((pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")


@pytest.mark.parametrize(
    "network, name, layer, preprocessing, preprocess",
    [
        ("vgg19", "vgg22", "block2_conv2", "keras", by_keras),
        ("vgg19", "vgg54", "block5_conv4", "keras", by_keras),
        ("vgg16", "vgg53", "block5_conv3", "torchvision", by_torchvision),
    ],
)
def test_it_is_the_papers_formula_on_the_features_of_keras_applications(
    files, network, name, layer, preprocessing, preprocess
):
    features = features_of(files[network], layer, preprocess)
    expected = np.mean(np.square((features(HR) - features(SR)) / 12.75))
    loss = ContentLoss({name: 1.0}, files[network], preprocessing)
    assert mean(loss(HR, SR)) == pytest.approx(expected, rel=1e-3)


def test_before_activation_the_relu_of_the_features_is_what_comes_after(files):
    before, after = (
        ContentLoss({"vgg22": 1.0}, files["vgg16"], "keras", activation).network(HR)["vgg22"]
        for activation in ("before", "after")
    )
    assert np.min(before) < 0
    np.testing.assert_allclose(np.maximum(before, 0), after, rtol=1e-4, atol=1e-3)


def test_before_activation_deeper_layers_still_get_the_relu_of_the_ones_above(files):
    before, after = (
        ContentLoss({"vgg22": 1.0, "vgg31": 1.0}, files["vgg16"], "keras", activation).network(HR)["vgg31"]
        for activation in ("before", "after")
    )
    np.testing.assert_allclose(np.maximum(before, 0), after, rtol=1e-4, atol=1e-3)


def test_several_layers_add_up_by_their_weights(files):
    single = [mean(ContentLoss({name: 1.0}, files["vgg16"], "keras")(HR, SR)) for name in ("vgg12", "vgg33")]
    both = ContentLoss({"vgg12": 0.25, "vgg33": 2.0}, files["vgg16"], "keras")
    assert mean(both(HR, SR)) == pytest.approx(0.25 * single[0] + 2 * single[1], rel=1e-4)


def test_l1_is_the_mean_absolute_difference_of_the_features(files):
    features = features_of(files["vgg16"], "block2_conv2", by_keras)
    expected = np.mean(np.abs(features(HR) - features(SR)))
    loss = ContentLoss({"vgg22": 1.0}, files["vgg16"], "keras", distance="l1", feature_scale=1.0)
    assert mean(loss(HR, SR)) == pytest.approx(expected, rel=1e-3)


def test_the_network_is_frozen_and_no_deeper_than_needed(files):
    loss = ContentLoss({"vgg22": 1.0}, files["vgg19"], "keras")
    assert not loss.network.trainable_variables
    assert not [layer for layer in loss.network.layers if layer.name.startswith("block3")]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_it_computes_in_the_dtype_policy_and_gives_float32(files, policy):
    exact = mean(ContentLoss({"vgg33": 1.0}, files["vgg16"], "torchvision")(HR, SR))
    with dtype_policy(policy):
        loss = ContentLoss({"vgg33": 1.0}, files["vgg16"], "torchvision")
    assert loss.network.get_layer("block3_conv3").compute_dtype == policy.removeprefix("mixed_")
    value = loss(HR, SR)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert mean(value) == pytest.approx(exact, rel=0.05)


def test_a_model_compiled_with_it_is_saved_and_loaded(files, tmp_path):
    pixels = keras.Input((32, 32, 3))
    model = keras.Model(pixels, keras.layers.Rescaling(0.5)(pixels))
    model.compile(loss=ContentLoss({"vgg22": 1.0}, files["vgg16"], "torchvision", "before", "l1", 1.0))
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    assert loaded.evaluate(SR, HR, verbose=0) == pytest.approx(model.evaluate(SR, HR, verbose=0))


def test_the_real_network_finds_a_blurred_photograph_further_off_than_a_shifted_grey_level(shared_data):
    loss = ContentLoss(
        {"vgg53": 1.0}, shared_data / "weights" / "vgg16_torchvision_notop.fp16.weights.h5", "torchvision"
    )
    hr = read_image(sample_path("chelsea.png"))[None, :128, :128].astype("float32")
    blurred = sum(np.roll(hr, (y, x), (1, 2)) for y in range(5) for x in range(5)) / 25
    assert mean(loss(hr, hr)) == 0
    assert mean(loss(hr, blurred)) > 5 * mean(loss(hr, hr + 2))


def test_a_layer_that_a_network_lacks_is_named_with_those_it_has(files):
    with pytest.raises(ValueError, match="VGG16 has no layer 'vgg54' .* it has vgg11, .*, vgg53"):
        ContentLoss({"vgg54": 1.0}, files["vgg16"], "keras")


@pytest.mark.parametrize(
    "options, says",
    [
        ({"preprocessing": None}, "say with which preprocessing"),
        ({"preprocessing": "caffe"}, "must be one of keras, torchvision"),
        ({"activation": "during"}, "after or before"),
        ({"distance": "l3"}, "l1 or l2"),
        ({"layers": {}}, "at least one layer"),
    ],
)
def test_bad_options_are_refused(files, options, says):
    with pytest.raises(ValueError, match=says):
        ContentLoss(**{"layers": {"vgg22": 1.0}, "weights": files["vgg16"], "preprocessing": "keras", **options})


def test_a_file_that_is_not_there_or_not_vggs_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        ContentLoss({"vgg22": 1.0}, tmp_path / "none.h5", "keras")
    (tmp_path / "text.weights.h5").write_text("text")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        ContentLoss({"vgg22": 1.0}, tmp_path / "text.weights.h5", "keras")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(ValueError, match=r"not VGG19's or VGG16's weights .* with 0 convolutions"):
        ContentLoss({"vgg22": 1.0}, tmp_path / "other.weights.h5", "keras")


def test_a_file_with_as_many_convolutions_of_other_sizes_is_refused(tmp_path):
    # Keras itself would only warn, and leave the layers random.
    convolutions = [keras.layers.Conv2D(2, 3, padding="same") for _ in range(13)]
    keras.Sequential([keras.Input((32, 32, 3)), *convolutions]).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(ValueError, match="not VGG16's weights"):
        ContentLoss({"vgg22": 1.0}, tmp_path / "other.weights.h5", "keras")


@pytest.mark.parametrize("name, network", [("vgg19", "VGG19"), ("vgg16", "VGG16")])
def test_without_a_network_one_sentence_says_where_the_weights_can_be_had(monkeypatch, name, network):
    def unreachable(**_):
        raise Exception("URL fetch failure on https://storage.googleapis.com/...: None -- unreachable\nmore")

    monkeypatch.setattr(keras.applications, network, unreachable)
    says = rf"{network}'s weights cannot .*{name}_weights.*notop\.h5 .* --vgg FILE --vgg-preprocessing keras"
    with pytest.raises(OSError, match=says) as error:
        ContentLoss({"vgg53": 1.0}, name)
    assert "\n" not in str(error.value)


def test_what_keras_downloads_is_not_torchvisions():
    with pytest.raises(ValueError, match="vgg16 that keras.applications downloads has the preprocessing keras"):
        ContentLoss({"vgg53": 1.0}, "vgg16", "torchvision")


@pytest.mark.parametrize("term, measure", [("perceptual", lpips), ("dists", dists)])
def test_a_measure_as_a_loss_is_the_measure_and_asks_for_torchvisions_network(files, tmp_path, term, measure):
    weights = tmp_path / "weights.npz"
    if measure is lpips:
        np.savez(weights, **{f"head{i}": np.ones(n, np.float32) for i, n in enumerate((64, 128, 256, 512, 512))})
    else:
        np.savez(weights, **{name: np.ones(sum(dists.CHANNELS), np.float32) for name in ("alpha", "beta")})
    settings = SimpleNamespace(**{term: str(weights)}, vgg=files["vgg16"], vgg_preprocessing="torchvision")
    loss = TERMS[term](settings, 4)
    hr, sr = HR.astype(np.uint8), SR.astype(np.uint8)
    measured = [measure.load(weights, files["vgg16"])(*pair) for pair in zip(hr, sr, strict=True)]
    assert mean(loss(hr.astype("float32"), sr.astype("float32"))) == pytest.approx(np.mean(measured), rel=1e-4)
    with pytest.raises(ValueError, match=rf"--{term}-weight .* --vgg-preprocessing torchvision"):
        TERMS[term](SimpleNamespace(**{**vars(settings), "vgg_preprocessing": None}), 4)
