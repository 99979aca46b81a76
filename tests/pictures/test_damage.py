"""What is found in pictures whose damage is known."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srzoo import bicubic
from srzoo.degradations import operations
from srzoo.images import GREY, to_uint8
from srzoo.pictures.damage import Damage, find_damage, quality_of_file

PICTURES = {
    "a cat": data.chelsea()[:296, :448],
    "a cup": data.coffee()[:400, :600],
    "an astronaut": data.astronaut(),
    "a rocket": data.rocket()[:424, :640],
}


def lr_of(picture):
    return bicubic.downscale(PICTURES[picture], 2)


def as_jpeg(pixels, quality):
    return to_uint8(operations.jpeg(pixels.astype(np.float32), quality))


@pytest.mark.parametrize("picture", PICTURES)
def test_a_clean_picture_has_no_damage(picture):
    assert find_damage(lr_of(picture)) == Damage()
    assert str(find_damage(lr_of(picture))) == "no damage"


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("quality", [20, 50, 75, 85])
def test_the_quality_of_jpeg_is_read_off_the_pixels(picture, quality):
    found = find_damage(as_jpeg(lr_of(picture), quality))
    assert found.quality == pytest.approx(quality, abs=2)
    assert not found.blurred


@pytest.mark.parametrize("picture", PICTURES)
def test_jpeg_of_high_quality_is_no_damage(picture):
    assert not find_damage(as_jpeg(lr_of(picture), 95))


def test_jpeg_is_found_in_a_part_that_was_cut_out():
    cut = as_jpeg(PICTURES["a cup"], 50)[3:, 5:]
    assert find_damage(np.ascontiguousarray(cut)).quality == pytest.approx(50, abs=2)


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("grey", [False, True], ids=["of colours", "of grey"])
def test_noise_is_found_and_its_level_is_told(picture, grey):
    rng = np.random.default_rng(0)
    found = find_damage(to_uint8(operations.gaussian_noise(lr_of(picture).astype(np.float32), 10, rng, grey)))
    assert found.quality is None
    # Noise that is not the same in all colours is weaker in grey.
    assert found.noise == pytest.approx(10 if grey else 6.7, rel=0.35)


@pytest.mark.parametrize("picture", PICTURES)
def test_noise_that_grey_does_not_show_is_found_in_the_colours(picture):
    noise = np.random.default_rng(0).normal(0, 12, lr_of(picture).shape)
    noisy = to_uint8((lr_of(picture) + noise - (noise @ GREY)[..., None]).astype(np.float32))
    assert find_damage(noisy).noise == pytest.approx(12, rel=0.35)


def test_texture_of_one_colour_is_no_noise():
    texture = bicubic.downscale(np.repeat(data.gravel()[..., None], 3, axis=2), 2)
    assert not find_damage(to_uint8(texture * np.float32([1, 0.55, 0.25])))


def test_noise_in_a_jpeg_is_told_beside_its_quality():
    texture = bicubic.downscale(data.immunohistochemistry(), 2).astype(np.float32)
    noisy = to_uint8(operations.gaussian_noise(texture, 10, np.random.default_rng(0), True))
    found = find_damage(as_jpeg(noisy, 85))
    assert (found.quality, found.noise) == (85, pytest.approx(10, rel=0.35))


@pytest.mark.parametrize("end", [0, 255])
def test_noise_is_measured_where_it_is_not_clipped_and_not_on_a_few_blocks(end):
    lr = lr_of("a cat").astype(np.float32)
    lr[: len(lr) * 3 // 5] = end
    noisy = to_uint8(operations.gaussian_noise(lr, 10, np.random.default_rng(0), True))
    assert find_damage(noisy).noise == pytest.approx(10, rel=0.35)
    assert not find_damage(noisy[-16:, :16])


def test_a_picture_that_was_enlarged_before_is_blurred():
    small = bicubic.downscale(PICTURES["a cat"], 2)
    large = bicubic.upscale(small, 2)
    assert find_damage(large).blurred
    assert not find_damage(large[100:132, 100:132]), "too few blocks to tell"


def test_drawn_text_and_flat_colours_have_no_damage():
    page = np.full((200, 200, 3), 255, np.uint8)
    page[50:60, 20:180] = page[90:150:6, 20:180] = 0
    dot = np.full_like(page, 255)
    dot[41, 45] = 155  # its coefficients are on the steps of quality 48
    for pixels in (page, dot, np.zeros_like(page), np.full((3, 5, 3), 9, np.uint8)):
        assert not find_damage(pixels)


@pytest.mark.parametrize("quality", [10, 40, 75, 92])
def test_the_quality_of_a_file_is_that_it_was_written_with(tmp_path, quality):
    Image.fromarray(PICTURES["a cat"]).save(tmp_path / "cat.jpg", quality=quality)
    assert quality_of_file(tmp_path / "cat.jpg") == pytest.approx(quality, abs=1)


def test_a_file_without_jpegs_tables_has_no_quality(tmp_path):
    Image.fromarray(PICTURES["a cat"]).save(tmp_path / "cat.png")
    assert quality_of_file(tmp_path / "cat.png") is None


def test_damage_is_told_in_words():
    assert str(Damage(quality=42, noise=6.6)) == "JPEG of quality 42, noise of 7 grey levels"
    assert str(Damage(blurred=True)) == "blur"
