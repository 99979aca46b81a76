"""The geometry of tiles: they cover the picture, see their whole halo, and keep to the area allowed."""

import itertools

import numpy as np
import pytest

from srzoo.runtimes.tiles import area, cut, halve, least_area

SIDES = (1, 2, 7, 24, 25, 40, 101)
CASES = [
    (height, width, halo, max_pixels)
    for height, width in itertools.product(SIDES, SIDES)
    for halo, max_pixels in ((0, 9), (3, 64), (12, 900))
]


def sizes(tiles):
    return {tuple(part.stop - part.start for part in tile.source) for tile in tiles}


@pytest.mark.parametrize("scale", [2, 3])
def test_the_targets_cover_every_pixel_of_the_result_once(scale):
    for height, width, halo, max_pixels in CASES:
        times = np.zeros((height * scale, width * scale), int)
        for tile in cut(height, width, scale, halo, max_pixels):
            times[tile.target] += 1
        assert np.all(times == 1), (height, width, halo, max_pixels)


def test_a_tile_sees_its_whole_halo_except_where_the_picture_ends():
    for height, width, halo, max_pixels in CASES:
        for tile in cut(height, width, 1, halo, max_pixels):
            for source, target, length in zip(tile.source, tile.target, (height, width)):
                assert 0 <= source.start <= max(0, target.start - halo)
                assert min(length, target.stop + halo) <= source.stop <= length


@pytest.mark.parametrize("scale", [1, 4])
def test_putting_the_inside_of_every_tile_at_its_target_gives_the_picture_back(scale):
    picture = np.arange(53 * 38).reshape(53, 38)
    enlarged = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    result = np.zeros_like(enlarged)
    for tile in cut(53, 38, scale, halo=5, max_pixels=400):
        seen = picture[tile.source].repeat(scale, axis=0).repeat(scale, axis=1)
        result[tile.target] = seen[tile.inside]
    np.testing.assert_array_equal(result, enlarged)


def test_no_tile_is_larger_than_the_area_allowed():
    for height, width, halo, max_pixels in CASES:
        assert max(h * w for h, w in sizes(cut(height, width, 4, halo, max_pixels))) <= max_pixels


def test_all_tiles_of_a_picture_are_of_one_size():
    assert len(sizes(cut(1080, 1920, 4, halo=36, max_pixels=200_000))) == 1


def test_a_picture_that_fits_is_one_tile_without_halo():
    (tile,) = cut(30, 40, 2, halo=36, max_pixels=1200)
    assert tile.source == (slice(0, 30), slice(0, 40))
    assert tile.inside == tile.target == (slice(0, 60), slice(0, 80))


def test_a_strip_is_cut_across_and_not_along():
    tiles = cut(50, 10_000, 4, halo=36, max_pixels=40_000)
    assert all(tile.source[0] == slice(0, 50) for tile in tiles)
    assert len(tiles) == 14  # of 800 pixels; 72 of them are the neighbours'


def test_a_full_hd_picture_loses_less_than_a_third_to_halos_with_two_hundred_thousand_pixels_a_tile():
    tiles = cut(1080, 1920, 4, halo=36, max_pixels=200_000)
    ((height, width),) = sizes(tiles)
    assert len(tiles) * height * width < 1080 * 1920 * 4 / 3


@pytest.mark.parametrize("alignment", [2, 4])
def test_aligned_tiles_and_their_halves_begin_at_multiples_and_see_their_whole_halo(alignment):
    for height, width, halo, max_pixels in CASES:
        if max_pixels < min(height * width, least_area(halo, alignment)):
            continue
        tiles = cut(height, width, 1, halo, max_pixels, alignment=alignment)
        assert all(area(tile) <= max_pixels for tile in tiles)
        halves = [half for tile in tiles for half in halve(tile, height, width, 1, halo, alignment)]
        for tile in tiles + halves:
            for source, target, length in zip(tile.source, tile.target, (height, width)):
                assert source.start % alignment == 0 and target.start % alignment == 0
                assert source.start <= max(0, target.start - halo)
                assert min(length, target.stop + halo) <= source.stop <= length
        times = np.zeros((height, width), int)
        for tile in tiles:
            times[tile.target] += 1
        assert np.all(times == 1)


def test_halves_share_a_tile_across_its_longer_side_down_to_single_pixels():
    tiles, scale = cut(5, 3, 2, 1, 15), 2
    (upper, lower) = halve(tiles[0], 5, 3, scale, 1)
    assert upper.target == (slice(0, 4), slice(0, 6)) and lower.target == (slice(4, 10), slice(0, 6))
    while halves := [half for tile in tiles for half in halve(tile, 5, 3, scale, 1)]:
        tiles = halves + [tile for tile in tiles if not halve(tile, 5, 3, scale, 1)]
        times = np.zeros((10, 6), int)
        for tile in tiles:
            times[tile.target] += 1
        assert np.all(times == 1)
    assert len(tiles) == 15


@pytest.mark.parametrize("alignment", [1, 4])
def test_no_tile_is_higher_than_allowed_also_where_tiles_are_aligned(alignment):
    tiles = cut(200, 90, 2, 5, 100_000, max_height=60, alignment=alignment)
    assert 45 < max(height for height, _ in sizes(tiles)) <= 60


def test_a_picture_that_must_not_be_cut_is_one_tile_or_refused():
    (tile,) = cut(30, 40, 2, None, 1200, max_height=7)
    assert tile.source == (slice(0, 30), slice(0, 40))
    with pytest.raises(
        ValueError, match="see the whole picture at once, so max_pixels must be at least 1200 for 40x30"
    ):
        cut(30, 40, 2, None, 1199)


def test_the_smallest_tile_is_a_pixel_and_its_halo():
    assert len(cut(10, 9, 2, halo=3, max_pixels=49)) == 4 * 3
    with pytest.raises(ValueError, match=r"max_pixels must be at least 49, a pixel and its halo of 3; got 48"):
        cut(10, 9, 2, halo=3, max_pixels=48)
