"""Pictures of unusual kinds, read as other decoders read them, or refused. Where no file of another program would do,
the expected pixels are what the file's own bytes say; two values are Chromium's, and said to be."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from srzoo.images import ImageError
from srzoo.pictures.formats import output_format
from srzoo.pictures.png import png_chunk
from srzoo.pictures.reading import open_picture, read_image

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 7, 3), np.uint8)


def frames(path):
    with open_picture(path) as picture:
        return [frame.pixels for frame in picture.frames()]


def png(depth, kind, rows, chunks=b""):
    """A PNG file of rows of packed bytes."""
    width = len(rows[0]) * 8 // depth // {0: 1, 2: 3}[kind]
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + chunks + data + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_grey_of_a_png_is_found_at_every_depth(depth, tmp_path):
    most = 2**depth - 1
    levels = np.arange(16) % (most + 1)
    packed = int("".join(f"{level:0{depth}b}" for level in levels), 2).to_bytes(2 * depth, "big")
    (tmp_path / "a.png").write_bytes(png(depth, 0, [packed] * 2, png_chunk(b"tRNS", struct.pack(">H", 1))))
    (pixels,) = frames(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels.alpha[0] == 0, levels == 1)
    scale = np.iinfo(pixels.colour.dtype).max // most if depth < 16 else 1
    np.testing.assert_array_equal(pixels.colour[1], levels * scale)


def test_the_transparent_colour_of_a_png_of_16_bits_is_that_of_all_three_channels(tmp_path):
    row = np.array([[1, 2, 3], [1, 2, 4], [256, 2, 3]], ">u2")
    (tmp_path / "a.png").write_bytes(png(16, 2, [row.tobytes()], png_chunk(b"tRNS", row[0].tobytes())))
    (pixels,) = frames(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels.colour[0], row)
    assert pixels.alpha[0].tolist() == [0, 65535, 65535]


def bmp(width, height, bits, data, compression, header=40, masks=(0, 0, 0, 0), palette=b""):
    """A BMP file."""
    fields = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 0, 0, 0, 0)
    fields = (fields + struct.pack("<4I", *masks)).ljust(header, b"\0")[:header]
    start = 14 + header + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + fields + palette + data


@pytest.mark.parametrize("ending", ["bmp", "dib"])
@pytest.mark.parametrize("bits", [4, 8])
def test_runs_in_a_bmp_are_decoded(bits, ending, tmp_path):
    palette = b"".join(bytes([level, 2 * level, 255 - level, 0]) for level in range(16)) * 4 ** (bits - 4 >> 1)
    lowest = {
        4: b"\x04\x12\x00\x05\x34\x50\x70\x00",  # 1 2 1 2, then 3 4 5 0 7 and a byte to an even place
        8: b"\x02\x01\x02\x02\x00\x05\x03\x04\x05\x00\x07\x00",  # 1 1 2 2, then 3 4 5 0 7 and one byte more
    }[bits] + b"\0\0"
    middle = {4: b"\x03\xab\0\x02\x02\0\x02\xc0", 8: b"\x03\x0a\0\x02\x02\0\x01\x0c"}[bits]  # two pixels further
    start = 14 * (ending == "dib")
    content = bmp(9, 3, bits, lowest + middle + b"\0\1", bits // 4, palette=palette)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content[start:])
    expected = np.zeros((3, 9), np.uint8)  # as libvips has what is not said
    expected[1:] = [[10, 11, 10, 0, 0, 12, 0, 0, 0], [1, 2, 1, 2, 3, 4, 5, 0, 7]]
    if bits == 8:
        expected[1:, :4] = [[10, 10, 10, 0], [1, 1, 2, 2]]
    (pixels,) = frames(path)
    np.testing.assert_array_equal(pixels.colour, np.stack([255 - expected, 2 * expected, expected], axis=2))
    path.write_bytes(bmp(9, 3, bits, lowest, bits // 4, palette=palette)[start:])
    with pytest.raises(ImageError, match="truncated"):
        frames(path)


@pytest.mark.parametrize(("bits", "count"), [(4, 2), (4, 16), (8, 2), (8, 256)])
def test_runs_of_greys_in_a_bmp_are_decoded(bits, count, tmp_path):
    levels = (0, 255) if count == 2 else range(count)
    palette = b"".join(bytes([level, level, level, 0]) for level in levels)
    last = count - 1
    runs = bytes([3, last * (17 if bits == 4 else 1), 2, 0, 0, 1])
    content = bytearray(bmp(5, 1, bits, runs, {4: 2, 8: 1}[bits], palette=palette))
    content[46:50] = struct.pack("<I", count)
    (tmp_path / "a.bmp").write_bytes(content)
    (tmp_path / "a.dib").write_bytes(content)  # as Windows has it, with BMP's header
    for name in ("a.bmp", "a.dib"):
        assert frames(tmp_path / name)[0].colour.tolist() == [[levels[last]] * 3 + [0] * 2]


@pytest.mark.parametrize(
    ("bits", "compression", "masks", "headers"),
    [
        (16, 3, (0x7C00, 0x3E0, 0x1F, 0x8000), (56, 108, 124)),
        (32, 3, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (56, 108, 124)),
        # Chromium takes it here too, but for the oldest header.
        (32, 0, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (108, 124)),
    ],
)
@pytest.mark.parametrize("ending", ["bmp", "dib"])
@pytest.mark.parametrize("height", [4, -4])
def test_alpha_of_a_bmps_mask_is_kept(bits, compression, masks, headers, ending, height, tmp_path):
    stored = RNG.integers(0, 2**bits, (4, 6), np.uint64).astype(f"<u{bits // 8}")
    for header in headers:
        content = bmp(6, height, bits, stored.tobytes(), compression, header, masks)
        (tmp_path / f"a.{ending}").write_bytes(content[14 * (ending == "dib") :])
        with open_picture(tmp_path / f"a.{ending}") as picture:
            assert picture.transparent
            pixels = next(picture.frames()).pixels
        shown = stored[::-1] if height > 0 else stored
        for index, mask in enumerate(masks):
            values = (shown & mask) / mask * 255
            np.testing.assert_allclose(pixels.channels()[..., index], values, atol=1)
        np.testing.assert_array_equal(pixels.alpha == 0, (shown & masks[3]) == 0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize(("bands", "extra"), [(4, [0]), (5, [0, 0]), (5, [2, 0]), (6, [0, 0, 0])])
def test_bands_of_a_tiff_that_are_not_transparency_are_refused(kind, bands, extra, tmp_path):
    array = RNG.integers(0, 256, (6, 7, bands)).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", extrasamples=extra)
    for read in (frames, read_image):
        with pytest.raises(ImageError, match=rf"{bands} bands|{bands} band\(s\) of {np.dtype(kind)}, RGB"):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("layers", [None, 1, -1])
def test_the_fourth_channel_of_a_psd_is_alpha_only_if_it_says_so(layers, tmp_path):
    header = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 4, *RGB.shape[:2], 8, 3)
    told = struct.pack(">IIh", 6, 2, layers) if layers else bytes(4)
    mask = RGB[..., :1] // 2
    content = np.moveaxis(np.concatenate([RGB, mask], axis=2), 2, 0).tobytes()
    (tmp_path / "a.psd").write_bytes(header + bytes(8) + told + b"\0\0" + content)
    with open_picture(tmp_path / "a.psd") as picture:
        (frame,) = picture.frames()
        assert picture.transparent == frame.pixels.transparent == (layers == -1)
        assert (picture.notes[-1] == "its fourth channel is left out, because it is not transparency") == (layers != -1)
    np.testing.assert_array_equal(frame.pixels.channels(), np.concatenate([RGB, mask][: 1 + (layers == -1)], axis=2))


def test_what_a_jpeg_2000_tells_of_its_bands_counts(tmp_path):
    path, rgba = tmp_path / "a.jp2", np.tile(np.concatenate([RGB, RGB[..., :1]], axis=2), (4, 4, 1))
    Image.fromarray(rgba).save(path, irreversible=False)
    np.testing.assert_array_equal(frames(path)[0].channels(), rgba)
    content = path.read_bytes()
    codestream, text = content.index(b"jp2c") - 4, b"<id>89abcdef</id>"
    box = struct.pack(">I4s", 8 + len(text), b"xml ") + text  # which names the box of channels by chance
    path.write_bytes(content[:codestream] + box + content[codestream:])
    np.testing.assert_array_equal(frames(path)[0].channels(), rgba)
    path.write_bytes(content.replace(b"\0\3\0\1\0\0", b"\0\3\xff\xff\xff\xff"))
    for read in (frames, read_image):
        with pytest.raises(ImageError, match="the last of its 4 bands is no transparency"):
            read(path)
    signs = content.index(b"\xff\x4f\xff\x51") + 42
    path.write_bytes(content[:signs] + bytes([content[signs] | 128]) + content[signs + 1 :])
    with pytest.raises(ImageError, match="signed integers have no known black and white"):
        frames(path)
    count = content.index(b"ihdr") + 12
    path.write_bytes(content[:count] + b"\0\5" + content[count + 2 :])
    with pytest.raises(ImageError, match="a JPEG 2000 that is damaged or of more than four bands"):
        frames(path)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (np.int8, "int8|signed integers have no known black and white"),
        (np.int16, "signed integers have no known black and white"),
        (np.int32, "signed integers have no known black and white"),
        (np.uint32, "32-bit integer pixels have no known range"),
        (np.float16, "1 band.s. of float16"),
        (np.float32, "floating-point pixels have no fixed range"),
    ],
)
def test_numbers_of_no_known_range_are_refused_by_every_way_of_reading(kind, reason, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RGB[..., 0].astype(kind), photometric="minisblack")
    for read in (frames, read_image):
        with pytest.raises(ImageError, match=reason):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize(("kind", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_every_way_of_reading_takes_white_for_zero_where_the_tiff_says_so(kind, white, tmp_path):
    grey = RGB[..., 0].astype(kind) * (white // 255)
    tifffile.imwrite(tmp_path / "a.tif", white - grey, photometric="miniswhite")
    np.testing.assert_array_equal(frames(tmp_path / "a.tif")[0].colour, grey)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), np.repeat(RGB[..., :1], 3, axis=2))


def test_12_bits_of_a_tiff_reach_white(tmp_path):
    levels = [0, 1, 2048, 4095]
    packed = int("".join(f"{level:012b}" for level in levels), 2).to_bytes(6, "big")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((1, 4), np.uint16), photometric="minisblack")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        bits, place = page.tags["BitsPerSample"].valueoffset, page.dataoffsets[0]
        count = page.tags["StripByteCounts"].valueoffset
    content[bits : bits + 2], content[place : place + 6] = struct.pack("<H", 12), packed
    content[count : count + 2] = struct.pack("<H", 6)
    (tmp_path / "a.tif").write_bytes(content)
    np.testing.assert_allclose(frames(tmp_path / "a.tif")[0].colour[0], np.array(levels) * 65535 / 4095, atol=0.51)


def test_smaller_copies_and_masks_in_a_tiff_are_no_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(RGB[::3, ::3], photometric="rgb", subfiletype=1)
        file.write(RGB, photometric="rgb")
        file.write(RGB[::2, ::2], photometric="rgb", subfiletype=1)
        file.write(RGB[::2, ::2], photometric="rgb", extratags=[(255, "H", 1, 2, True)])
        file.write(RGB[..., 0] > 100, photometric="minisblack", subfiletype=4)
    with open_picture(tmp_path / "a.tif") as picture:
        assert picture.count == 1 and picture.size == (7, 6)
        assert picture.notes == ["its smaller copies and masks are left out"]
    np.testing.assert_array_equal(frames(tmp_path / "a.tif")[0].colour, RGB)
    tifffile.imwrite(tmp_path / "b.tif", RGB, photometric="rgb", subfiletype=1)
    with pytest.raises(ImageError, match="only small copies of a picture, as RAW files do"):
        frames(tmp_path / "b.tif")


def test_each_page_of_a_tiff_of_16_bits_has_its_own_pixels(tmp_path):
    pages = np.stack([RGB, RGB[::-1]]).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="rgb")
    np.testing.assert_array_equal([page.colour for page in frames(tmp_path / "a.tif")], pages)


def test_colours_that_a_tiff_of_16_bits_has_multiplied_by_alpha_are_divided_again(tmp_path):
    rgba = np.full((6, 7, 4), (15000, 30000, 0, 30000), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["assocalpha"])
    (pixels,) = frames(tmp_path / "a.tif")
    np.testing.assert_allclose(pixels.colour, np.full_like(RGB, (127, 255, 0)), atol=1)


def test_what_a_tiff_holds_that_is_not_known_is_named(tmp_path):
    grey = np.stack([RGB[..., 0], RGB[..., 1]], axis=2).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="minisblack", extrasamples=[2], planarconfig="contig")
    with pytest.raises(ImageError, match=r"2 band\(s\) of uint16, MINISBLACK, NONE; save it as grey or RGB"):
        frames(tmp_path / "a.tif")


def gif(width, height, parts, background=1):
    """A GIF file of four colours; of each part its place, indices, way of disposal (None: not said) and clear index."""
    palette = bytes([250, 0, 0, 0, 250, 0, 0, 0, 250, 90, 90, 90])
    content = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x81, background, 0) + palette
    for left, top, indices, disposal, key in parts:
        flags = (disposal or 0) << 2 | (key is not None)
        content += b"" if disposal is None else b"!\xf9\x04" + struct.pack("<BHBB", flags, 5, key or 0, 0)
        content += b"," + struct.pack("<4HB", left, top, *indices.shape[::-1], 0) + b"\x02"
        # Three bits a code: 4 clears the table before each index, so it never grows; 5 is the end.
        codes = [code for index in indices.flat for code in (4, int(index))] + [5]
        number = sum(code << 3 * place for place, code in enumerate(codes))
        data = number.to_bytes(-(-3 * len(codes) // 8), "little")
        content += b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255))
        content += b"\0"
    return content + b";"


def test_what_no_frame_of_a_gif_has_drawn_is_clear(tmp_path):
    part = np.array([[0, 1], [2, 3]])
    (tmp_path / "still.gif").write_bytes(gif(4, 3, [(1, 0, part, 0, None)]))
    with open_picture(tmp_path / "still.gif") as picture:
        assert picture.transparent
        pixels = next(picture.frames()).pixels
    drawn = np.zeros((3, 4), bool)
    drawn[:2, 1:3] = True
    np.testing.assert_array_equal(pixels.alpha, 255 * drawn)
    np.testing.assert_array_equal(pixels.colour[0, 1:3], [[250, 0, 0], [0, 250, 0]])


@pytest.mark.parametrize("size", [(4, 3), (0, 0)])
def test_a_first_frame_of_a_gif_that_reaches_beyond_it_makes_it_larger(size, tmp_path):
    """As Chromium has it."""
    part = np.array([[0, 1], [2, 3]])
    (tmp_path / "a.gif").write_bytes(gif(*size, [(3, 2, part, 0, None)]))
    with open_picture(tmp_path / "a.gif") as picture:
        (frame,) = picture.frames()
        assert picture.size == frame.pixels.size == (5, 4)
    assert frame.pixels.colour[3, 3].tolist() == [0, 0, 250] and frame.pixels.alpha.sum() == 4 * 255


def test_frames_of_a_gif_are_disposed_of_as_browsers_do(tmp_path):
    one, corner = np.ones((3, 4), int), np.array([[0, 2], [2, 0]])
    parts = [(0, 0, one, 1, None), (0, 0, corner, 3, 2), (2, 1, corner, 2, None), (0, 2, corner[:1], 0, None)]
    (tmp_path / "a.gif").write_bytes(gif(4, 3, parts))
    first, second, third, fourth = frames(tmp_path / "a.gif")
    assert np.all(first.colour == (0, 250, 0)) and np.all(first.alpha == 255)
    assert second.colour[0, 0].tolist() == [250, 0, 0] and second.colour[0, 1].tolist() == [0, 250, 0]
    np.testing.assert_array_equal(third.colour[:2, :2], first.colour[:2, :2])  # what was there before has come back
    assert third.colour[1, 3].tolist() == [0, 0, 250]
    np.testing.assert_array_equal(fourth.alpha[1:, 2:], 0)  # what was drawn is cleared
    assert np.all(fourth.alpha[:, :2] == 255)


def test_what_a_gif_says_of_one_frame_does_not_hold_for_the_next(tmp_path):
    one = np.ones((3, 4), int)
    (tmp_path / "a.gif").write_bytes(gif(4, 3, [(0, 0, one, 2, 1), (0, 0, one, None, None), (0, 0, one, 1, 1)]))
    assert [frame.alpha.mean() for frame in frames(tmp_path / "a.gif")] == [0, 255, 255]


@pytest.mark.parametrize("ending", ["avif", "webp", "jpg", "png", "tif"])
def test_an_orientation_that_stands_in_xmp_alone_is_not_applied(ending, tmp_path):
    """As browsers and libvips have it: of AVIF only irot and imir count, of the others EXIF."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    options = {"tiffinfo": {700: xmp}} if ending == "tif" else {"xmp": xmp}
    Image.fromarray(RGB).save(tmp_path / f"a.{ending}", **options)
    if ending == "png":
        content = (tmp_path / "a.png").read_bytes()
        text = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
        (tmp_path / "a.png").write_bytes(content[:33] + text + content[33:])
    with open_picture(tmp_path / f"a.{ending}") as picture:
        assert picture.upright_size == (7, 6)  # by which results are planned, before it is read
    assert frames(tmp_path / f"a.{ending}")[0].size == (7, 6)
    assert read_image(tmp_path / f"a.{ending}").shape == (6, 7, 3)


def test_an_orientation_in_a_jpeg_xls_exif_is_not_applied(tmp_path):
    """As libvips has it: what a JPEG XL itself says has been applied when it is decoded."""
    pytest.importorskip("pillow_jxl", reason="JPEG XL needs pillow_jxl, which is not installed")
    exif = Image.Exif()
    exif.update({0x0112: 6, 282: 300.0, 283: 100.0})
    Image.fromarray(RGB).save(tmp_path / "a.jxl", lossless=True, exif=exif.tobytes())
    with open_picture(tmp_path / "a.jxl") as picture:
        assert picture.upright_size == (7, 6)
        of_result = next(picture.frames()).metadata.of_result((7, 6), (14, 12), grey=False)
    assert [of_result.exif[tag] for tag in (282, 283)] == [600, 200]
    np.testing.assert_array_equal(frames(tmp_path / "a.jxl")[0].colour, RGB)


def test_a_jpeg_of_scans_without_end_is_refused(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg", progressive=True)
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[:-2] + content[content.rindex(b"\xff\xda") : -2] * 300 + content[-2:])
    for read in (frames, read_image):
        with pytest.raises(ImageError, match="more than 200 scans, each of which takes time"):
            read(tmp_path / "a.jpg")


def test_a_jpeg_with_a_phones_video_behind_it_is_read(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg")
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(250 * (b"\xff\xda" + bytes(1 << 14)))  # markers by chance, four times as often as they would be
    assert read_image(tmp_path / "a.jpg").shape == RGB.shape


def with_code_points(ending, primaries, transfer):
    written = io.BytesIO()
    Image.fromarray(np.tile(RGB, (4, 4, 1))).save(written, ending.upper())
    content = written.getvalue()
    if ending == "png":
        return content[:33] + png_chunk(b"cICP", bytes([primaries, transfer, 0, 1])) + content[33:]
    place = content.find(b"colrnclx") + 8
    return content[:place] + struct.pack(">HH", primaries, transfer) + content[place + 4 :]


@pytest.mark.parametrize("ending", ["png", "avif"])
@pytest.mark.parametrize(("primaries", "transfer"), [(12, 13), (9, 16)])
def test_colours_told_by_code_points_are_kept_and_then_in_png(ending, primaries, transfer, tmp_path):
    (tmp_path / f"a.{ending}").write_bytes(with_code_points(ending, primaries, transfer))
    with open_picture(tmp_path / f"a.{ending}") as picture:
        assert next(picture.frames()).metadata.chunks[b"cICP"] == bytes([primaries, transfer, 0, 1])
        for wanted in (None, "jpeg", "avif", "tiff"):
            format_, notes = output_format(picture, wanted, 2)
            assert format_.name == "PNG"
            assert (wanted or ending) == "png" or "holds no colours told by code points" in notes[0]


def test_code_points_of_srgb_need_not_be_kept(tmp_path):
    (tmp_path / "a.png").write_bytes(with_code_points("png", 1, 13))
    with open_picture(tmp_path / "a.png") as picture:
        assert output_format(picture, "jpeg", 2)[0].name == "JPEG"


@pytest.mark.parametrize(("transfer", "refused"), [(13, False), (16, True), (18, True)])
def test_high_dynamic_range_is_not_trained_on(transfer, refused, tmp_path):
    (tmp_path / "a.png").write_bytes(with_code_points("png", 9, transfer))
    if refused:
        with pytest.raises(ImageError, match="high dynamic range"):
            read_image(tmp_path / "a.png")
    else:
        assert read_image(tmp_path / "a.png").shape == (24, 28, 3)


def test_profiles_and_texts_of_a_png_may_have_more_than_a_megabyte(tmp_path):
    profile, text = RNG.bytes(1_500_000), "{workflow} " * 150_000
    chunks = png_chunk(b"iCCP", b"a\0\0" + zlib.compress(profile))
    chunks += png_chunk(b"zTXt", b"workflow\0\0" + zlib.compress(text.encode()))
    (tmp_path / "a.png").write_bytes(png(8, 2, [row.tobytes() for row in RGB], chunks))
    with open_picture(tmp_path / "a.png") as picture:
        (frame,) = picture.frames()
    np.testing.assert_array_equal(frame.pixels.colour, RGB)
    assert frame.metadata.icc == profile and frame.metadata.text["workflow"] == text


@pytest.mark.parametrize("read", [frames, read_image])
@pytest.mark.parametrize("content", [None, b"FUJIFILMCCD-RAW 0201", b"not even a picture"])
def test_raw_files_are_refused_as_what_is_read_of_them_is_a_small_copy(tmp_path, read, content):
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb")
    (tmp_path / "a.NEF").write_bytes(content or (tmp_path / "a.tif").read_bytes())
    with pytest.raises(ImageError, match="a.NEF: RAW files are not read, and what is in them is a small copy"):
        read(tmp_path / "a.NEF")


@pytest.mark.parametrize("witness", ["DNG", "sensor", "Canon"])
def test_raw_files_by_another_name_are_refused_too(witness, tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        version = [(50706, "B", 4, bytes([1, 4, 0, 0]), True)] if witness == "DNG" else []
        file.write(RGB, photometric="rgb", extratags=version, subifds=int(witness == "sensor"))
        if witness == "sensor":
            file.write(RGB[..., 0].astype(np.uint16), photometric="cfa")
    if witness == "Canon":
        content = (tmp_path / "a.tif").read_bytes()
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            assert file.pages[0].offset == 8
        # The directory goes to the end, as its place is Canon's mark.
        for mark in (b"CR89", b"CR\2\0"):  # the first is pixels of other programs' files
            moved = b"II*\0" + struct.pack("<I", len(content)) + mark + content[12:] + content[8:]
            (tmp_path / "a.tif").write_bytes(moved)
            if mark == b"CR89":
                np.testing.assert_array_equal(frames(tmp_path / "a.tif")[0].colour, RGB)
    with pytest.raises(ImageError, match="it is a RAW file, of which only a small copy would be read"):
        frames(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"FUJIFILMCCD-RAW 0201", "a RAW file"),
        (b"\0\0\0\x18ftypcrx \0", "a RAW file"),
        (b"IIRO\x08\0\0\0", "a RAW file"),
        (b"%PDF-1.7", "a PDF"),
        (b"<svg xmlns=", "an SVG"),
        (b"\0\0\0\x18ftypisom", "a video"),
        (b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 16, 3), "a PSD that is damaged or not of 8 bits"),
    ],
)
def test_what_is_no_picture_is_called_what_it_is(tmp_path, content, kind):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ImageError, match=f"not an image that can be read .{kind}"):
        frames(tmp_path / "a")


def test_what_is_no_ending_of_any_kind_of_file_is_part_of_the_name(tmp_path):
    path = tmp_path / "Screenshot at 12.30.15"
    Image.fromarray(RGB).save(path, "PNG")
    with open_picture(path) as picture:
        assert output_format(picture, None, 2)[0].named(path).name == "Screenshot at 12.30.15.png"
        assert output_format(picture, "jpeg", 2)[0].named(tmp_path / "a.png").name == "a.jpg"
