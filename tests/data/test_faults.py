"""What is done about pictures that are damaged, and about a data set that changes."""

import numpy as np
import pytest

from srzoo.data.fingerprint import changes, checksum
from srzoo.data.folder import folder
from srzoo.data.items import Item, Source
from srzoo.data.pipeline import Crops, decode
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

CROPS = Crops(scale=4, patch=32, batch=2)


def write_photos(path, ending="png"):
    photo = read_image(sample_path("astronaut.png"))
    for i in range(4):
        write_image(path / f"{i}.{ending}", photo[64 * i : 64 * i + 64, :64])


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_pictures_cut_short_are_named_skipped_and_counted_in_training_and_validation(tmp_path, ending, caplog):
    write_photos(tmp_path / "train", ending)
    write_photos(tmp_path / "valid", ending)
    for path in (tmp_path / "train" / f"2.{ending}", tmp_path / "valid" / f"1.{ending}"):
        cut(path)
    source = Source("both", folder(tmp_path / "train", 4).train, folder(tmp_path / "valid", 4).train)
    pictures = decode(source, CROPS, 10**9)
    assert (len(pictures.train), len(pictures.validation), len(pictures.unreadable)) == (3, 3, 2)
    # Another test may have asked for more to be logged.
    train, valid = (line for line in caplog.messages if line.startswith("left out: "))
    assert f"train/2.{ending}" in train and f"valid/1.{ending}" in valid and "\n" not in train + valid


def test_whatever_a_decoder_raises_costs_one_picture_only(tmp_path):
    def broken():
        raise IndexError("list index out of range")

    write_photos(tmp_path)
    source = Source("some", [*folder(tmp_path, 4).train, Item("odd.png", broken)])
    pictures = decode(source, CROPS, 10**9)
    assert len(pictures.train) == 3
    assert pictures.unreadable == ["odd.png: cannot be decoded (IndexError: list index out of range)"]


def fingerprint_of(path):
    return decode(folder(path, 4), CROPS, 10**9).fingerprint


def test_pictures_that_are_added_removed_or_altered_are_told(tmp_path):
    write_photos(tmp_path)
    before = fingerprint_of(tmp_path)
    assert changes(before, fingerprint_of(tmp_path)) == ""
    pixels = read_image(tmp_path / "2.png")
    pixels[5, 5, 0] ^= 1
    write_image(tmp_path / "2.png", pixels)
    (tmp_path / "3.png").rename(tmp_path / "4.png")
    assert changes(before, fingerprint_of(tmp_path)) == (
        f"1 to train on added (such as {tmp_path}/4.png), 1 to train on removed (such as {tmp_path}/3.png), "
        f"1 to train on altered (such as {tmp_path}/2.png)"
    )
    (tmp_path / "0.png").rename(tmp_path / "00.png")
    assert "to validate on" in changes(before, fingerprint_of(tmp_path))


def test_a_checksum_is_of_pixels_and_shape():
    lr, hr = np.zeros((2, 8, 3), np.uint8), np.zeros((8, 32, 3), np.uint8)
    assert checksum(lr, hr) == checksum(lr.copy(), hr) != checksum(lr.reshape(4, 4, 3), hr)
