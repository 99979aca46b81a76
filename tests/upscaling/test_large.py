"""Results too large to hold are written while they are computed, and are the same."""

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image
from skimage import data

from srzoo.images import write_image
from srzoo.pictures import tiff
from srzoo.pictures.animations import Playing
from srzoo.pictures.formats import FORMATS
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Bands, Pixels, in_rows
from srzoo.pictures.reading import Frame, LargeFrame, open_picture
from srzoo.pictures.writing import write_frames
from srzoo.runtimes.network import Network
from srzoo.upscaling import Upscaler, batch, pictures
from srzoo.upscaling.sizes import Size

PHOTO = data.chelsea()[100:161, 150:237]
RAMP = np.clip(np.arange(61)[:, None] * 6 + np.zeros(87, int) - 30, 0, 255).astype(np.uint8)
ALPHA = np.where(np.random.default_rng(2).random(RAMP.shape) < 0.5, RAMP, 255 - RAMP)
ALPHA[0, 0] = 255


def smooth(pixels):
    """Twice as large, each pixel the mean of its 3x3 neighbours below it: what is cut wrong does not fit."""
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = pixels.shape[1:3]
    mean = sum(padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)) / np.float32(9)
    return mean.repeat(2, axis=1).repeat(2, axis=2)


NETWORK = Network("smooth", scale=2, halo=1, bytes_per_pixel=1000, run=smooth)


def upscaled(path, target, wanted, monkeypatch, large):
    monkeypatch.setattr(pictures, "LARGE", 0 if large else 10**9)
    upscaler = Upscaler(NETWORK, memory=400_000)
    seen = []

    def progress(tiles):
        seen.extend(tiles)
        return tiles

    with open_picture(path) as picture:
        _, result = pictures.upscale_picture(upscaler, picture, target, FORMATS[wanted], progress)
    assert isinstance(result, LargeFrame if large else Frame)
    assert len({tile.target[0].start for tile in seen}) > 3  # several bands
    with open_picture(target) as picture:
        return list(picture.frames())


KINDS = {
    "rgb": Pixels(PHOTO),
    "grey": Pixels(PHOTO[..., 1]),
    "rgba": Pixels(PHOTO, ALPHA),
    "opaque": Pixels(PHOTO, np.full_like(ALPHA, 255)),
    "grey and alpha": Pixels(PHOTO[..., 1], ALPHA),
    "16 bits": Pixels(PHOTO.astype(np.uint16) * 257 + 3),
    "16 bits and alpha": Pixels(PHOTO.astype(np.uint16) * 257, ALPHA.astype(np.uint16) * 257),
    "16 bits grey and alpha": Pixels(PHOTO[..., 0].astype(np.uint16) * 257, ALPHA.astype(np.uint16) * 257),
}


@pytest.mark.parametrize("wanted", ["png", "tiff"])
@pytest.mark.parametrize("kind", KINDS)
def test_in_bands_the_same_picture_is_written(kind, wanted, tmp_path, monkeypatch):
    metadata = Metadata(exif={0x010E: "a cat"}, xmp=b"<x:xmpmeta/>", dpi=(300, 300))
    write_frames(tmp_path / "a.png", [Frame(KINDS[kind], metadata)], FORMATS["png"], Playing(1, 0))
    ending = FORMATS[wanted].endings[0]
    (expected,), (result,) = (
        upscaled(tmp_path / "a.png", tmp_path / f"{large}{ending}", wanted, monkeypatch, large)
        for large in (False, True)
    )
    np.testing.assert_array_equal(result.pixels.colour, expected.pixels.colour)
    np.testing.assert_array_equal(result.pixels.channels(), expected.pixels.channels())
    assert result.metadata == expected.metadata and result.metadata.exif[0x010E] == "a cat"


def test_pages_come_in_bands_too(tmp_path, monkeypatch):
    first, second = Image.fromarray(PHOTO), Image.fromarray(PHOTO[:50, :80, 0])
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    expected, result = (
        upscaled(tmp_path / "a.tif", tmp_path / f"{large}.tif", "tiff", monkeypatch, large) for large in (False, True)
    )
    assert len(result) == 2
    for one, other in zip(result, expected):
        np.testing.assert_array_equal(one.pixels.colour, other.pixels.colour)


def test_frames_of_an_animation_are_held_however_large(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "LARGE", 0)
    Image.fromarray(PHOTO).save(tmp_path / "a.png", save_all=True, append_images=[Image.fromarray(PHOTO[::-1])])
    with open_picture(tmp_path / "a.png") as picture:
        pictures.upscale_picture(Upscaler(NETWORK), picture, tmp_path / "b.png", FORMATS["png"])
    with open_picture(tmp_path / "b.png") as picture:
        assert [frame.pixels.size for frame in picture.frames()] == 2 * [(174, 122)]


@pytest.mark.parametrize("rows_at_once", [7, 61])
def test_above_4_gb_it_is_bigtiff_which_others_read(rows_at_once, tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "LARGEST", 20_000)  # more than a page
    monkeypatch.setattr(tiff, "STRIP_BYTES", 5000)
    exif = {0x010F: "a camera's maker", 0x8769: {0x9000: b"0232"}}
    frames = [Frame(Pixels(PHOTO), Metadata(exif=exif, icc=b"profile" * 20))]
    bands = (Pixels(PHOTO[top : top + rows_at_once]) for top in range(0, 61, rows_at_once))
    frames.append(LargeFrame(Bands((87, 61), False, False, False, bands), Metadata()))
    write_frames(tmp_path / "a.tif", frames, FORMATS["tiff"], Playing(2, 0))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff and len(file.pages) == 2
        assert file.pages[0].tags["Make"].value == "a camera's maker" and file.pages[0].iccprofile == b"profile" * 20
        assert file.pages[0].tags["ExifTag"].dtype == 16, "a place of 8 bytes"
        for page in file.pages:
            np.testing.assert_array_equal(page.asarray(), PHOTO)
    with Image.open(tmp_path / "a.tif") as image:
        image.seek(1)
        np.testing.assert_array_equal(image, PHOTO)


def test_a_plain_tiff_that_outgrows_its_4_gb_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "LARGEST", 8_000)
    frames = [Frame(Pixels(PHOTO[:9]), Metadata()), Frame(Pixels(PHOTO), Metadata())]
    with pytest.raises(ValueError, match="a.tif: cannot be written .*end at 4 GB; use another --format"):
        write_frames(tmp_path / "a.tif", frames, FORMATS["tiff"], Playing(2, 0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 4, 100])
def test_rows_are_regrouped(count):
    bands = Bands((87, 61), False, False, False, (Pixels(PHOTO[top : top + 9]) for top in range(0, 61, 9)))
    parts = list(in_rows(bands, count))
    assert {len(part) for part in parts[:-1]} <= {count} and len(parts) == -(-61 // count)
    np.testing.assert_array_equal(np.concatenate(parts), PHOTO)


def test_a_fault_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "LARGE", 0)
    calls = []

    def failing(pixels):
        calls.append(1)
        if len(calls) > 5:
            raise ValueError("the model's answer is not finite")
        return smooth(pixels)

    write_image(tmp_path / "a.png", PHOTO)
    upscaler = Upscaler(Network("failing", 2, 1, 1000, failing), memory=400_000)
    with open_picture(tmp_path / "a.png") as picture, pytest.raises(ValueError, match="not finite"):
        pictures.upscale_picture(upscaler, picture, tmp_path / "b.tif", FORMATS["tiff"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("scale", [2, 1.6])
def test_the_comparison_shows_the_centre(scale, tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", np.tile(PHOTO, (9, 7, 1)))
    shown = []
    for large in (False, True):
        monkeypatch.setattr(pictures, "LARGE", 0 if large else 10**9)
        target, comparison = tmp_path / f"{large}.png", tmp_path / f"{large}_compare.png"
        job = batch.Job(tmp_path / "a.png", target, FORMATS["png"], Size(scale), comparison=comparison)
        batch.carry_out(job, Upscaler(NETWORK, memory=10**8), "smooth")
        shown.append(np.asarray(Image.open(comparison)).astype(int))
    # Of a fraction, what is computed again lies within half a pixel of the whole.
    assert shown[0].shape == shown[1].shape
    assert np.abs(shown[0] - shown[1]).mean() <= (0 if scale == 2 else 1)


@pytest.mark.parametrize("wanted", ["png", "tiff"])
def test_memory_does_not_grow_with_the_result(wanted, tmp_path):
    """A result of 200 MB takes less than half of that while it is made."""
    bands = Bands(
        (10_000, 6_700), False, False, False, (Pixels(np.zeros((100, 10_000, 3), np.uint8)) for _ in range(67))
    )
    process = psutil.Process()
    before, most = process.memory_info().rss, 0

    def watched():
        nonlocal most
        for band in bands.bands():
            most = max(most, process.memory_info().rss)
            yield band

    frame = LargeFrame(Bands(bands.size, False, False, False, watched()), Metadata())
    write_frames(tmp_path / "a", [frame], FORMATS[wanted], Playing(1, 0))
    assert most - before < 90e6
