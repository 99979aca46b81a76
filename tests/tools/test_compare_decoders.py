"""The comparison with other decoders: what it makes is read or refused as it says, and what is wrong is found."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from compare_decoders import NEAREST, difference, judged
from decoding.kinds import Made, make

from srzoo.pictures.reading import open_picture
from srzoo.upscaling import Upscaler

pytest.importorskip("pillow_heif", reason="HEIF files are among those that are made")
pytest.importorskip("pillow_jxl", reason="JPEG XL files are among those that are made")
UPSCALER = Upscaler(NEAREST, memory=100_000)


class OurOwn:
    """Stands for another decoder."""

    def decoded(self, path, count):
        with open_picture(path) as picture:
            return [frame.pixels.channels() for frame in picture.frames()]

    def by_vips(self, path):
        return self.decoded(path, 1)


def outcome(number, tmp_path):
    made = make(0, number)
    path = tmp_path / f"a{made.ending}"
    path.write_bytes(made.content)
    return judged(path, replace(made, white=None), UPSCALER, OurOwn())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the tifffile of Python 3.10 writes no LZW by itself")
def test_what_is_made_is_read_or_refused_for_the_reason_that_it_was_made_with(tmp_path):
    outcomes = [outcome(number, tmp_path) for number in range(150)]
    assert not [why for what, why in outcomes if what == "wrong"]
    assert {"read", "refused"} == {what for what, _ in outcomes}


def test_a_file_follows_from_the_seed_and_its_number():
    assert make(0, 5) == make(0, 5) != make(0, 6)


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        (np.zeros((2, 3, 3), np.uint8), np.zeros((3, 2, 3), np.uint8)),
        (np.zeros((2, 3, 1), np.uint8), np.zeros((2, 3, 1), np.uint16)),
        (np.zeros((2, 3, 3), np.uint8), np.full((2, 3, 3), 9, np.uint8)),
        (np.full((2, 3, 3), 9, np.uint8), np.full((2, 3, 4), 9, np.uint8)),
    ],
    ids=["sides", "depth", "colours", "alpha"],
)
def test_what_is_wrong_is_found(ours, other):
    found = difference(Made("", ".png", b""), ours, other)
    assert isinstance(found, str) or found > 3
    assert difference(Made("", ".png", b""), other, other) == 0
