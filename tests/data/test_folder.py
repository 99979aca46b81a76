"""A user's folder as a data set."""

import numpy as np
import pytest
from PIL import Image

from srzoo import bicubic
from srzoo.data.copies import same_picture
from srzoo.data.folder import folder
from srzoo.data.sample import sample_path
from srzoo.data.sources import open_source
from srzoo.images import ImageError, write_image
from srzoo.pictures.reading import read_image


@pytest.fixture
def photo():
    return read_image(sample_path("astronaut.png"))


def read(source):
    return [item.read() for item in source.train]


def test_plain_pictures_get_their_lr_by_bicubic_at_any_depth(tmp_path, photo):
    write_image(tmp_path / "a.png", photo[:101, :82])
    write_image(tmp_path / "sub" / "b.bmp", photo[100:164, :64])
    (lr, hr), (_, second) = read(folder(tmp_path, 4))
    np.testing.assert_array_equal(hr, photo[:100, :80])
    np.testing.assert_array_equal(lr, bicubic.downscale(hr, 4))
    assert second.shape == (64, 64, 3)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp"])
def test_the_usual_formats_are_read(ending, tmp_path, photo):
    write_image(tmp_path / f"a.{ending}", photo[:64, :64])
    assert read(folder(tmp_path, 2))[0][0].shape == (32, 32, 3)


def test_a_limit_takes_the_first_pictures(tmp_path, photo):
    for name in "cab":
        write_image(tmp_path / f"{name}.png", photo[:8, :8])
    of_two = open_source(str(tmp_path), 4, limit=2)
    assert [item.name for item in of_two.train] == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    sample = open_source("sample", 4, limit=1)
    assert len(sample.train) == len(sample.validation) == 1


def test_a_folder_is_taken_before_a_data_set_of_its_name(here, photo):
    write_image("sample/a.png", photo[:8, :8])
    assert [item.name for item in open_source("sample", 4).train] == ["sample/a.png"]


def test_hr_alone_is_enough(tmp_path, photo):
    write_image(tmp_path / "HR" / "a.png", photo[:64, :64])
    write_image(tmp_path / "preview.png", photo)
    assert len(read(folder(tmp_path, 4))) == 1


def test_hr_and_lr_are_paired_by_name_whatever_their_endings(tmp_path, photo):
    given = bicubic.downscale(photo[:64, :64], 4)
    given[0, 0] = 7  # LR is the file's, not made from HR
    write_image(tmp_path / "HR" / "a.png", photo[:64, :64])
    write_image(tmp_path / "LR" / "a.bmp", given)
    ((lr, hr),) = read(folder(tmp_path, 4))
    np.testing.assert_array_equal(lr, given)
    np.testing.assert_array_equal(hr, photo[:64, :64])


def test_each_bad_pair_is_named(tmp_path, photo):
    write_image(tmp_path / "HR" / "alone.png", photo[:64, :64])
    write_image(tmp_path / "HR" / "wrong.png", photo[:64, :64])
    write_image(tmp_path / "LR" / "wrong.png", photo[:16, :17])
    write_image(tmp_path / "LR" / "orphan.png", photo[:16, :16])
    with pytest.raises(ValueError, match=r"3 bad pair\(s\)") as error:
        folder(tmp_path, 4)
    message = str(error.value)
    assert "alone.png has no LR" in message and "orphan.png has no HR" in message
    assert "wrong.png has 64x64 pixels, which is not 4 times the 17x16" in message


def test_swapped_folders_are_named_as_that(tmp_path, photo):
    write_image(tmp_path / "LR" / "a.png", photo[:64, :64])
    write_image(tmp_path / "HR" / "a.png", photo[:16, :16])
    with pytest.raises(ValueError, match="the other way round: HR and LR are swapped"):
        folder(tmp_path, 4)


def test_two_files_of_one_name_are_refused_as_one_would_be_lost(tmp_path, photo):
    for name in ("HR/a.png", "HR/a.bmp"):
        write_image(tmp_path / name, photo[:64, :64])
    write_image(tmp_path / "LR" / "a.png", photo[:16, :16])
    with pytest.raises(ValueError, match=r"a\.bmp and .*a\.png have the same name"):
        folder(tmp_path, 4)


def test_a_pair_of_two_different_pictures_is_an_error_when_it_is_read(tmp_path, photo):
    other = read_image(sample_path("coffee.png"))
    write_image(tmp_path / "HR" / "a.png", photo[:256, :256])
    write_image(tmp_path / "LR" / "a.png", bicubic.downscale(np.ascontiguousarray(other[100:356, 100:356]), 4))
    (item,) = folder(tmp_path, 4).train
    with pytest.raises(ImageError, match=r"LR.a\.png does not show what .*HR.a\.png shows"):
        item.read()


def test_pairs_of_hard_degradations_are_pairs(photo):
    hr = photo[:256, :256]
    lr = bicubic.downscale(np.ascontiguousarray(hr), 4).astype(float)
    noise = np.random.default_rng(0).normal(0, 30, lr.shape)
    flat = np.full((64, 64, 3), 200, np.uint8)
    for degraded in (lr + noise, 0.6 * lr + 10, np.roll(lr, 3, axis=1)):
        assert same_picture(np.clip(degraded, 0, 255).astype(np.uint8), hr)
    assert same_picture(flat, flat.repeat(4, 0).repeat(4, 1))


def test_an_unreadable_picture_is_an_error_when_it_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"not a picture")
    (item,) = folder(tmp_path, 4).train
    with pytest.raises(ImageError, match="a.png: not an image"):
        item.read()


def test_a_picture_smaller_than_the_scale_is_refused_when_it_is_read(tmp_path):
    Image.new("RGB", (3, 30)).save(tmp_path / "a.png")
    (item,) = folder(tmp_path, 4).train
    with pytest.raises(ImageError, match="3x30 pixels are too few for scale 4"):
        item.read()


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no pictures found"):
        folder(tmp_path, 4)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        folder(tmp_path / "nowhere", 4)
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        open_source("nowhere/", 4)
