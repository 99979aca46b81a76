"""What the page to try networks does with pictures."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.viewing.jobs import Watch
from srzoo.viewing.uploads import Limits, Options, Upload, answer, has_dial, offered, take_upload, upscaler_of


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("large.png", None, "large.png has 40 × 30 pixels, more than the 0.001 million that this page takes"),
        ("heavy.png", bytes(3000), "heavy.png: a file of more than 0.002 MB; make it smaller"),
        ("broken.jpg", b"\xff\xd8\xff no picture", "broken.jpg: not an image that can be read"),
        ("letter.txt", b"Dear all", "letter.txt: not a picture that srzoo reads"),
        ("photo.jxl", b"\xff\x0a and more", "photo.jxl: this page takes no JPEG XL; use resolve_image.py"),
        ("photo.png", b"\xff\x0a and more", "photo.png: this page takes no JPEG XL; use resolve_image.py"),
        ("gone.png", b"", "gone.png was deleted, as nobody used it for some time; drop it again"),
    ],
)
def test_a_bad_upload_is_refused_in_a_sentence(name, content, message, tmp_path):
    path = tmp_path / name
    if content is None:
        write_image(path, np.zeros((30, 40, 3), np.uint8))
    elif content:
        path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        take_upload(path, Limits(pixels=1000, bytes_of_file=2000))
    assert str(caught.value).startswith(message) and str(tmp_path) not in str(caught.value)


def test_frames_and_pages_count_together(tmp_path):
    still = Image.new("L", (40, 30))
    still.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("L", (40, 30), 99)])
    with pytest.raises(ValueError, match=r"^a.gif has 2 frames, together 2400 pixels, more than the 0.0015 million"):
        take_upload(tmp_path / "a.gif", Limits(pixels=1500))
    still.save(tmp_path / "a.tif", save_all=True, append_images=[Image.new("L", (80, 30))])
    with pytest.raises(ValueError, match=r"^a.tif has 2 frames, together 3600 pixels, more than the 0.003 million"):
        take_upload(tmp_path / "a.tif", Limits(pixels=3000))


def test_models_are_offered_with_what_they_are_for_and_auto_first(networks):
    labels = {model: label for label, model in offered()}
    assert next(iter(labels)) == "auto" and labels["auto"].startswith("auto: looks at each picture")
    assert labels["edsr-gan"] == "edsr-gan: sharp to the eye, invents texture" and "edsr-gan-x4" not in labels
    assert offered([networks[0], "edsr-baseline-x2"]) == [
        (networks[0], networks[0]),
        ("edsr-baseline-x2: faithful to the pixels", "edsr-baseline-x2"),
    ]


def test_only_a_model_of_gan_training_whose_partner_ships_has_a_dial(networks):
    found = [has_dial(model) for model in ("edsr-gan", "srgan-x4", "edsr-baseline", "edsr-real", "auto", networks[0])]
    assert found == [True, True, False, True, False, False]


@pytest.mark.slow
def test_the_dial_mixes_weights():
    lr = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    expected = upscaler_of("edsr-baseline", 4)(lr).astype(int)
    assert np.abs(upscaler_of("edsr-gan", 4, 1.0)(lr) - expected).max() <= 1
    assert np.abs(upscaler_of("edsr-gan", 4)(lr) - expected).max() > 5


def given(tmp_path, name, image, **options):
    image.save(tmp_path / name, **options)
    return take_upload(tmp_path / name, Limits())


def answered(tmp_path, uploads, options):
    """The folder of the answer, and what its page's script reads."""
    folder = tmp_path / "answer"
    folder.mkdir()
    answer(uploads, options, folder, Watch())
    page = (folder / "page.html").read_text("utf-8")
    assert not re.search(r"https?://", page)
    return folder, json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


@pytest.mark.slow
def test_auto_says_of_each_picture_what_it_took(tmp_path):
    photo = Image.open(sample_path("coffee.png")).crop((100, 200, 164, 248))
    uploads = [given(tmp_path, "clean.png", photo), given(tmp_path, "damaged.jpg", photo, quality=40)]
    _, data = answered(tmp_path, uploads, Options("auto", 2))
    facts = [picture["facts"] for picture in data["pictures"]]
    assert "edsr-baseline-x2, because it has no damage" in facts[0] and "edsr-real-x2, because it has JPEG" in facts[1]
    assert [(picture["width"], picture["file"]) for picture in data["pictures"]] == [
        (128, "clean_x2.png"),
        (128, "damaged_x2.jpg"),
    ]


def test_the_download_keeps_what_the_picture_holds(networks, tmp_path):
    photo = Image.open(sample_path("coffee.png")).crop((100, 200, 130, 220))
    clear = photo.copy()
    clear.putalpha(photo.convert("L"))
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a cup", 6
    uploads = [
        given(tmp_path, "clear.png", clear),
        given(tmp_path, "turned.jpg", photo, exif=exif),
        given(tmp_path, "deep.png", Image.fromarray(np.full((20, 30), 40_000, np.uint16))),
        given(tmp_path, "moving.gif", photo, save_all=True, append_images=[photo.rotate(180)], duration=70),
        given(tmp_path, "a & b.webp", photo),
    ]
    assert [upload.size for upload in uploads] == [(30, 20), (20, 30), (30, 20), (30, 20), (30, 20)]
    folder, data = answered(tmp_path, uploads, Options(networks[0], 2))
    pictures = data["pictures"]
    assert pictures[4]["content"] == "4/a & b_x2.webp"
    clear_, turned, deep, moving, named = (
        Image.open(folder / str(i) / each["file"]) for i, each in enumerate(pictures)
    )
    assert clear_.mode == "RGBA" and clear_.size == (60, 40)
    assert turned.size == (40, 60) and turned.getexif()[0x010E] == "a cup" and turned.getexif()[0x0112] == 1
    assert deep.mode == "I;16" and moving.format == "GIF" and moving.n_frames == 2 and named.format == "WEBP"
    # What browsers would show otherwise than the network saw it is shown as a still.
    for i, (picture, still) in enumerate(zip(pictures, (True, False, False, True, False))):
        assert picture["after"].endswith("/after.png") == (folder / str(i) / "after.png").exists() == still
        assert Image.open(folder / str(i) / "before.png").size == uploads[i].size
    assert "2 frames" in pictures[3]["facts"]


def test_a_part_is_answered_first_and_tells_how_long_the_whole_takes(networks, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("srzoo.viewing.uploads.PART", (20, 10))
    upload = given(tmp_path, "coffee.jpg", Image.open(photos / "coffee.png"))
    folder, data = answered(tmp_path, [upload], Options(networks[0], 3, part=(0.0, 1.0)))
    (picture,) = data["pictures"]
    assert picture["facts"].startswith("coffee.jpg, 96 × 80, a part of 20 × 10 → 60 × 30, edsr-baseline-x2")
    assert re.search(r"; the whole picture would take about \d+ s$", picture["facts"])
    assert picture["file"] == "coffee_part_x3.png"
    np.testing.assert_array_equal(read_image(folder / "0/before.png"), read_image(upload.path)[70:, :20])


@pytest.mark.parametrize("held_at_most", [10**9, 100])
def test_of_a_result_too_large_to_show_the_middle_is_shown(networks, photos, tmp_path, monkeypatch, held_at_most):
    monkeypatch.setattr("srzoo.viewing.uploads.SHOWN", 20_000)
    monkeypatch.setattr("srzoo.viewing.uploads.PART", (40, 30))
    monkeypatch.setattr("srzoo.upscaling.pictures.LARGE", held_at_most)
    upload = given(tmp_path, "coffee.png", Image.open(photos / "coffee.png"))
    folder, data = answered(tmp_path, [upload], Options(networks[0], 2))
    (picture,) = data["pictures"]
    assert (picture["width"], picture["height"]) == (80, 60)
    assert "→ 192 × 160," in picture["facts"] and "shown is the middle, 80 × 60 pixels of it" in picture["facts"]
    whole, middle = (read_image(folder / "0" / name).astype(int) for name in ("coffee_x2.png", "after.png"))
    assert whole.shape == (160, 192, 3)
    assert np.abs(whole[70:90, 76:116] - middle[20:40, 20:60]).max() <= 1


def test_a_picture_that_fails_is_named_and_the_others_are_answered(networks, photos, tmp_path):
    good = given(tmp_path, "good.png", Image.open(photos / "coffee.png"))
    bad, gone = Upload(tmp_path / "bad.png", (96, 80)), Upload(tmp_path / "gone.png", (96, 80))
    bad.path.write_bytes(good.path.read_bytes()[:300])
    _, found = answered(tmp_path, [bad, good, gone], Options(networks[0], 2))
    assert [picture["name"] for picture in found["pictures"]] == ["good.png"]
    assert found["failures"][0].startswith("bad.png: not an image that can be read")
    assert found["failures"][1] == "gone.png was deleted, as nobody used it for some time; drop it again"
    with pytest.raises(ValueError, match="^bad.png: not an image that can be read"):
        answer([bad], Options(networks[0], 2), tmp_path / "answer" / "1", Watch())
