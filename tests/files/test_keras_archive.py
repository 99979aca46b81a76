"""`.keras` files that ask for more than a network of srzoo's."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from srzoo import zoo

NAME = "srresnet-x4.blocks1.filters4"


@pytest.fixture
def file(tmp_path):
    zoo.create(NAME).save(tmp_path / "a.keras")
    return tmp_path / "a.keras"


def rewrite(file, change_config=lambda config: None, compression=zipfile.ZIP_STORED, **more):
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(entries["config.json"])
    change_config(config)
    entries["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in {**entries, **more}.items():
            archive.writestr(name, data)


def layer(config, kind):
    return next(each for each in config["config"]["layers"] if each["class_name"] == kind)


def refused(file, match, monkeypatch):
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("Keras was given it"))
    with pytest.raises(ValueError, match=f"a.keras: not a Keras model of srzoo's .*{match}"):
        zoo.load(file)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("Lambda", "keras.layers"),
        ("TorchModuleWrapper", "keras.layers"),
        ("TFSMLayer", "keras.layers"),
        ("StringLookup", "keras.layers"),
        ("Popen", "subprocess"),
        ("Conv2D", "os"),
        ("__lambda__", None),
        (["Conv2D"], "keras.layers"),
    ],
)
def test_a_layer_that_no_network_of_ours_has_is_refused(file, name, module, monkeypatch):
    rewrite(file, lambda config: layer(config, "Rescaling").update(class_name=name, module=module))
    refused(file, "which no network of srzoo's is made of", monkeypatch)


def test_so_is_one_within_a_layers_options(file, monkeypatch):
    bad = {"class_name": "get_file", "module": "keras.utils", "config": {"origin": "http://example.invalid"}}
    rewrite(file, lambda config: layer(config, "Conv2D")["config"].update(kernel_initializer=bad))
    refused(file, "keras.utils.get_file", monkeypatch)


def test_so_is_a_class_registered_under_another_name(file, monkeypatch):
    rewrite(file, lambda config: layer(config, "Conv2D").update(registered_name="other>Evil"))
    refused(file, "asks for", monkeypatch)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"filters": 10**9}, r"describes a network of [0-9,]+ weights, but holds"),
        ({"kernel_size": [10**6, 10**6]}, r"describes a network of [0-9,]+ weights, but holds"),
        ({"filters": -1}, "no whole numbers above 0"),
        ({"filters": 1e9}, "no whole numbers above 0"),
    ],
)
def test_more_weights_than_the_file_holds_are_refused_before_they_are_made(file, options, match, monkeypatch):
    rewrite(file, lambda config: layer(config, "Conv2D")["config"].update(options))
    refused(file, match, monkeypatch)


def test_weights_for_every_pixel_are_refused(file, monkeypatch):
    rewrite(file, lambda config: layer(config, "PReLU")["config"].update(shared_axes=None))
    refused(file, "weights for every pixel", monkeypatch)


def test_an_archive_that_unpacks_to_more_than_it_has_is_refused(file, monkeypatch):
    rewrite(file, compression=zipfile.ZIP_DEFLATED)
    refused(file, "compressed", monkeypatch)


def test_entries_besides_are_refused(file, monkeypatch):
    rewrite(file, **{"assets/../../evil.py": b"x"})
    refused(file, "it holds .*evil.py", monkeypatch)


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04" + bytes(40), b"not a zip" * 9])
def test_what_is_no_archive_is_refused(tmp_path, data, monkeypatch):
    (tmp_path / "a.keras").write_bytes(data)
    refused(tmp_path / "a.keras", "", monkeypatch)


def first(config, kind):
    config["config"]["layers"] = [layer(config, "InputLayer"), layer(config, kind)]
    config["config"]["output_layers"] = [layer(config, kind)["name"], 0, 0]


def channels_first(config):
    layer(config, "InputLayer")["config"]["batch_shape"] = [None, 10**8, None, 3]
    layer(config, "Conv2D")["config"]["data_format"] = "channels_first"


def normalisation_of_rows(config):
    layer(config, "InputLayer")["config"]["batch_shape"] = [None, 3 * 10**9, None, 3]
    inbound = layer(config, "Rescaling")["inbound_nodes"]
    first(config, "BatchNormalization")
    layer(config, "BatchNormalization")["config"]["axis"] = 1
    layer(config, "BatchNormalization")["inbound_nodes"] = inbound


def slopes_of_five_axes(config):
    layer(config, "InputLayer")["config"]["batch_shape"] = [None, 4, 4, 3 * 10**9, 3]
    inbound = layer(config, "Rescaling")["inbound_nodes"]
    first(config, "PReLU")
    layer(config, "PReLU")["inbound_nodes"] = inbound


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (channels_first, "has its channels first; expected channels_last"),
        (normalisation_of_rows, "goes along the axis 1, expected the channels'"),
        (slopes_of_five_axes, "is of 5 axes, expected 4"),
    ],
)
def test_weights_along_other_axes_are_refused_before_they_are_made(file, change, match, monkeypatch):
    rewrite(file, change)
    refused(file, match, monkeypatch)


def test_common_layers_of_keras_pass_with_their_weights_counted(tmp_path):
    pixels = keras.Input((None, None, 3))
    x = layers.SeparableConv2D(8, 3, padding="same", depth_multiplier=2)(pixels)
    x = layers.LayerNormalization()(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.GroupNormalization(2)(layers.Dense(8, activation="gelu")(x))
    share = layers.Conv2D(8, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Concatenate()([x, layers.Multiply()([x, share])])
    model = keras.Model(pixels, layers.Conv2DTranspose(3, 4, strides=2, padding="same")(x))
    model.save(tmp_path / "a.keras")
    for ours, theirs in zip(zoo.load(tmp_path / "a.keras").get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    rewrite(tmp_path / "a.keras", lambda config: layer(config, "Dense")["config"].update(units=10**5))
    with pytest.raises(ValueError, match="describes a network of [0-9,]+ weights, but holds"):
        zoo.load(tmp_path / "a.keras")


@pytest.mark.parametrize(("version", "said"), [("99.1.0", "; Keras 99.1.0 wrote it.* give weights"), ("3.0.0", r"$")])
def test_a_refusal_says_if_a_newer_keras_wrote_the_file(file, version, said, monkeypatch):
    metadata = {"metadata.json": json.dumps({"keras_version": version})}
    rewrite(file, lambda config: layer(config, "Rescaling").update(class_name="New"), **metadata)
    refused(file, rf"which no network of srzoo's is made of\){said}", monkeypatch)
