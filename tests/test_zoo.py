"""Names, files of weights and files of models."""

import h5py
import keras
import numpy as np
import pytest

from srzoo import zoo

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
    with pytest.raises(ValueError, match="unknown model 'edrs'; expected one of edsr-baseline, edsr, srresnet"):
        zoo.create("edrs")


def test_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match="takes the options blocks and filters, got .*heads"):
        zoo.create("srresnet", heads=2)


@pytest.mark.parametrize("name", ["edsr-baseline", "srresnet"])
def test_weights_come_back_from_their_file(name, tmp_path):
    model = zoo.create(name, **SMALL)
    zoo.save_weights(model, tmp_path / "a.weights.h5")
    assert same(zoo.load(tmp_path / "a.weights.h5"), model)
    assert [path.name for path in tmp_path.iterdir()] == ["a.weights.h5"]


@pytest.mark.parametrize("name", ["edsr-baseline", "srresnet"])
def test_a_keras_file_comes_back_without_our_builders(name, tmp_path):
    model = zoo.create(name, **SMALL)
    model.save(tmp_path / "a.keras")
    assert same(zoo.load(tmp_path / "a.keras"), model)


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
    with pytest.raises(ValueError, match="not a weights file that srzoo wrote"):
        zoo.load(path)


def test_a_weights_file_must_be_named_as_one(tmp_path):
    with pytest.raises(ValueError, match="must end in .weights.h5"):
        zoo.save_weights(zoo.create("edsr-baseline", **SMALL), tmp_path / "a.h5")


def test_a_missing_file_is_named(tmp_path):
    for name in ("a.keras", "a.weights.h5"):
        with pytest.raises(FileNotFoundError, match=f"{name}: no such file"):
            zoo.load(tmp_path / name)


def test_a_model_without_shipped_weights_says_what_to_do():
    with pytest.raises(FileNotFoundError, match="no trained weights ship for 'edsr-x8'.*train.py"):
        zoo.load("edsr-x8")
