"""Files to pixels and back."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srzoo import images
from srzoo.data.sample import sample_path
from srzoo.images import ImageError, image_files, open_image, to_uint8, to_uint16, write_image
from srzoo.pictures.reading import read_image

PHOTO = read_image(sample_path("chelsea.png"))


def test_pixels_are_rounded_and_clipped_not_truncated():
    values = np.array([-3.0, -0.4, 0.6, 1.4, 254.6, 300.0])
    np.testing.assert_array_equal(to_uint8(values), [0, 0, 1, 1, 255, 255])


def test_sixteen_bits_are_of_the_same_scale():
    np.testing.assert_array_equal(
        to_uint16(np.array([-3, 0, 0.5 / 257 + 1e-6, 128, 255, 300])), [0, 0, 1, 32896, 65535, 65535]
    )


@pytest.mark.parametrize("convert", [to_uint8, to_uint16])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value, convert):
    with pytest.raises(ValueError, match="NaN or infinite"):
        convert(np.array([1.0, value]))


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "tiff"])
def test_a_lossless_file_gives_the_same_pixels(ending, tmp_path):
    write_image(tmp_path / f"a.{ending}", PHOTO)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{ending}"), PHOTO)


@pytest.mark.parametrize(("ending", "most"), [("jpg", 2.0), ("JPEG", 2.0), ("webp", 5.0)])
def test_a_lossy_file_comes_close(ending, most, tmp_path):
    write_image(tmp_path / f"a.{ending}", PHOTO)
    assert np.abs(read_image(tmp_path / f"a.{ending}").astype(int) - PHOTO).mean() < most


def test_jpeg_keeps_colour_at_full_resolution(tmp_path):
    write_image(tmp_path / "a.jpg", PHOTO)
    with Image.open(tmp_path / "a.jpg") as image:
        assert {(h, v) for _, h, v, _ in image.layer} == {(1, 1)}


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter: to be shown clockwise
    Image.fromarray(PHOTO).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(PHOTO, -1))


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    Image.fromarray(np.array([[0, 257, 32896, 65535]], np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0, :, 0], [0, 1, 128, 255])


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK", "LA"])
def test_other_modes_become_rgb(mode, tmp_path):
    Image.fromarray(PHOTO).convert(mode).save(tmp_path / "a.tiff")
    assert read_image(tmp_path / "a.tiff").shape == PHOTO.shape


def test_grey_has_three_equal_channels(tmp_path):
    Image.fromarray(PHOTO[..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PHOTO[..., :1].repeat(3, 2))


@pytest.mark.parametrize("mode", ["RGBA", "P"])
@pytest.mark.filterwarnings("error")
def test_transparency_is_dropped_without_a_word_and_colours_stay(mode, tmp_path):
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    picture = Image.fromarray(colours).convert(mode)
    alpha = {"transparency": bytes([0, 100] * 128)} if mode == "P" else picture.putalpha(7) or {}
    picture.save(tmp_path / "a.png", **alpha)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours)


@pytest.mark.parametrize("damage", [b"", b"not an image", None])
def test_what_is_no_whole_image_is_refused_by_name(damage, tmp_path):
    path = tmp_path / "a.png"
    write_image(path, PHOTO)
    path.write_bytes(path.read_bytes()[:20_000] if damage is None else damage)
    with pytest.raises(ImageError, match="a.png: not an image that can be read"):
        read_image(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="a.png: no such file"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("ending", ["png", "webp", "tif", "gif"])
def test_a_decompression_bomb_is_refused_and_pillows_own_limit_left_as_it_was(ending, tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / f"a.{ending}")
    pixels, pillows = PHOTO.shape[0] * PHOTO.shape[1], Image.MAX_IMAGE_PIXELS
    assert read_image(tmp_path / f"a.{ending}", max_pixels=pixels).shape == PHOTO.shape
    for limit in (pixels - 1, pixels - 2):  # Pillow's own is an even number
        with pytest.raises(ImageError, match=f"more than the limit of {limit}; it may be a decompression bomb"):
            read_image(tmp_path / f"a.{ending}", max_pixels=limit)
    limits = [open_image(tmp_path / f"a.{ending}", limit) for limit in (pixels, pixels + 3, pixels + 1)]
    with limits[0], limits[1], limits[2]:  # one number for all, of which Pillow takes twice as many
        assert (pixels + 4) // 2 == Image.MAX_IMAGE_PIXELS
    assert pillows == Image.MAX_IMAGE_PIXELS


def test_pillows_own_limit_does_not_get_in_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for ending in ("png", "webp", "tif", "gif"):
        Image.fromarray(PHOTO).save(tmp_path / f"a.{ending}")
        assert read_image(tmp_path / f"a.{ending}").shape == PHOTO.shape


def test_postscript_is_not_read_as_it_is_a_program(tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / "a.eps")
    with pytest.raises(ImageError, match="a.eps: not an image that can be read"):
        read_image(tmp_path / "a.eps")


def test_a_pipe_and_a_folder_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").mkdir()
    for name in ("a.png", "b.png"):
        with pytest.raises(ImageError, match=f"{name}: not a file with an image but a folder, a pipe or a device"):
            read_image(tmp_path / name)


def test_whatever_a_decoder_raises_names_the_file(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", PHOTO)
    monkeypatch.setattr(Image.Image, "load", lambda self: {}["attack"])
    with pytest.raises(ImageError, match="a.png: not an image that can be read"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("content", "package"),
    [(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "pillow-heif"), (b"\xff\x0a\xfa\x1f\x41", "pillow-jxl-plugin")],
)
def test_what_a_plugin_would_read_names_the_plugin(content, package, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "_plugins", lambda: ["PNG", "JPEG"])
    (tmp_path / "a.heic").write_bytes(content)
    with pytest.raises(ImageError, match=f"a.heic: .* install it with `pip install {package}`"):
        read_image(tmp_path / "a.heic")


def test_a_damaged_file_of_a_plugin_that_is_there_is_called_damaged(tmp_path):
    pytest.importorskip("pillow_heif")
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    with pytest.raises(ImageError, match="unknown or damaged format"):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.mp4"])
def test_an_ending_without_a_format_is_refused(name, tmp_path):
    with pytest.raises(ImageError, match="names no image format"):
        write_image(tmp_path / name, PHOTO)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pixels", [PHOTO.astype("float32"), PHOTO[..., 0], PHOTO[:0]])
def test_pixels_of_another_kind_are_refused(pixels, tmp_path):
    with pytest.raises(ValueError, match=r"uint8 array of shape \(height, width, 3\), got"):
        write_image(tmp_path / "a.png", pixels)


def test_a_folder_in_the_way_leaves_nothing_half_written(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ImageError, match="a.png: cannot be written"):
        write_image(tmp_path / "a.png", PHOTO)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    write_image(tmp_path / "a.jp2", PHOTO)
    before = (tmp_path / "a.jp2").read_bytes()
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(ImageError, match="a.jp2: cannot be written .*No space left"):
        write_image(tmp_path / "a.jp2", PHOTO[::-1])
    assert (tmp_path / "a.jp2").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_written_file_replaces_the_old_one_with_ordinary_rights(tmp_path):
    (tmp_path / "plain").touch()
    for _ in range(2):
        write_image(tmp_path / "new" / "a.png", PHOTO)
    assert (tmp_path / "new" / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_whoever_reads_the_old_file_meanwhile_reads_all_of_it(tmp_path):
    write_image(tmp_path / "a.png", PHOTO)
    content = (tmp_path / "a.png").read_bytes()
    with (tmp_path / "a.png").open("rb") as old:
        write_image(tmp_path / "a.png", PHOTO[::-1])
        assert old.read() == content != (tmp_path / "a.png").read_bytes()


def test_a_folders_pictures_are_found_at_any_depth_and_hidden_ones_left_out(tmp_path):
    for name in ("b.png", "sub/a.JPG", "notes.txt", ".hidden/c.png", ".d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [str(path.relative_to(tmp_path)) for path in image_files(tmp_path)] == ["b.png", "sub/a.JPG"]


def test_a_loop_of_linked_folders_ends(tmp_path):
    write_image(tmp_path / "a.png", PHOTO)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b.png").symlink_to("b.png")
    assert image_files(tmp_path) == [tmp_path / "a.png"]


def test_the_middle_is_as_high_and_wide_as_asked_for_and_the_picture_has():
    assert images.middle((50, 80, 3), 20, 90) == (slice(15, 35), slice(0, 80))
