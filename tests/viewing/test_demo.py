"""The page to try networks: what it does, and the whole of it in a real browser."""

import importlib.util
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
from srzoo.images import read_image, write_image
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
    np.testing.assert_array_equal(upload.pixels, read_image(photos / "coffee.png"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("large.png", None, "large.png has 40 × 30 pixels, more than the 0.001 million that this page takes"),
        ("broken.jpg", b"\xff\xd8\xff no picture", "broken.jpg: not an image that can be read"),
        ("letter.txt", b"Dear all", "letter.txt: not a picture that srzoo reads"),
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


def test_the_dial_mixes_weights():
    lr = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    expected = upscaler_of("edsr-baseline-x4", 0)(lr).astype(int)
    assert np.abs(upscaler_of("edsr-gan-x4", 1.0)(lr) - expected).max() <= 1
    assert np.abs(upscaler_of("edsr-gan-x4", 0.0)(lr) - expected).max() > 5


def test_an_answer_is_one_page_in_a_box_that_asks_for_nothing(networks, photos):
    upload = Upload("a.webp", read_image(photos / "coffee.png"))
    page = answer([upload], networks[0], 0.0, quiet)
    assert page.startswith("<iframe") and "sandbox=" in page and page.count("<") == 2
    assert not re.search(r"https?://", page) and "a_x2.webp" in page


def test_the_command_says_what_is_wrong(monkeypatch):
    with pytest.raises(ValueError, match="--max-megapixels must be above 0, got 0"):
        main(["--max-megapixels", "0"])
    with pytest.raises(ValueError, match="--port must be from 1 to 65535, got 70000"):
        main(["--port", "70000"])
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ValueError, match=r"the demo needs Gradio; run `pip install 'srzoo\[demo\]'`"):
        main(["--models", "edsr-baseline-x4"])


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
    assert process.wait(20) == 143
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
    frame = page.frame_locator("iframe.result")
    frame.locator("#after").wait_for(timeout=60_000)
    return frame


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
