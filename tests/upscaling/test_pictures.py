"""Every row of the table in docs/images.md: the result is read back and has what the input had."""

import io
import struct

import hypothesis
import numpy as np
import pytest
import tifffile
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageCms, ImageOps, PngImagePlugin
from skimage import data

from srzoo import zoo
from srzoo.pictures.animations import Playing
from srzoo.pictures.formats import FORMATS
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Pixels
from srzoo.pictures.reading import Frame, open_picture
from srzoo.pictures.writing import write_frames
from srzoo.upscaling import Upscaler
from srzoo.upscaling.pictures import upscale_pixels

PHOTO = data.chelsea()[100:120, 150:180]
DEEP = (PHOTO.astype(np.uint16) * 257 + np.arange(30, dtype=np.uint16)[:, None] * 7 % 256).clip(0, 65535)
ALPHA = np.zeros(PHOTO.shape[:2], np.uint8)
ALPHA[4:16, 5:25] = 255
ALPHA[8:12, 8:12] = 128


def enlarged(array, scale=2):
    return array.repeat(scale, axis=0).repeat(scale, axis=1)


def save_pixels(path, pixels, name="png", metadata=None):
    """Writes a file of 16 bits, which Pillow cannot."""
    write_frames(path, [Frame(pixels, metadata or Metadata())], FORMATS[name], Playing(1, 0))


def only_frame(path):
    with open_picture(path) as picture:
        (frame,) = picture.frames()
    return frame


# Pixels


@pytest.mark.parametrize("ending", ["png", "tif", "webp", "avif", "jp2"])
def test_alpha_is_upscaled_and_kept(ending, tmp_path, resolve):
    options = {"lossless": True} if ending == "webp" else {"quality": 100} if ending == "avif" else {}
    Image.fromarray(np.dstack([PHOTO, ALPHA])).save(tmp_path / f"a.{ending}", **options)
    image = resolve(f"a.{ending}").image()
    assert image.mode == "RGBA"
    assert np.abs(np.asarray(image)[..., 3].astype(int) - enlarged(ALPHA)).max() <= (12 if ending == "avif" else 0)


def test_edges_of_transparency_have_no_fringe(tmp_path):
    colour = np.zeros((20, 20, 3), np.uint8)  # black lies under what nobody sees
    alpha = np.zeros((20, 20), np.uint8)
    colour[5:15, 5:15], alpha[5:15, 5:15] = (250, 200, 40), 255
    upscaler = Upscaler(zoo.load("edsr-baseline-x4"))
    result = upscale_pixels(upscaler, Pixels(colour, alpha))
    seen = result.alpha > 0
    assert np.abs(result.colour[seen].astype(int) - (250, 200, 40)).max() <= 3
    assert np.all(result.alpha[24:56, 24:56] == 255) and not np.any(result.alpha[:16])
    plain = upscaler(colour)
    assert np.abs(plain[seen].astype(int) - (250, 200, 40)).max() > 60  # what the filling guards against


def test_what_is_opaque_stays_opaque_and_its_colours_those_of_the_plain_path():
    upscaler = Upscaler(zoo.create("edsr-baseline-x2.blocks1.filters4"))
    result = upscale_pixels(upscaler, Pixels(PHOTO, np.full(PHOTO.shape[:2], 255, np.uint8)))
    assert np.all(result.alpha == 255)
    np.testing.assert_array_equal(result.colour, upscaler(PHOTO))


def test_a_palette_becomes_rgb_and_with_transparency_rgba(tmp_path, resolve):
    palette = Image.fromarray(PHOTO).quantize(16)
    palette.save(tmp_path / "a.png")
    palette.save(tmp_path / "b.png", transparency=3)
    opaque, clear = resolve("a.png").image(), resolve("b.png").image()
    np.testing.assert_array_equal(opaque, enlarged(np.asarray(palette.convert("RGB"))))
    assert opaque.mode == "RGB" and clear.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(clear)[..., 3] == 0, enlarged(np.asarray(palette) == 3))


@pytest.mark.parametrize(("mode", "key"), [("RGB", (10, 20, 30)), ("L", 7)])
def test_a_transparent_colour_becomes_alpha(mode, key, tmp_path, resolve):
    image = Image.fromarray(PHOTO).convert(mode)
    image.putpixel((3, 4), key)
    image.save(tmp_path / "a.png", transparency=key)
    result = resolve("a.png").image()
    assert result.mode == {"RGB": "RGBA", "L": "LA"}[mode]
    assert result.getpixel((6, 8))[-1] == 0 and result.getpixel((0, 0))[-1] == 255


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "bmp", "jp2"])
def test_grey_stays_grey(ending, tmp_path, resolve):
    Image.fromarray(PHOTO).convert("L").save(tmp_path / f"a.{ending}")
    assert resolve(f"a.{ending}").image().mode == "L"


def test_a_grey_palette_and_1_bit_become_grey(tmp_path, resolve):
    Image.fromarray(PHOTO).convert("1").save(tmp_path / "bit.png")
    grey = Image.fromarray(PHOTO).convert("L")
    grey.convert("P").save(tmp_path / "palette.png")
    assert resolve("bit.png").image().mode == resolve("palette.png").image().mode == "L"
    np.testing.assert_array_equal(resolve("palette.png").array(), enlarged(np.asarray(grey)))
    assert set(np.unique(resolve("bit.png").array())) == {0, 255}


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_grey_stays_16_bit(ending, tmp_path, resolve):
    Image.fromarray(DEEP[..., 0]).save(tmp_path / f"a.{ending}")
    result = resolve(f"a.{ending}").image()
    assert result.mode == "I;16"
    np.testing.assert_array_equal(result, enlarged(DEEP[..., 0]))


@pytest.mark.parametrize("alpha", [None, ALPHA.astype(np.uint16) * 257])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("name", ["png", "tiff"])
def test_16_bit_colour_and_alpha_stay_16_bit(name, grey, alpha, tmp_path, resolve):
    ending = FORMATS[name].endings[0]
    save_pixels(tmp_path / f"a{ending}", Pixels(DEEP[..., 0] if grey else DEEP, alpha), name)
    before, result = only_frame(tmp_path / f"a{ending}").pixels, resolve(f"a{ending}")
    after = only_frame(result.path).pixels
    assert after.deep and after.grey == before.grey and not result.notes
    seen = slice(None) if alpha is None else enlarged(alpha) > 0
    np.testing.assert_array_equal(after.channels()[seen], enlarged(before.channels())[seen])
    np.testing.assert_array_equal(before.channels()[..., 0], DEEP[..., 0])


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
def test_16_bit_tiff_of_another_program_stays_16_bit(compression, tmp_path, resolve):
    pytest.importorskip("imagecodecs", reason="LZW needs imagecodecs, which is not installed")
    for name, array, planes in (("a", DEEP, "contig"), ("b", np.moveaxis(DEEP, 2, 0), "separate")):
        options = {"photometric": "rgb", "planarconfig": planes, "compression": compression}
        tifffile.imwrite(tmp_path / f"{name}.tif", array, **options, predictor=compression is not None)
        np.testing.assert_array_equal(tifffile.imread(resolve(f"{name}.tif").path), enlarged(DEEP))


def test_16_bit_colours_without_their_reader_become_8_bit_and_it_is_said(tmp_path, resolve, monkeypatch):
    def refused(page):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    save_pixels(tmp_path / "a.tif", Pixels(DEEP), "tiff")
    monkeypatch.setattr(tifffile.TiffPage, "asarray", refused)
    result = resolve("a.tif")
    assert "its 16 bits become 8, because imagecodecs is missing: `pip install imagecodecs`" in result.notes
    assert np.abs(result.array().astype(int) - enlarged(PHOTO)).max() <= 1


def test_16_bits_are_rounded_once_from_what_the_network_says(tmp_path):
    upscaler = Upscaler(zoo.create("edsr-baseline-x2.blocks1.filters4"))
    result = upscale_pixels(upscaler, Pixels(DEEP)).colour
    exact = upscaler.unrounded(DEEP.astype(np.float32) / 257)
    np.testing.assert_array_equal(result, np.rint(exact * np.float32(257)).clip(0, 65535))
    assert len(np.unique(result)) > 300


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_cmyk_and_lab_become_rgb_and_it_is_said(mode, tmp_path, resolve):
    if mode == "CMYK":
        Image.fromarray(PHOTO).convert("CMYK").save(tmp_path / "a.tif")
    else:
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        ImageCms.profileToProfile(Image.fromarray(PHOTO), *profiles, outputMode="LAB").save(tmp_path / "a.tif")
    result = resolve("a.tif")
    assert result.image().mode == "RGB" and f"{mode} converted to RGB" in result.notes
    assert np.abs(result.array().astype(int) - enlarged(PHOTO)).max() <= 8


def test_floats_are_refused_as_nobody_knows_their_range(tmp_path, resolve):
    Image.fromarray(PHOTO[..., 0].astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a.tif: .*floating-point pixels have no fixed range; convert"):
        resolve("a.tif")


def test_16_bits_in_ppm_stay_if_grey_and_become_8_if_not(tmp_path, resolve):
    for name, kind, array in (("grey.pgm", b"P5", DEEP[..., 0]), ("colour.ppm", b"P6", DEEP)):
        (tmp_path / name).write_bytes(kind + b" 30 20 65535\n" + array.astype(">u2").tobytes())
    np.testing.assert_array_equal(resolve("grey.pgm").array(), enlarged(DEEP[..., 0]))
    assert np.abs(resolve("colour.ppm").array().astype(int) - enlarged(PHOTO)).max() <= 1


# Metadata


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
def test_orientation_is_applied_once_and_the_tag_reset(orientation, ending, tmp_path, resolve):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PHOTO).save(tmp_path / f"a.{ending}", exif=exif, quality=95)
    with Image.open(tmp_path / f"a.{ending}") as image:
        upright = enlarged(np.asarray(ImageOps.exif_transpose(image).convert("RGB")))
    with open_picture(tmp_path / f"a.{ending}") as picture:
        assert picture.upright_size == next(picture.frames()).pixels.size
    result = resolve(f"a.{ending}")
    assert result.image().getexif().get(0x0112, 1) == 1
    shown = np.asarray(ImageOps.exif_transpose(result.image()))
    assert shown.shape == upright.shape
    assert np.abs(shown.astype(int) - upright).mean() <= (3 if ending in ("jpg", "webp") else 0)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "avif"])
@pytest.mark.parametrize("wanted", [None, "png", "tiff", "jpeg", "webp", "avif"])
def test_metadata_are_kept_and_their_sizes_updated(ending, wanted, tmp_path, resolve):
    exif = Image.Exif()
    exif[0x010F], exif[0x0100], exif[0x9003] = "Maker", 30, "2024:05:06 07:08:09"  # in IFD 0, as scripts write it
    exif[0x8769] = {0xA002: 30, 0xA003: 20, 0x829A: 0.5, 0x9003: "2024:05:06 07:08:09"}
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    fields = 'tiff:ImageWidth="30" exif:PixelYDimension="20" dc:title="cat"'
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a {fields}/></x:xmpmeta>'.encode()
    options = {"exif": exif, "icc_profile": icc, "xmp": xmp}
    if ending == "png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    if ending == "tif":
        options["tiffinfo"] = {700: xmp, **{tag: exif[tag] for tag in (0x010F, 0x9003, 0x8769, 0x8825)}}
    Image.fromarray(PHOTO).save(tmp_path / f"a.{ending}", dpi=(300, 300), **options)
    image = resolve(f"a.{ending}", wanted).image()
    kept = image.getexif()
    assert kept[0x010F] == "Maker" and kept.get(0x0100) in (None, 60) and kept[0x9003] == "2024:05:06 07:08:09"
    inner = kept.get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003], inner[0x9003]) == (60, 40, "2024:05:06 07:08:09")
    assert float(inner[0x829A]) == 0.5 and kept.get_ifd(0x8825)[1] == "N"
    assert image.info["icc_profile"] == icc
    kept_xmp = image.info["xmp"]
    kept_xmp = kept_xmp if isinstance(kept_xmp, bytes) else kept_xmp.encode()
    assert b'tiff:ImageWidth="60"' in kept_xmp and b'exif:PixelYDimension="40"' in kept_xmp and b'"cat"' in kept_xmp
    if ending in ("png", "jpg", "tif") and wanted in (None, "png", "jpeg", "tiff"):
        assert [round(float(side)) for side in image.info["dpi"]] == [600, 600]


def test_pngs_texts_and_colour_chunks_jpegs_comment_and_iptc_are_kept(tmp_path, resolve):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ana")
    texts.add_itxt("Title", "Die Küche")
    texts.add(b"gAMA", (45455).to_bytes(4, "big"))
    Image.fromarray(PHOTO).save(tmp_path / "a.png", pnginfo=texts)
    image = resolve("a.png").image()
    assert image.text == {"Author": "Ana", "Title": "Die Küche"} and image.info["gamma"] == 0.45455
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x78\0\x03cat"
    segment = b"\xff\xed" + (len(iptc) + 2).to_bytes(2, "big") + iptc
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg", comment=b"a cat", extra=segment)
    image = resolve("a.jpg").image()
    assert image.info["comment"] == b"a cat" and ("APP13", iptc) in image.applist


def test_16_bit_png_keeps_its_metadata(tmp_path, resolve):
    exif = {0x010F: "Maker", 0x0112: 6}
    save_pixels(tmp_path / "a.png", Pixels(DEEP), metadata=Metadata(exif, dpi=(300, 300), text={"Author": "Ana"}))
    result = resolve("a.png")
    image, pixels = result.image(), only_frame(result.path).pixels
    assert image.getexif()[0x010F] == "Maker" and image.text["Author"] == "Ana"
    assert round(image.info["dpi"][0]) == 600 and image.getexif()[0x0112] == 1
    np.testing.assert_array_equal(pixels.colour, enlarged(np.rot90(DEEP, -1)))


def test_a_16_bit_tiff_is_turned_once(tmp_path, resolve):
    tifffile.imwrite(tmp_path / "a.tif", DEEP, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    path = resolve("a.tif").path
    np.testing.assert_array_equal(tifffile.imread(path), enlarged(np.rot90(DEEP, -1)))
    assert Image.open(path).getexif().get(0x0112, 1) == 1


def test_a_16_bit_grey_tiff_whose_white_is_zero_is_read_right(tmp_path, resolve):
    tifffile.imwrite(tmp_path / "a.tif", 65535 - DEEP[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(resolve("a.tif").array(), enlarged(DEEP[..., 0]))


def test_a_colour_profile_of_another_colour_space_is_left_out(tmp_path, resolve):
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"CMYK"
    Image.fromarray(PHOTO).convert("CMYK").save(tmp_path / "a.jpg", icc_profile=bytes(profile))
    assert "icc_profile" not in resolve("a.jpg").image().info


@pytest.mark.parametrize(
    "damaged",
    [
        b"MM\0\x80\0\0\0\x08\0\0",  # of no byte order
        # A place on the map and a place of the subject that are fractions: no lists of numbers.
        b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIIIII", 33550, 5, 1, 26, 0, 7, 2),
        b"II*\0\x08\0\0\0\1\0"
        + struct.pack("<HHIII", 0x8769, 4, 1, 26, 0)
        + struct.pack("<HHHIIIII", 1, 0x9214, 5, 1, 44, 0, 7, 2),
    ],
)
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_damaged_exif_is_left_out_and_said(damaged, ending, tmp_path, resolve):
    Image.fromarray(PHOTO).save(tmp_path / f"a.{ending}", exif=b"Exif\0\0" + damaged)
    result = resolve(f"a.{ending}")
    assert "its EXIF is damaged and left out" in result.notes
    assert "exif" not in result.image().info and result.image().size == (2 * PHOTO.shape[1], 2 * PHOTO.shape[0])


def test_an_orientation_of_no_kind_is_none(tmp_path, resolve):
    said = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHI4sI", 0x0112, 2, 2, b"6", 0)
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + said)
    assert resolve("a.jpg").image().size == (2 * PHOTO.shape[1], 2 * PHOTO.shape[0])


@pytest.mark.parametrize("tag", [(34675, "H", 1, 3, True), (700, "I", 2, (3, 4), True), (254, "d", 1, 1.5, True)])
def test_fields_of_a_tiff_that_are_of_no_kind_are_none(tag, tmp_path, resolve):
    tifffile.imwrite(tmp_path / "a.tif", PHOTO, photometric="rgb", metadata=None, extratags=[tag])
    assert resolve("a.tif").image().size == (2 * PHOTO.shape[1], 2 * PHOTO.shape[0])


def test_what_a_format_cannot_hold_is_said(tmp_path, resolve):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(PHOTO).save(tmp_path / "a.png", icc_profile=icc)
    assert "GIF holds no ICC" in resolve("a.png", "gif").notes


# Formats


def test_jpeg_is_written_at_quality_95_without_halving_colours(tmp_path, resolve):
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg", quality=50)
    image = resolve("a.jpg").image()
    assert {(across, down) for _, across, down, _ in image.layer} == {(1, 1)}
    reference = io.BytesIO()
    Image.fromarray(PHOTO).save(reference, "JPEG", quality=95)
    assert image.quantization == Image.open(reference).quantization


def test_the_ending_stays_as_it_was(tmp_path, resolve):
    Image.fromarray(PHOTO).save(tmp_path / "A.JPEG")
    assert resolve("A.JPEG").path.name == "A.JPEG" and resolve("A.JPEG", "png").path.name == "A.png"


def test_a_lossless_webp_stays_lossless(tmp_path, resolve):
    still = Image.fromarray(PHOTO)
    # A chunk of odd length has a byte more; a frame's place and duration come before its pixels.
    for more in ({"icc_profile": b"odd"}, {"save_all": True, "append_images": [Image.fromarray(PHOTO[::-1])]}):
        for lossless in (True, False):
            still.save(tmp_path / "more.webp", lossless=lossless, **more)
            with open_picture(tmp_path / "more.webp") as picture:
                assert picture.lossless == lossless
    still.save(tmp_path / "a.webp", lossless=True)
    np.testing.assert_array_equal(resolve("a.webp").array(), enlarged(PHOTO))


@pytest.mark.parametrize("ending", ["tga", "pcx", "ppm", "ico"])
def test_a_format_that_is_not_written_becomes_png_and_it_is_said(ending, tmp_path, resolve):
    Image.fromarray(PHOTO[:16, :16]).save(tmp_path / f"a.{ending}")
    result = resolve(f"a.{ending}")
    assert result.path.suffix == ".png" and any("is not written; written as PNG" in note for note in result.notes)


@pytest.mark.parametrize(
    ("wanted", "pixels", "note"),
    [
        ("jpeg", Pixels(PHOTO, ALPHA), "JPEG holds no transparency; written as PNG"),
        ("webp", Pixels(DEEP), "WEBP holds no 16 bits; written as PNG"),
        ("webp", Pixels(np.zeros((2, 9000), np.uint8)), "WEBP holds no sides above 16383 pixels; written as PNG"),
    ],
)
def test_what_the_wanted_format_cannot_hold_becomes_png_and_it_is_said(wanted, pixels, note, tmp_path, resolve):
    save_pixels(tmp_path / "a.png", pixels)
    result = resolve("a.png", wanted)
    assert result.path.suffix == ".png" and note in result.notes


@pytest.mark.parametrize(("ending", "module"), [("heic", "pillow_heif"), ("jxl", "pillow_jxl")])
def test_heif_and_jpeg_xl_are_read_with_their_plugins(ending, module, tmp_path, resolve):
    plugin = pytest.importorskip(module, reason=f"{ending} needs {module}, which is not installed")
    getattr(plugin, "register_heif_opener", lambda: None)()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    large = np.ascontiguousarray(data.chelsea()[:64, :96])
    Image.fromarray(large).save(tmp_path / f"a.{ending}", exif=exif.tobytes(), quality=95)
    result = resolve(f"a.{ending}")
    assert result.path.suffix == {"heic": ".heic", "jxl": ".png"}[ending]
    assert result.image().size == (192, 128)
    assert result.image().getexif().get(0x010F) == "Maker"
    assert np.abs(result.array().astype(int) - enlarged(large)).mean() < 4


def test_of_a_phones_picture_with_a_second_one_inside_the_first_is_taken(tmp_path, resolve):
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.fromarray(PHOTO[:5])])
    result = resolve("a.jpg")
    assert result.image().format == "JPEG" and result.image().size == (60, 40)
    assert "of several pictures in it the first is upscaled" in result.notes


# Sizes


@pytest.mark.parametrize("shape", [(1, 1), (1, 30_000), (30_000, 1), (3, 15_000)])
def test_extreme_sizes_are_upscaled(shape, tmp_path, resolve):
    array = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    Image.fromarray(array).save(tmp_path / "a.png")
    np.testing.assert_array_equal(resolve("a.png").array(), enlarged(array))


# Any picture


@strategies.composite
def any_pixels(draw):
    """Pixels of any kind and size."""
    dtype = draw(strategies.sampled_from([np.uint8, np.uint16]))
    height, width = draw(strategies.integers(1, 12)), draw(strategies.integers(1, 12))
    channels = draw(strategies.integers(1, 4))
    array = draw(arrays.arrays(dtype, (height, width, channels), fill=strategies.integers(0, np.iinfo(dtype).max)))
    alpha = array[..., -1] if channels in (2, 4) else None
    return Pixels(array[..., 0] if channels < 3 else array[..., :3], alpha)


ANY = hypothesis.settings(
    max_examples=60, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)


@ANY
@hypothesis.given(pixels=any_pixels(), wanted=strategies.sampled_from(["png", "tiff"]))
def test_any_picture_comes_back_of_its_kind_and_size_and_equal(pixels, wanted, tmp_path, resolve):
    save_pixels(tmp_path / "a.png", pixels)
    result = only_frame(resolve("a.png", wanted).path).pixels
    if wanted == "tiff" and pixels.deep and pixels.grey and pixels.alpha is not None:
        pixels = pixels.in_colour()
    assert (result.grey, result.deep, result.size) == (
        pixels.grey,
        pixels.deep,
        tuple(2 * side for side in pixels.size),
    )
    seen = slice(None) if pixels.alpha is None else pixels.alpha > 0
    np.testing.assert_array_equal(result.colour[::2, ::2][seen], pixels.colour[seen])
    if pixels.alpha is None:
        assert result.alpha is None
    else:
        np.testing.assert_array_equal(result.alpha, enlarged(pixels.alpha))


@pytest.fixture(scope="module")
def tiny():
    return Upscaler(zoo.create("edsr-baseline-x2.blocks1.filters4"), memory=100_000)


@ANY
@hypothesis.given(pixels=any_pixels())
def test_with_a_network_any_picture_equals_the_plain_path(pixels, tiny):
    result = upscale_pixels(tiny, pixels)
    eight = pixels.in_8_bits().in_colour()
    assert result.size == tuple(2 * side for side in pixels.size)
    assert (result.grey, result.deep, result.alpha is None) == (pixels.grey, pixels.deep, pixels.alpha is None)
    if pixels.alpha is None and not pixels.deep:
        plain = tiny(eight.colour)
        if pixels.grey:
            plain = np.asarray(Image.fromarray(plain).convert("L"))
        near = np.abs(result.colour.astype(int) - plain) <= pixels.grey  # luma is rounded once, or twice
        assert np.all(near | (result.colour == enlarged(pixels.colour)))  # areas of one colour are kept
    elif pixels.alpha is not None:
        low, high = pixels.alpha.min(), pixels.alpha.max()
        assert result.alpha.min() >= low and result.alpha.max() <= high
