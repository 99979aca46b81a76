"""Animations and pages, the rows of docs/images.md about them: the result is read back and has what the input had."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srzoo.pictures.reading import read_image

PHOTO = data.chelsea()[100:120, 150:180]
DEEP = PHOTO[..., 1].astype(np.uint16) * 257 + np.arange(30, dtype=np.uint16) * 7 % 256


def enlarged(array):
    return array.repeat(2, axis=0).repeat(2, axis=1)


def moving(count=4):
    """Frames of a square that moves over a clear ground."""
    frames = np.zeros((count, 20, 30, 4), np.uint8)
    for index in range(count):
        frames[index, 4:12, 3 + 5 * index : 11 + 5 * index] = (200, 40 * index, 60, 255)
    return frames


DURATIONS = [100, 200, 300, 50]


@pytest.mark.parametrize("wanted", [None, "gif", "webp", "png"])
@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_every_frame_of_an_animation_is_kept_with_its_duration_and_the_loop(ending, wanted, tmp_path, resolve):
    frames = [Image.fromarray(frame) for frame in moving()]
    options = {"lossless": True} if ending == "webp" else {}
    options |= {"disposal": 2} if ending == "gif" else {}
    frames[0].save(
        tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:], duration=DURATIONS, loop=3, **options
    )
    result = resolve(f"a.{ending}", wanted)
    assert result.image().n_frames == 4
    for index, expected in enumerate(moving()):
        image = result.image(index)
        shown = np.asarray(image.convert("RGBA")).astype(int)
        np.testing.assert_array_equal(shown[..., 3], enlarged(expected[..., 3]))
        seen = shown[..., 3] > 0
        far = np.abs(shown - enlarged(expected))[..., :3][seen]
        assert far.mean() <= (8 if "webp" in (ending, wanted) else 3)
        assert image.info["duration"] == DURATIONS[index]
    times = 3 + (ending == "gif") - ((wanted or ending) == "gif")
    assert result.image().info["loop"] == times


def test_frames_that_only_change_a_part_come_out_whole(tmp_path, resolve):
    still = Image.fromarray(PHOTO).quantize(64)
    changed = still.copy()
    changed.paste(5, (2, 3, 9, 9))
    still.save(tmp_path / "a.gif", save_all=True, append_images=[changed], duration=80, disposal=1)
    result = resolve("a.gif")
    np.testing.assert_array_equal(result.image(1).convert("RGB"), enlarged(np.asarray(changed.convert("RGB"))))


@pytest.mark.parametrize("wanted", ["gif", "png", "webp"])
def test_an_animation_that_starts_opaque_and_grey_may_become_coloured_and_transparent(wanted, tmp_path, resolve):
    grey = np.full((20, 30, 4), (90, 90, 90, 255), np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png", save_all=True, append_images=[Image.fromarray(moving()[1])])
    expected = enlarged(moving()[1]).astype(int)
    result = np.asarray(resolve("a.png", wanted).image(1).convert("RGBA")).astype(int)
    np.testing.assert_array_equal(result[..., 3], expected[..., 3])
    assert set(np.unique(expected[..., 3])) == {0, 255}
    assert np.abs(result - expected)[expected[..., 3] > 0].mean() < 6


def test_a_gif_that_plays_once_still_plays_once(tmp_path, resolve):
    frames = [Image.fromarray(frame) for frame in moving()]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], disposal=2)
    assert "loop" not in resolve("a.gif").image().info
    assert resolve("a.gif", "png").image().info["loop"] == 1


def test_an_apngs_still_picture_stays_outside_the_animation(tmp_path, resolve):
    frames = [Image.fromarray(frame) for frame in moving()]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], default_image=True, duration=70)
    image = resolve("a.png").image()
    assert image.default_image and image.n_frames == 4


def test_an_animated_avif_keeps_its_frames(tmp_path, resolve):
    frames = [Image.fromarray(frame[..., :3]) for frame in moving()]
    frames[0].save(tmp_path / "a.avif", save_all=True, append_images=frames[1:], duration=DURATIONS, quality=100)
    result = resolve("a.avif")
    assert [result.image(index).info["duration"] for index in range(result.image().n_frames)] == DURATIONS


def test_every_page_of_a_tiff_is_kept_with_its_own_size_and_kind(tmp_path, resolve):
    colour, grey = Image.fromarray(PHOTO), Image.fromarray(PHOTO[:10, :12, 0])
    deep = Image.fromarray(DEEP)
    colour.save(tmp_path / "a.tif", save_all=True, append_images=[grey, deep])
    result = resolve("a.tif")
    assert result.image().n_frames == 3
    assert [result.image(index).mode for index in range(3)] == ["RGB", "L", "I;16"]
    for index, array in enumerate((PHOTO, PHOTO[:10, :12, 0], DEEP)):
        np.testing.assert_array_equal(result.array(index), enlarged(array))
    result = resolve("a.tif", "jpeg")
    assert result.path.suffix == ".tif" and "JPEG holds no pages; written as TIFF" in result.notes


def test_a_still_gif_stays_a_gif(tmp_path, resolve):
    Image.fromarray(PHOTO).quantize(32).save(tmp_path / "a.gif", comment=b"a cat")
    image = resolve("a.gif").image()
    assert image.n_frames == 1 and image.info["comment"] == b"a cat"
    np.testing.assert_array_equal(image.convert("RGB"), enlarged(read_image(tmp_path / "a.gif")))
