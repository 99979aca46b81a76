"""What is read of a file of weights without Keras, and what is refused."""

import h5py
import numpy as np
import pytest

from srzoo import shipped, stored, zoo
from srzoo.files.hdf5 import crc32_of
from srzoo.models import registry
from srzoo.names import Configuration


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "tiny.weights.h5"
    zoo.save_weights(zoo.create("edsr-baseline-x4.blocks1.filters4"), path)
    return path


def test_weights_that_ship_in_16_bits_are_read_in_32():
    path = shipped.weights_of_name("edsr-baseline-x4")
    with h5py.File(path) as file:
        groups = [layer["vars"] for layer in file["layers"].values()]
        assert {each.dtype for group in groups for each in group.values()} == {np.dtype("float16")}
    arrays = [array for own in stored.read(path)[1].values() for array in own]
    assert {array.dtype for array in arrays} == {np.dtype("float32")} and sum(map(np.size, arrays)) == 1_517_571


@pytest.mark.parametrize("base", ["edsr-largest", "edsr"])
def test_a_small_file_that_names_another_network_is_refused_before_that_is_built(weights, base, monkeypatch):
    monkeypatch.setattr(registry, "build_graph", lambda configuration: pytest.fail("was built"))
    with h5py.File(weights, "a") as file:
        file.attrs["srzoo"] = Configuration(base, 4).to_json()
    sentence = "unknown model 'edsr-largest'" if base == "edsr-largest" else "its arrays are not those of 'edsr-x4'"
    with pytest.raises(ValueError, match=sentence):
        stored.read(weights)


def test_a_bias_of_another_size_is_damage(weights):
    with h5py.File(weights, "a") as file:
        head = next(each["vars"] for each in file["layers"].values() if each["vars"].attrs["name"] == "head")
        del head["1"]
        head["1"] = np.zeros(5, np.float32)
        file.attrs["crc32"] = crc32_of(file)
    with pytest.raises(ValueError, match="damaged, its arrays are not those of 'edsr-baseline-x4.blocks1.filters4'"):
        stored.read(weights)
