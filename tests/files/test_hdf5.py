"""Weights files that ask for more than weights, and how they are written."""

import json
import resource

import h5py
import keras
import numpy as np
import pytest

from srzoo import stored, zoo
from srzoo.files.hdf5 import crc32_of

NAME = "edsr-baseline-x4.blocks1.filters4"
FIRST = "layers/conv2d/vars/0"


@pytest.fixture
def file(tmp_path):
    """A good file; what is done to it is tested."""
    zoo.save_weights(zoo.create(NAME), tmp_path / "a.weights.h5")
    return tmp_path / "a.weights.h5"


def replaced(make):
    def change(file: h5py.File) -> None:
        shape = file[FIRST].shape
        del file[FIRST]
        make(file, shape)

    return change


def external_link(file, shape):
    file[FIRST] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(file, shape):
    file[FIRST] = h5py.SoftLink("/layers/conv2d_1/vars/0")


def virtual(file, shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape)
    file.create_virtual_dataset(FIRST, layout)


def external(file, shape):
    file.create_dataset(FIRST, shape, "f4", external=[("/etc/passwd", 0, int(np.prod(shape)) * 4)])


def objects(file, shape):
    file.create_dataset(FIRST, data=["text"] * 4, dtype=h5py.string_dtype())


def compressed(file, shape):
    file.create_dataset(FIRST, data=np.zeros(shape, "f4"), compression="gzip")


def huge_chunks(file, shape):
    file.create_dataset(FIRST, shape, "f4", maxshape=(None,) * 4, chunks=(64, 64, 64, 64))


def huge_and_never_written(file, shape):
    file.create_dataset(FIRST, (1 << 20, 1 << 20), "f4")


def endless(file, shape):
    file["layers/conv2d/vars/again"] = file["layers"]


def many_names_for_the_same_bytes(file, shape):
    file[FIRST] = np.zeros(shape, "f4")
    for i in range(2000):
        file[f"layers/x{i}"] = file["layers/conv2d_1/vars/0"]


HOSTILE = {
    external_link: "link to another place",
    soft_link: "link to another place",
    virtual: "kept in other files",
    external: "kept in other files",
    objects: "not an array of numbers",
    compressed: "in chunks, maybe compressed",
    huge_chunks: "in chunks, maybe compressed",
    huge_and_never_written: "for which the file lacks the bytes",
    endless: "deep",
    many_names_for_the_same_bytes: "more than the [0-9]+ bytes of the file",
}


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_what_is_more_than_plain_arrays_is_refused(file, make):
    with h5py.File(file, "a") as opened:
        replaced(make)(opened)
    for attempt in (lambda: zoo.load(file), lambda: zoo.load_weights(zoo.create(NAME), file)):
        with pytest.raises(ValueError, match=f"a.weights.h5: not a weights file .*{HOSTILE[make]}"):
            attempt()


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", '{"model": 5}', '{"model": ["edsr-x4"]}', '{"model": null}', "[" * 900, "x" * 4000],
)
def test_a_name_that_is_none_is_refused(file, text):
    with h5py.File(file, "a") as opened:
        opened.attrs["srzoo"] = text
    with pytest.raises(ValueError, match=r"a\.weights\.h5: not a weights file that srzoo wrote, or damaged"):
        zoo.load(file)


@pytest.mark.parametrize("value", [5, np.zeros(100), ["a", "b"]])
def test_an_attribute_of_another_kind_is_refused(file, value):
    with h5py.File(file, "a") as opened:
        opened.attrs["srzoo"] = value
    with pytest.raises(ValueError, match="not a short text"):
        zoo.load(file)


@pytest.mark.parametrize("name", ["edsr-x4.blocks4.filters100000", "edsr-x4.blocks999999999.filters1", "srgan-x4"])
def test_a_small_file_that_names_a_huge_network_is_refused_before_that_is_built(file, name, monkeypatch):
    with h5py.File(file, "a") as opened:
        opened.attrs["srzoo"] = json.dumps({"model": name})
    monkeypatch.setattr("srzoo.models.registry.build", lambda *_: pytest.fail("it was built"))
    with pytest.raises(ValueError, match=f"damaged, its arrays are not those of '{name}"):
        zoo.load(file)


@pytest.mark.parametrize(("number", "size"), [(0, 0), (0, 8), (9, (1 << 64) - 16), (9, 1 << 40)])
def test_a_heap_that_the_library_never_comes_back_from_is_refused(file, number, size):
    data = bytearray(file.read_bytes())
    entry = data.index(b"GCOL") + 16
    data[entry : entry + 16] = number.to_bytes(8, "little") + size.to_bytes(8, "little")
    file.write_bytes(data)
    with pytest.raises(ValueError, match="its heap of texts is damaged"):
        zoo.load(file)


def test_heaps_within_heaps_do_not_take_hours(file):
    number = (16).to_bytes(8, "little")
    heap = b"GCOL\x01\0\0\0" + (1 << 40).to_bytes(8, "little") + b"\x01\0\0\0\0\0\0\0" + number
    file.write_bytes(file.read_bytes() + 100_000 * heap)
    with pytest.raises(ValueError, match="its heap of texts is damaged"):
        zoo.load(file)


def test_arrays_of_other_shapes_are_refused_before_they_are_read(file, monkeypatch):
    with h5py.File(file, "a") as opened:
        data = opened[FIRST][()]
        del opened[FIRST]
        opened[FIRST] = data[..., :2]
        opened.attrs["crc32"] = crc32_of(opened)
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_: pytest.fail("they were read"))
    with pytest.raises(ValueError, match="damaged, its arrays are not those of"):
        zoo.load(file)


def test_a_changed_byte_is_noticed(file):
    data = bytearray(file.read_bytes())
    number = data.index(zoo.load(file).get_layer("head").get_weights()[0].tobytes())
    data[number + 3] ^= 0x40  # the exponent of the first number
    file.write_bytes(data)
    for attempt in (stored.read, zoo.load, lambda path: zoo.load_weights(zoo.create(NAME), path)):
        with pytest.raises(ValueError, match="damaged .its numbers are not those that were written; get the file"):
            attempt(file)


def test_weights_are_read_by_keras_alone_too(file):
    model = zoo.create(NAME)
    model.load_weights(file)
    for ours, theirs in zip(zoo.load(file).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_on_a_full_disk_weights_are_an_error_and_what_was_there_stays(file):
    before = file.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            zoo.save_weights(zoo.create(NAME), file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert file.read_bytes() == before and [path.name for path in file.parent.iterdir()] == [file.name]
