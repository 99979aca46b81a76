"""Metadata that speak of pixels speak of the result's pixels, or are left out."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageSequence

from srzoo.pictures.animations import Playing
from srzoo.pictures.formats import FORMATS
from srzoo.pictures.geotiff import placed
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Pixels
from srzoo.pictures.reading import Frame
from srzoo.pictures.writing import write_frames

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
SCALE = (33550, "d", 3, (10.0, 20.0, 0.0), True)
POINTS = (33922, "d", 12, (0, 0, 0, 5e5, 4e6, 0, 8, 6, 0, 5e5 + 80, 4e6 - 120, 0), True)
DIRECTORY = (34735, "H", 8, (1, 1, 0, 1, 1025, 0, 1, 1), True)


def tags_of(path):
    with tifffile.TiffFile(path) as file:
        return {tag.code: tag.value for tag in file.pages[0].tags}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_geotiffs_pixels_measure_half_as_much_and_lie_where_they_lay(kind, tmp_path, resolve):
    tifffile.imwrite(tmp_path / "a.tif", RGB.astype(kind), photometric="rgb", extratags=[SCALE, POINTS, DIRECTORY])
    tags = tags_of(resolve("a.tif").path)
    assert tags[33550] == (5.0, 10.0, 0.0) and tags[34735] == DIRECTORY[3]
    assert tags[33922] == (0, 0, 0, 5e5, 4e6, 0, 16, 12, 0, 5e5 + 80, 4e6 - 120, 0)


@pytest.mark.parametrize(("raster_type", "shift"), [(1, 0), (2, 0.5)])
def test_the_same_ground_is_found_through_a_transformation_by_areas_and_by_centres(raster_type, shift):
    matrix = np.array([[10, 1, 0, 5e5], [2, -20, 0, 4e6], [0, 0, 0, 0], [0, 0, 0, 1]])
    fields = {34264: tuple(matrix.ravel()), 34735: (1, 1, 0, 1, 1025, 0, 1, raster_type)}
    enlarged = np.reshape(placed(fields, (2, 2))[34264], (4, 4))
    # The centre of the first small pixel is the corner that its four large ones share.
    centre = 0.5 - shift
    np.testing.assert_allclose(
        enlarged @ [2 * centre + shift, 2 * centre + shift, 0, 1], matrix @ [centre, centre, 0, 1]
    )


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_map_that_is_turned_loses_its_place_and_it_is_said(orientation, tmp_path, resolve):
    orientation = (274, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb", extratags=[orientation, SCALE, POINTS, DIRECTORY])
    result = resolve("a.tif")
    assert not {33550, 33922, 34735} & tags_of(result.path).keys()
    assert "its place on the map is left out, because the picture is turned" in result.notes


def test_layers_and_other_private_fields_are_left_out_and_it_is_said(tmp_path, resolve):
    extra = [(37724, "B", 2000, bytes(2000), True), (33432, "s", 0, "Ana", True)]
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb", extratags=extra)
    result = resolve("a.tif")
    assert 37724 not in tags_of(result.path) and tags_of(result.path)[33432] == "Ana"
    assert "its private fields 37724 are left out" in result.notes


@pytest.mark.parametrize("options", [{}, {"ome": True, "metadata": {"axes": "YXS", "PhysicalSizeX": 0.1}}])
def test_a_description_that_tells_sizes_is_left_out_and_it_is_said(options, tmp_path, resolve):
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb", **options)
    result = resolve("a.tif")
    assert 270 not in tags_of(result.path)
    assert "its description is left out, because it tells the input's sizes" in result.notes
    for description in ("a cup", "cup"):
        tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb", description=description, metadata=None)
        assert tags_of(resolve("a.tif").path)[270] == description


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_cameras_pixels_and_the_subjects_place_are_those_of_the_result(orientation, tmp_path, resolve):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x8769] = {0xA20E: 4000.0, 0xA20F: 3000.0, 0xA210: 2, 0x9214: (3, 2, 1)}
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif, dpi=(100, 200))
    image = resolve("a.jpg").image()
    assert image.info["dpi"] == ((200, 400) if orientation == 1 else (400, 200))
    inner = image.getexif().get_ifd(0x8769)
    sides = (8000, 6000) if orientation == 1 else (6000, 8000)
    assert (inner[0xA20E], inner[0xA20F]) == sides
    assert inner.get(0x9214) == ((6, 4, 2) if orientation == 1 else None)


def test_directories_within_a_tiff_begin_at_even_places(tmp_path):
    """As TIFF 6.0 has it in section 2; a page before may end at an odd place."""
    exif = Metadata(exif={0x8769: {0x9000: b"0232"}})
    pages = [Frame(Pixels(RGB[:, :width]), exif) for width in range(1, 9)]
    write_frames(tmp_path / "a.tif", pages, FORMATS["tiff"], Playing(len(pages), 0))
    with Image.open(tmp_path / "a.tif") as image:
        assert [page.tag_v2[0x8769] % 2 for page in ImageSequence.Iterator(image)] == [0] * len(pages)


def test_a_panoramas_pixels_are_those_of_the_result(tmp_path, resolve):
    xmp = (
        b'<x:xmpmeta><rdf:Description GPano:FullPanoWidthPixels="40" GPano:CroppedAreaTopPixels="7">'
        b"<GPano:CroppedAreaLeftPixels>3</GPano:CroppedAreaLeftPixels><exif:SubjectArea>\n<rdf:Seq><rdf:li>3</rdf:li>"
        b"</rdf:Seq></exif:SubjectArea></rdf:Description></x:xmpmeta>"
    )
    Image.fromarray(RGB).save(tmp_path / "a.jpg", xmp=xmp)
    assert resolve("a.jpg").image().info["xmp"] == (
        b'<x:xmpmeta><rdf:Description GPano:FullPanoWidthPixels="80" GPano:CroppedAreaTopPixels="14">'
        b"<GPano:CroppedAreaLeftPixels>6</GPano:CroppedAreaLeftPixels></rdf:Description></x:xmpmeta>"
    )


def test_a_result_tells_of_no_video_and_no_second_picture_that_a_phone_put_into_its_file():
    parts = b"""<a GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion='1' GCamera:MicroVideoOffset="99" b="1" """
    parts += b"""hdrgm:Version="1.0" xmpNote:HasExtendedXMP="0A"><GCamera:MicroVideo>1</GCamera:MicroVideo>"""
    parts += b"<Container:Directory>\n<rdf:Seq>...</rdf:Seq>"
    given = Metadata(xmp=parts + b"</Container:Directory></a>")
    assert given.of_result((10, 10), (20, 20), grey=False).xmp == b'<a b="1"></a>'


@pytest.mark.parametrize("beginning", [b"<exif:SubjectArea>", b"<Container:Directory>"])
def test_xmp_that_begins_many_things_and_ends_none_takes_no_hours(beginning):
    given = Metadata(xmp=beginning * (1 << 18))  # took days
    assert given.of_result((10, 10), (20, 20), grey=False).xmp == given.xmp


def test_across_and_down_have_each_their_factor():
    """Which differ by what rounding a size leaves, or more where both sides are asked for."""
    panorama = b'GPano:CroppedAreaLeftPixels="%d" GPano:CroppedAreaTopPixels="%d" tiff:Orientation="%d"'
    given = Metadata({0x8769: {0x9214: (3, 2, 1, 5)}}, xmp=panorama % (3, 7, 6))
    result = given.of_result((10, 10), (20, 30), grey=False)
    assert result.exif == {0x8769: {0x9214: (6, 6, 2, 15)}} and result.xmp == panorama % (6, 21, 1)


def test_a_comment_that_is_longer_than_a_segment_of_jpeg_is_left_out_there(tmp_path, resolve):
    Image.fromarray(RGB).quantize(16).save(tmp_path / "a.gif", comment=b"c" * 70_000)
    result = resolve("a.gif", "jpeg")
    assert "a comment of more than 64 kB left out, which JPEG does not hold" in result.notes
    assert result.image().size == (16, 12)


@pytest.mark.parametrize("what", ["exif", "xmp"])
def test_what_is_longer_than_a_segment_of_jpeg_is_left_out_there_and_it_is_said(what, tmp_path, resolve):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x8769] = {0x9286: b"ASCII\0\0\0" + b"a prompt, " * 9000 * (what == "exif")}
    xmp = b"<x:xmpmeta>" + b"a" * 70_000 * (what == "xmp") + b"</x:xmpmeta>"
    Image.fromarray(RGB).save(tmp_path / "a.webp", exif=exif, xmp=xmp, lossless=True)
    result = resolve("a.webp", "jpeg")
    assert f"{what.upper()} of more than 64 kB left out, which JPEG does not hold" in result.notes
    image = result.image()
    assert image.format == "JPEG" and (image.getexif().get(0x010F) == "Maker") == (what == "xmp")
    assert ("xmp" in image.info) == (what == "exif")
