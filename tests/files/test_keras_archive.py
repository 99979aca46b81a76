"""`.keras` files that ask for more than a network of srzoo's."""

import json
import zipfile

import keras
import numpy as np
import pytest

from srzoo import zoo
from srzoo.runtimes.fold import fold_batch_norm

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


@pytest.mark.parametrize("name", ["edsr-baseline", "edsr", "srresnet", "edsr-gan", "srgan"])
@pytest.mark.parametrize("change", [lambda model: model, fold_batch_norm])
def test_all_networks_of_ours_pass(name, change, tmp_path):
    model = change(zoo.create(name, scale=2, blocks=1, filters=4))
    model.save(tmp_path / "a.keras")
    for ours, theirs in zip(zoo.load(tmp_path / "a.keras").get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
