"""Names, files of weights and files of models."""

import h5py
import keras
import numpy as np
import pytest

import srzoo
from srzoo import zoo
from srzoo.models import keras_graph
from srzoo.models.compact import compact
from srzoo.models.edsr import edsr
from srzoo.models.keras_graph import to_keras
from srzoo.models.registry import pixel_trained
from srzoo.models.rrdb import rrdb
from srzoo.models.srresnet import srresnet

SMALL = {"blocks": 2, "filters": 8}


def same(a: keras.Model, b: keras.Model) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def test_a_full_name_says_what_was_changed():
    assert zoo.create("edsr-baseline", scale=3, **SMALL).name == "edsr-baseline-x3.blocks2.filters8"


def test_a_full_name_builds_the_same_network():
    model = zoo.create("srresnet-x2.blocks2.filters8")
    assert model.name == zoo.create("srresnet", scale=2, **SMALL).name
    assert len(model.get_weights()) == len(zoo.create("srresnet", scale=2, **SMALL).get_weights())


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ValueError, match="unknown model 'edrs'; expected one of .*edsr-baseline, .*did you mean 'edsr'"
    ):
        zoo.create("edrs")


def test_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match="'srresnet' has no option 'heads'; its options are blocks, filters"):
        zoo.create("srresnet", heads=2)


@pytest.mark.parametrize("other", [{"scale": 2}, {"filters": 16}, {"blocks": 3}])
def test_weights_of_another_architecture_are_refused_with_both_names(other, tmp_path):
    zoo.save_weights(zoo.create("edsr-baseline", **SMALL), tmp_path / "a.weights.h5")
    model = zoo.create("edsr-baseline", **{**SMALL, **other})
    with pytest.raises(ValueError) as error:
        zoo.load_weights(model, tmp_path / "a.weights.h5")
    assert "edsr-baseline-x4.blocks2.filters8" in str(error.value) and model.name in str(error.value)


def test_a_damaged_weights_file_is_refused(tmp_path):
    path = tmp_path / "a.weights.h5"
    zoo.save_weights(zoo.create("edsr-baseline", **SMALL), path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match="not a weights file"):
        zoo.load(path)


def test_weights_without_a_name_are_refused(tmp_path):
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w"):
        pass
    with pytest.raises(ValueError, match="no weights of a model of the zoo"):
        zoo.load(path)


def test_a_weights_file_must_be_named_as_one(tmp_path):
    with pytest.raises(ValueError, match="must end in .weights.h5"):
        zoo.save_weights(zoo.create("edsr-baseline", **SMALL), tmp_path / "a.h5")


def test_a_missing_file_is_named(tmp_path):
    for name in ("a.keras", "a.weights.h5"):
        with pytest.raises(FileNotFoundError, match=f"{name}: no such file"):
            zoo.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="runs/cats: no such file or folder"):
        zoo.load("runs/cats")


def test_a_model_without_shipped_weights_says_what_to_do():
    with pytest.raises(FileNotFoundError, match="'edsr-x8' has no included weights; .*-x3 has; .*srzoo train"):
        zoo.load("edsr-x8")
    with pytest.raises(FileNotFoundError, match="'auto' chooses for each picture, and one model is expected here"):
        zoo.load("auto")


def test_a_network_that_is_too_deep_for_keras_is_refused(monkeypatch):
    def to_keras(graph):  # which takes Keras 20 seconds, at 4,000 layers
        raise RecursionError

    monkeypatch.setattr(keras_graph, "to_keras", to_keras)
    with pytest.raises(ValueError, match=r"'compact-x1.blocks2000.filters1' has 400\d layers, more than Keras can"):
        zoo.create("compact", 1, blocks=2000, filters=1)


def test_a_scale_that_is_not_the_names_is_refused():
    with pytest.raises(ValueError, match="the scale 2 was given, but 'edsr-baseline-x3' upscales by 3"):
        zoo.create("edsr-baseline-x3", scale=2)


@pytest.mark.parametrize("unshuffle", [2.0, "2", 0, True])
def test_a_factor_of_unshuffling_that_is_none_is_refused(unshuffle):
    with pytest.raises(ValueError, match="unshuffle must be 1, 2 or 4, got"):
        zoo.create("rrdb", unshuffle=unshuffle)


@pytest.mark.parametrize("blocks", [2.0, "2", 0, True])
def test_a_size_that_is_no_whole_number_is_refused(blocks):
    with pytest.raises(ValueError, match="blocks must be a whole number of at least 1, got"):
        zoo.create("edsr-baseline", blocks=blocks)


def test_an_option_that_is_no_whole_number_comes_back_from_a_file(tmp_path):
    model = zoo.create("edsr-baseline", residual_scaling=0.2, **SMALL)
    zoo.save_weights(model, tmp_path / "a.weights.h5")
    loaded = zoo.load(tmp_path / "a.weights.h5")
    assert same(loaded, model) and loaded.get_layer("block1_scaling").scale == 0.2


def test_an_option_that_names_what_is_usual_comes_back_from_a_file(tmp_path):
    model = zoo.create("rrdb-x2.blocks1.filters4.growth2", unshuffle=2)
    zoo.save_weights(model, tmp_path / "a.weights.h5")
    assert zoo.load(tmp_path / "a.weights.h5").name == model.name == "rrdb-x2.blocks1.filters4.growth2.unshuffle2"


@pytest.mark.parametrize("name", ["mine", "edsr-baseline-x3"])
def test_a_model_with_a_name_of_its_own_or_of_other_sizes_comes_back(name, tmp_path):
    to_keras(edsr(scale=3, blocks=2, filters=8, name=name)).save(tmp_path / "a.keras")
    model = zoo.load(tmp_path / "a.keras")
    zoo.save_weights(model, tmp_path / "a.weights.h5")
    loaded = zoo.load(tmp_path / "a.weights.h5")
    assert same(loaded, model) and loaded.name == "edsr-baseline-x3.blocks2.filters8"


@pytest.mark.parametrize("name", ["mine", "edsr-baseline-x3.blocks2.filters8"])
def test_weights_of_a_model_that_srzoo_does_not_build_are_not_written(name, tmp_path):
    model = to_keras(edsr(scale=3, blocks=2, filters=8, residual_scaling=0.3, name=name))
    with pytest.raises(ValueError, match=f"'{name}' is none that srzoo builds.*save it as a .keras file"):
        zoo.save_weights(model, tmp_path / "a.weights.h5")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("build", [edsr, srresnet, rrdb, compact])
def test_weights_that_keras_wrote_are_recognised_by_their_layers(build, tmp_path):
    model = to_keras(build(scale=2, blocks=2, filters=8, name="mine"))
    model.save_weights(tmp_path / "a.weights.h5")
    assert same(zoo.load(tmp_path / "a.weights.h5"), model)


@pytest.mark.parametrize("name", ["edsr-gan", "srresnet", "rrdb", "compact", "edsr-baseline-x2.residual_scaling0.2"])
def test_weights_that_keras_wrote_are_recognised_by_their_name(name, tmp_path):
    model = zoo.create(name, **SMALL)
    model.compile("adam", "mae")
    model.save_weights(tmp_path / "a.weights.h5")
    loaded = zoo.load(tmp_path / "a.weights.h5")
    assert same(loaded, model) and loaded.name == model.name


def test_weights_that_keras_wrote_do_not_tell_a_residual_scaling_of_ones_own(tmp_path):
    to_keras(edsr(blocks=2, filters=8, residual_scaling=0.2, name="mine")).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="whose file does not hold its residual scaling; give a file of"):
        zoo.load(tmp_path / "a.weights.h5")


def test_the_callback_of_keras_writes_weights_that_load(tmp_path):
    model = zoo.create("edsr-baseline", blocks=1, filters=4)
    model.compile("adam", "mae")
    callback = keras.callbacks.ModelCheckpoint(tmp_path / "a.weights.h5", save_weights_only=True)
    lr = np.zeros((1, 6, 6, 3), "float32")
    model.fit(lr, np.zeros((1, 24, 24, 3), "float32"), verbose=0, callbacks=[callback])
    assert same(zoo.load(tmp_path / "a.weights.h5"), model)


TINY = {"blocks": 1, "filters": 4}
PAIRS = [("edsr-baseline", "edsr-gan"), ("srresnet", "srgan")]


def pair(pixel_name: str, gan_name: str) -> tuple[keras.Model, keras.Model]:
    """Tiny models in which every weight differs, also those that start alike."""
    models = zoo.create(pixel_name, **TINY), zoo.create(gan_name, **TINY)
    random = np.random.default_rng(1)
    for model in models:
        model.set_weights([random.uniform(0.1, 1, w.shape).astype(w.dtype) for w in model.get_weights()])
    return models


@pytest.mark.parametrize(("pixel_name", "gan_name"), PAIRS)
def test_weights_on_pixels_start_the_adversarial_game(pixel_name, gan_name, tmp_path):
    pixel, gan = pair(pixel_name, gan_name)
    zoo.save_weights(pixel, tmp_path / "a.weights.h5")
    zoo.load_weights(gan, tmp_path / "a.weights.h5")
    assert same(gan, pixel) and gan.name == f"{gan_name}-x4.blocks1.filters4"


def test_weights_of_the_other_network_do_not_start_the_adversarial_game(tmp_path):
    zoo.save_weights(zoo.create("srresnet", **TINY), tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="'srresnet-x4.*', which do not fit the model 'edsr-gan-x4.*; give weights of"):
        zoo.load_weights(zoo.create("edsr-gan", **TINY), tmp_path / "a.weights.h5")


@pytest.mark.parametrize(("pixel_name", "gan_name"), PAIRS)
def test_the_ends_of_an_interpolation_are_the_two_models(pixel_name, gan_name):
    pixel, gan = pair(pixel_name, gan_name)
    before = pixel.get_weights(), gan.get_weights()
    for alpha, end in ((0, pixel), (0.0, pixel), (1, gan), (np.float64(1), gan)):
        mixed = zoo.interpolate(pixel, gan, alpha)
        assert same(mixed, end) and mixed is not end and mixed.name == gan.name
    assert all(
        np.array_equal(a, b) for a, b in zip([*before[0], *before[1]], [*pixel.get_weights(), *gan.get_weights()])
    )


@pytest.mark.parametrize(("pixel_name", "gan_name"), PAIRS)
def test_an_interpolation_weighs_every_weight(pixel_name, gan_name):
    pixel, gan = pair(pixel_name, gan_name)
    mixed = zoo.interpolate(pixel, gan, 0.3)
    for p, g, m in zip(pixel.weights, gan.weights, mixed.weights, strict=True):
        assert p.path == g.path == m.path
        expected = 0.7 * np.float64(p) + 0.3 * np.float64(g)
        np.testing.assert_allclose(m, expected, rtol=1e-6, err_msg=m.path)
    statistics = [w.path for w in mixed.weights if "moving_" in w.path]
    assert len(statistics) == (6 if gan_name == "srgan" else 0)


def test_pictures_lie_halfway_where_the_network_is_linear_in_the_weights():
    pixel = zoo.create("edsr-baseline", **TINY)
    gan = zoo.create("edsr-gan", **TINY)
    gan.set_weights(pixel.get_weights())
    gan.get_layer("tail").set_weights([2 * w + 0.1 for w in gan.get_layer("tail").get_weights()])
    lr = np.random.default_rng(0).uniform(0, 255, (1, 6, 7, 3)).astype("float32")
    halfway = zoo.interpolate(pixel, gan, 0.5)(lr)
    expected = (np.array(pixel(lr)) + np.array(gan(lr))) / 2
    assert np.abs(pixel(lr) - expected).max() > 1
    np.testing.assert_allclose(halfway, expected, atol=1e-2)


def test_files_are_interpolated_as_the_models_in_them(tmp_path):
    pixel, gan = pair("edsr-baseline", "edsr-gan")
    zoo.save_weights(pixel, tmp_path / "pixel.weights.h5")
    gan.save(tmp_path / "gan.keras")
    mixed = zoo.interpolate(tmp_path / "pixel.weights.h5", str(tmp_path / "gan.keras"), 0.3)
    assert same(mixed, zoo.interpolate(pixel, gan, 0.3))
    zoo.save_weights(mixed, tmp_path / "mixed.weights.h5")
    assert same(zoo.load(tmp_path / "mixed.weights.h5"), mixed)


@pytest.mark.parametrize("alpha", [-0.01, 1.01, float("nan"), float("inf")])
def test_an_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(ValueError, match=rf"alpha must be from 0 .* to 1 .*, got {alpha}$"):
        zoo.interpolate(*pair("edsr-baseline", "edsr-gan"), alpha)


@pytest.mark.parametrize(
    ("pixel", "gan"),
    [
        ("srresnet-x4.blocks1.filters4", "edsr-gan-x4.blocks1.filters4"),
        ("edsr-baseline-x4.blocks1.filters4", "srgan-x4.blocks1.filters4"),
        ("edsr-baseline-x2.blocks1.filters4", "edsr-gan-x4.blocks1.filters4"),
        ("edsr-baseline-x4.blocks1.filters4", "edsr-gan-x2.blocks1.filters4"),
        ("edsr-baseline-x4.blocks2.filters4", "edsr-gan-x4.blocks1.filters4"),
        ("edsr-baseline-x4.blocks1.filters4", "edsr-gan-x4.blocks1.filters8"),
        ("edsr-gan-x4.blocks1.filters4", "edsr-gan-x4.blocks1.filters4"),
    ],
)
def test_models_that_are_no_pair_are_refused_with_the_partner(pixel, gan):
    with pytest.raises(ValueError) as error:
        zoo.interpolate(zoo.create(pixel), zoo.create(gan), 0.5)
    partner = pixel_trained(gan)
    assert f"the model to interpolate with {gan!r} must be {partner!r}, got {pixel!r}; give" in str(error.value)


def test_a_pair_the_wrong_way_round_is_refused():
    pixel, gan = pair("srresnet", "srgan")
    with pytest.raises(
        ValueError, match=r"'srresnet-x4.* has no pixel-trained partner .*\(edsr-gan, edsr-real, esrgan, srgan\)"
    ):
        zoo.interpolate(gan, pixel, 0.5)


def test_a_model_under_a_wrong_name_is_refused():
    gan = zoo.create("edsr-gan", **TINY)
    pixel = to_keras(edsr(blocks=2, filters=4, name="edsr-baseline-x4.blocks1.filters4"))
    with pytest.raises(ValueError, match="differ in number or shape, although the names say"):
        zoo.interpolate(pixel, gan, 0.5)


def test_the_pixel_trained_partner_has_the_same_sizes():
    assert pixel_trained("srgan-x2.blocks3") == "srresnet-x2.blocks3"
    assert pixel_trained("edsr-gan") == "edsr-baseline-x4"


@pytest.mark.parametrize("name", ["create", "load", "load_weights", "save_weights", "interpolate"])
def test_what_the_zoo_does_is_at_the_packages_top(name):
    assert getattr(srzoo, name) is getattr(zoo, name) and name in srzoo.__all__
