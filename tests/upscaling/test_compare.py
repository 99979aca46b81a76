"""The side-by-side picture of LR, bicubic and SR."""

import re

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srzoo import bicubic
from srzoo.upscaling import compare
from srzoo.upscaling.compare import GAP, MAX_SIDE, side_by_side


def photo(height, width):
    return data.chelsea()[100 : 100 + height, 150 : 150 + width]


def panels(picture, height, width):
    """The three pictures in it, read from the bottom of its thirds."""
    step = (picture.shape[1] - GAP) // 3
    lefts = [GAP + i * step + (step - GAP - width) // 2 for i in range(3)]
    return [picture[-GAP - height : -GAP, left : left + width] for left in lefts]


def test_it_shows_nearest_bicubic_and_sr_at_the_same_size():
    lr = photo(60, 90)
    sr = np.full((240, 360, 3), 200, np.uint8)
    nearest, cubic, shown = panels(side_by_side(lr, sr), 240, 360)
    np.testing.assert_array_equal(nearest[::4, ::4], lr)
    # Only at the borders does it differ from MATLAB's, which mirrors the picture there.
    assert np.abs(cubic.astype(int) - bicubic.upscale(lr, 4))[8:-8, 8:-8].max() <= 1
    np.testing.assert_array_equal(shown, sr)


def test_a_scale_need_not_be_whole():
    lr, sr = photo(61, 90), np.full((92, 135, 3), 200, np.uint8)
    nearest, cubic, shown = panels(side_by_side(lr, sr), 92, 135)
    np.testing.assert_array_equal(shown, sr)
    np.testing.assert_array_equal(nearest[[0, -1]][:, [0, -1]], lr[[0, -1]][:, [0, -1]])
    large = np.asarray(Image.fromarray(lr).resize((135, 92), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(cubic, large)
    assert side_by_side(lr, np.zeros((122, 182, 3), np.uint8)).shape[1] > 3 * 182, "one side is a pixel more"
    assert side_by_side(photo(10, 100), np.zeros((21, 200, 3), np.uint8)).shape[1] > 3 * 200, "the short one"
    picture = side_by_side(lr.repeat(20, 0).repeat(20, 1), np.full((1830, 2700, 3), 200, np.uint8))
    assert picture.shape[0] < MAX_SIDE + 100 and picture.shape[1] < 2000


def test_of_a_large_picture_it_shows_the_centre_pixel_for_pixel():
    lr = data.astronaut()
    sr = lr.repeat(4, axis=0).repeat(4, axis=1)
    picture = side_by_side(lr, sr)
    assert picture.shape[1] <= 2000
    first = (2048 - MAX_SIDE) // 2
    centre = slice(first, first + MAX_SIDE)
    nearest, cubic, shown = panels(picture, MAX_SIDE, MAX_SIDE)
    np.testing.assert_array_equal(nearest, sr[centre, centre])
    assert np.abs(cubic.astype(int) - bicubic.upscale(lr, 4)[centre, centre]).mean() < 0.5
    np.testing.assert_array_equal(shown, sr[centre, centre])


def test_of_a_single_pixel_it_has_room_for_the_titles():
    assert side_by_side(photo(1, 1), np.zeros((2, 2, 3), np.uint8), "edsr-baseline-x2").shape[1] > 300


def test_sizes_that_do_not_belong_together_are_refused():
    for sides in ((8, 20), (3, 5)):
        sentence = f"the sides of sr must be those of lr, (4, 6), times a scale; got {sides}"
        with pytest.raises(ValueError, match=re.escape(sentence)):
            side_by_side(photo(4, 6), photo(*sides))
    with pytest.raises(ValueError, match="sr"):
        side_by_side(photo(4, 6), photo(8, 12).astype(np.float32))


def test_sizes_are_told_and_what_is_shown_of_them(monkeypatch):
    monkeypatch.setattr(compare, "panels", lambda pictures: [note for *_, note in pictures])
    assert side_by_side(photo(60, 90), np.zeros((120, 180, 3), np.uint8)) == ["90 x 60 px", *2 * ["180 x 120 px"]]
    assert side_by_side(photo(60, 300), np.zeros((240, 1200, 3), np.uint8)) == [
        "centre 160 x 60 of 300 x 60 px",
        *2 * ["centre 640 x 240 of 1200 x 240 px"],
    ]
