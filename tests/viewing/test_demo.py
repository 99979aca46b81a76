"""The page to try networks: what it does, and the whole of it in a real browser."""

import base64
import html
import importlib.util
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srzoo.cli.demo import main
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.viewing.trial import Limits, Upload, answer, has_dial, take_upload, upscaler_of

ROOT = Path(__file__).resolve().parents[2]

GRADIO = importlib.util.find_spec("gradio") is not None

needs_gradio = pytest.mark.skipif(not GRADIO, reason="no Gradio here: `pip install 'srzoo[demo]'`")


def quiet(name):
    return iter


def test_an_upload_is_read_and_its_file_is_gone(tmp_path, photos):
    path = tmp_path / "a.PNG"
    path.write_bytes((photos / "coffee.png").read_bytes())
    upload = take_upload(path, Limits())
    assert upload.label == "a.PNG, 96 × 80" and not path.exists()
    assert upload.content == (photos / "coffee.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("large.png", None, "large.png has 40 × 30 pixels, more than the 0.001 million that this page takes"),
        ("broken.jpg", b"\xff\xd8\xff no picture", "broken.jpg: not an image that can be read"),
        ("letter.txt", b"Dear all", "letter.txt: not a picture that srzoo reads"),
        ("photo.jxl", b"\xff\x0a and more", "photo.jxl: this page takes no JPEG XL; use resolve_image.py"),
        ("photo.png", b"\xff\x0a and more", "photo.png: this page takes no JPEG XL; use resolve_image.py"),
    ],
)
def test_a_bad_upload_is_refused_in_a_sentence_and_its_file_is_gone(name, content, message, tmp_path):
    path = tmp_path / name
    if content is None:
        write_image(path, np.zeros((30, 40, 3), np.uint8))
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        take_upload(path, Limits(pixels=1000))
    assert str(caught.value).startswith(message) and str(tmp_path) not in str(caught.value)
    assert not path.exists()


def test_only_a_model_of_the_game_whose_partner_ships_has_a_dial(networks):
    assert [has_dial(model) for model in ("edsr-gan-x4", "edsr-baseline-x4", networks[0])] == [True, False, False]


@pytest.mark.slow
def test_the_dial_mixes_weights():
    lr = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    expected = upscaler_of("edsr-baseline-x4", 0)(lr).astype(int)
    assert np.abs(upscaler_of("edsr-gan-x4", 1.0)(lr) - expected).max() <= 1
    assert np.abs(upscaler_of("edsr-gan-x4", 0.0)(lr) - expected).max() > 5


def test_frames_and_pages_count_together(tmp_path):
    still = Image.new("L", (40, 30))
    still.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("L", (40, 30), 99)])
    with pytest.raises(ValueError, match=r"^a.gif has 2 frames, together 2400 pixels, more than the 0.0015 million"):
        take_upload(tmp_path / "a.gif", Limits(pixels=1500))
    still.save(tmp_path / "a.tif", save_all=True, append_images=[Image.new("L", (80, 30))])
    with pytest.raises(ValueError, match=r"^a.tif has 2 frames, together 3600 pixels, more than the 0.003 million"):
        take_upload(tmp_path / "a.tif", Limits(pixels=3000))


def given(tmp_path, name, image, **options):
    image.save(tmp_path / name, **options)
    return take_upload(tmp_path / name, Limits())


def data_of(page):
    """What the page's script reads; the answer is markup within markup."""
    return json.loads(re.search(r'id="data">(.*?)</script>', html.unescape(page), re.DOTALL)[1])


def file_of(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_an_answer_is_one_page_in_a_box_that_asks_for_nothing(networks, photos, tmp_path):
    upload = given(tmp_path, "a.webp", Image.open(photos / "coffee.png"))
    page = answer([upload], networks[0], 0.0, quiet)
    assert page.startswith("<iframe") and "sandbox=" in page and page.count("<") == 2
    assert not re.search(r"https?://", page)
    (picture,) = data_of(page)["pictures"]
    assert picture["file"] == "a_x2.webp" and picture["after"] == picture["content"]
    assert file_of(picture["content"]).format == "WEBP"


@pytest.mark.slow
def test_auto_says_of_each_picture_what_it_took(tmp_path):
    photo = Image.open(sample_path("coffee.png")).crop((100, 200, 164, 248))
    uploads = [given(tmp_path, "clean.png", photo), given(tmp_path, "damaged.jpg", photo, quality=40)]
    facts = [picture["facts"] for picture in data_of(answer(uploads, "auto", 0.0, quiet))["pictures"]]
    assert "edsr-baseline-x4, as it has no damage" in facts[0] and "edsr-real-x4, as it has JPEG" in facts[1]
    assert not has_dial("auto")


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
    ]
    assert [upload.size for upload in uploads] == [(30, 20), (20, 30), (30, 20), (30, 20)]
    pictures = data_of(answer(uploads, networks[0], 0.0, quiet))["pictures"]
    clear_, turned, deep, moving = (file_of(picture["content"]) for picture in pictures)
    assert clear_.mode == "RGBA" and clear_.size == (60, 40)
    assert turned.size == (40, 60) and turned.getexif()[0x010E] == "a cup" and turned.getexif()[0x0112] == 1
    assert deep.mode == "I;16" and moving.format == "GIF" and moving.n_frames == 2
    # What browsers would show otherwise than the network saw it is shown as a still.
    for picture, still in zip(pictures, (True, False, False, True)):
        assert (picture["after"] != picture["content"]) == still
        assert file_of(picture["after"]).size == (picture["width"], picture["height"])
    assert "2 frames" in pictures[3]["facts"]


def test_a_picture_that_fails_is_named_and_the_others_are_answered(networks, photos, tmp_path):
    good = given(tmp_path, "good.png", Image.open(photos / "coffee.png"))
    bad = Upload("bad.png", good.content[:300], (96, 80))
    found = data_of(answer([bad, good], networks[0], 0.0, quiet))
    assert [picture["name"] for picture in found["pictures"]] == ["good.png"]
    assert len(found["failures"]) == 1 and found["failures"][0].startswith("bad.png: not an image that can be read")
    with pytest.raises(ValueError, match="^bad.png: not an image that can be read"):
        answer([bad], networks[0], 0.0, quiet)


def test_the_command_says_what_is_wrong(monkeypatch):
    with pytest.raises(ValueError, match="--max-megapixels must be above 0, got 0"):
        main(["--max-megapixels", "0"])
    with pytest.raises(ValueError, match="--port must be from 1 to 65535, got 70000"):
        main(["--port", "70000"])
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ValueError, match=r"the demo needs Gradio; run `pip install '.\[demo\]'`"):
        main(["--models", "edsr-baseline-x4"])


def test_a_server_that_did_not_start_leaves_the_process_as_it_was(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="the demo needs Gradio"):
        main(["--models", "edsr-baseline-x4"])
    assert "GRADIO_TEMP_DIR" not in os.environ
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture(scope="module")
def server(tmp_path_factory, networks):
    """The command itself; gives the address, and the folder in which it makes its temporary files."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temporary = tmp_path_factory.mktemp("server")
    arguments = ["--models", networks[0], "edsr-gan-x4", "--port", str(port), "--max-megapixels", "0.02"]
    process = subprocess.Popen(
        [sys.executable, "-m", "srzoo", "demo", "--no-browser", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline().startswith(f"http://127.0.0.1:{port}/"), "the server did not start"
    yield f"http://127.0.0.1:{port}/", temporary
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert not list(temporary.glob("srzoo-demo-*"))


def files_in(folder):
    """All that the page keeps; TensorFlow has files of its own beside it."""
    (own,) = folder.glob("srzoo-demo-*")
    return [path for path in own.rglob("*") if path.is_file()]


def drop(page, *paths):
    page.set_input_files("input[type=file]", [str(path) for path in paths])


def upscaled(page):
    """Presses the button and gives the frame with the slider."""
    page.click("#go")
    return answered(page)


def answered(page):
    frame = page.frame_locator("iframe.result")
    try:
        frame.locator("#after").wait_for(timeout=60_000)
    except Exception as error:
        raise AssertionError(f"no answer; the page says: {page.inner_text('body')}") from error
    return frame


@needs_gradio
def test_pictures_are_dropped_upscaled_compared_and_saved(server, open_page, photos, tmp_path):
    address, temporary = server
    requests = []
    page = open_page(address)
    page.on("request", lambda request: requests.append(request.url))
    page.reload()
    jpeg = tmp_path / "photo.jpg"
    write_image(jpeg, read_image(photos / "rocket.png"))
    page.wait_for_selector("#go")
    (tmp_path / "twin.png").write_bytes((photos / "chelsea.png").read_bytes())
    drop(page, photos / "chelsea.png", jpeg, tmp_path / "twin.png")
    page.wait_for_selector("#listing :text('twin.png, 96 × 80')")
    page.wait_for_selector("#listing :text('photo.jpg, 96 × 80')")
    assert files_in(temporary) == []
    frame = upscaled(page)
    assert re.search(r"chelsea.png, 96 × 80 → 192 × 160, .*, \d+\.\d s, \d+ kB", frame.locator("#facts").inner_text())

    split = frame.locator("#split")
    split.focus()
    before = frame.locator("#line").bounding_box()["x"]
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    after = frame.locator("#line").bounding_box()
    assert after["x"] < before - 20
    page.mouse.move(after["x"] + after["width"] / 2, after["y"] + 50)
    page.mouse.down()
    page.mouse.move(after["x"] + 100, after["y"] + 50, steps=4)
    page.mouse.up()
    assert frame.locator("#line").bounding_box()["x"] > after["x"] + 50
    frame.locator("[data-zoom='4']").click()
    assert frame.locator("#after").bounding_box()["width"] == 4 * 192
    frame.locator("[data-zoom='1']").click()
    assert frame.locator("#after").bounding_box()["width"] == 192

    frame.locator("#next").click()
    with page.expect_download() as download:
        frame.locator("#save").click()
    assert download.value.suggested_filename == "photo_x2.jpg"
    download.value.save_as(tmp_path / "result.jpg")
    with Image.open(tmp_path / "result.jpg") as image:
        assert image.format == "JPEG" and image.size == (192, 160)
    assert files_in(temporary) == []
    assert not [url for url in requests if not url.startswith((address, "data:", "blob:", "about:"))]


@needs_gradio
def test_a_bad_picture_gets_a_sentence_and_the_good_one_its_answer(server, open_page, photos, tmp_path):
    page = open_page(server[0])
    write_image(tmp_path / "large.png", np.zeros((150, 150, 3), np.uint8))
    (tmp_path / "broken.png").write_bytes((photos / "coffee.png").read_bytes()[:200])
    page.wait_for_selector("#go")
    page.click("#go")
    page.wait_for_selector("text=Drop a picture first.")
    drop(page, tmp_path / "large.png", tmp_path / "broken.png", photos / "coffee.png")
    page.wait_for_selector("text=large.png has 150 × 150 pixels, more than the 0.02 million")
    page.wait_for_selector("text=broken.png: not an image that can be read")
    page.wait_for_selector("#listing :text('coffee.png, 96 × 80')")
    assert upscaled(page).locator("#facts").inner_text().startswith("coffee.png")
    assert files_in(server[1]) == []
    page.click("#clear")
    page.wait_for_selector("#listing :text('No pictures yet')")


@needs_gradio
def test_on_a_phone_the_page_and_the_answer_fit_the_width_and_the_dial_comes_with_its_model(server, open_page, photos):
    page = open_page(server[0], 390, 780, device_scale_factor=2, has_touch=True, is_mobile=True)
    page.wait_for_selector("#go")
    assert not page.is_visible("#fidelity")
    page.click("#model input")
    page.get_by_role("option", name="edsr-gan-x4").click()
    page.wait_for_selector("#fidelity")
    drop(page, photos / "coffee.png")
    page.wait_for_selector("#listing :text('coffee.png')")
    page.fill("#fidelity input[type=number]", "0.5")
    page.keyboard.press("Tab")
    frame = upscaled(page)
    assert "384 × 320, edsr-gan-x4, fidelity 0.5" in frame.locator("#facts").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert frame.locator("body").evaluate("body => body.scrollWidth <= body.clientWidth")


def tab_to(page, selector):
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


@needs_gradio
def test_it_can_be_used_by_keyboard_alone(server, open_page, photos):
    page = open_page(server[0])
    page.wait_for_selector("#go")
    choosers = []
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    for _ in range(20):  # a page that is still being built drops the focus, or does not listen yet
        tab_to(page, "[aria-label^='Click to upload']")
        page.keyboard.press("Enter")
        page.wait_for_timeout(500)
        if choosers:
            break
    choosers[0].set_files(str(photos / "rocket.png"))
    page.wait_for_selector("#listing :text('rocket.png')")
    tab_to(page, "#model input")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#fidelity")
    tab_to(page, "#fidelity input[type=range]")
    page.keyboard.press("End")
    tab_to(page, "#go")
    page.keyboard.press("Enter")
    frame = answered(page)
    assert "edsr-gan-x4, fidelity 1" in frame.locator("#facts").inner_text()
    tab_to(page, "iframe.result")
    focused = frame.locator(":focus")
    assert focused.inner_text() == "Fit"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert frame.locator("#after").bounding_box()["width"] == 384
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused.get_attribute("id") == "squares"
    page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "rocket_x4.png"
