"""The page to try networks, the whole of it in a real browser."""

import contextlib
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from srzoo.cli.demo import main
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

GRADIO = importlib.util.find_spec("gradio") is not None

needs_gradio = pytest.mark.skipif(not GRADIO, reason="no Gradio here: `pip install 'srzoo[demo]'`")


def test_the_command_says_what_is_wrong(monkeypatch):
    with pytest.raises(ValueError, match="--max-megapixels must be above 0, got 0"):
        main(["--max-megapixels", "0"])
    with pytest.raises(ValueError, match="--port must be from 1 to 65535, got 70000"):
        main(["--port", "70000"])
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ValueError, match=r"the demo needs Gradio; run `pip install '.\[demo\]'`"):
        main(["--models", "edsr-baseline-x4"])


@needs_gradio
def test_names_of_hosts_are_refused_where_others_reach_the_page():
    with pytest.raises(ValueError, match="--allow-host is for a page that this machine alone can reach, but --host 0"):
        main(["--host", "0.0.0.0", "--allow-host", "sr.example.org", "--no-browser"])


def test_a_server_that_did_not_start_leaves_the_process_as_it_was(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    with pytest.raises(ValueError, match="the demo needs Gradio"):
        main(["--models", "edsr-baseline-x4"])
    assert "GRADIO_TEMP_DIR" not in os.environ


@pytest.fixture(scope="module")
def server(tmp_path_factory, networks):
    """The command itself; gives the address, and the folder in which it makes its temporary files."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temporary = tmp_path_factory.mktemp("server")
    arguments = ["--models", networks[0], "edsr-gan", "--port", str(port), "--max-megapixels", "1.1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "srzoo", "demo", "--no-browser", *arguments],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline().startswith(f"http://127.0.0.1:{port}/"), "the server did not start"
    yield f"http://127.0.0.1:{port}/", temporary
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 143
    assert not list(temporary.glob("srzoo-demo-*"))


def uploads_in(folder):
    """All pictures of visitors; the page's own example, and what Gradio holds, are beside them."""
    return list(folder.glob("srzoo-demo-*/uploads/*/*/*"))


def drop(page, *paths):
    page.set_input_files("input[type=file]", [str(path) for path in paths])


def upscaled(page):
    """Presses the button and gives the frame with the slider."""
    page.click("#go")
    return answered(page)


def answered(page):
    frame = page.frame_locator("iframe.result")
    try:
        frame.locator("#after").wait_for()
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
    jpeg = tmp_path / "my photo (1).jpg"
    write_image(jpeg, read_image(photos / "rocket.png"))
    page.wait_for_selector("#go")
    (tmp_path / "twin.png").write_bytes((photos / "chelsea.png").read_bytes())
    drop(page, photos / "chelsea.png", jpeg, tmp_path / "twin.png")
    page.wait_for_selector("#listing :text('twin.png, 96 × 80')")
    page.wait_for_selector("#listing :text('my photo (1).jpg, 96 × 80')")
    page.locator("#scale").get_by_label("x2").check()
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
    assert download.value.suggested_filename == "my photo (1)_x2.jpg"
    download.value.save_as(tmp_path / "result.jpg")
    with Image.open(tmp_path / "result.jpg") as image:
        assert image.format == "JPEG" and image.size == (192, 160)
    assert len(uploads_in(temporary)) == 3
    page.click("#clear")
    page.wait_for_selector("#listing :text('No pictures yet')")
    assert uploads_in(temporary) == []
    assert not [url for url in requests if not url.startswith((address, "data:", "blob:", "about:"))]


@needs_gradio
def test_a_bad_picture_gets_a_sentence_and_the_good_one_its_answer(server, open_page, photos, tmp_path):
    page = open_page(server[0])
    write_image(tmp_path / "large.png", np.zeros((1100, 1100, 3), np.uint8))
    (tmp_path / "broken.png").write_bytes((photos / "coffee.png").read_bytes()[:200])
    page.wait_for_selector("#go")
    page.click("#go")
    page.wait_for_selector("#result :text('Drop a picture first')")
    drop(page, tmp_path / "large.png", tmp_path / "broken.png", photos / "coffee.png")
    page.wait_for_selector("text=large.png has 1100 × 1100 pixels, more than the 1.1 million")
    page.wait_for_selector("text=broken.png: not an image that can be read")
    page.wait_for_selector("#listing :text('coffee.png, 96 × 80')")
    assert upscaled(page).locator("#facts").inner_text().startswith("coffee.png, 96 × 80 → 384 × 320")
    # What was said of the last time is gone.
    assert "Drop a picture first" not in page.inner_text("body") and "Error" not in page.inner_text("body")
    page.click("#example")
    page.wait_for_selector("#listing :text('cat.png')")
    assert "large.png" not in page.inner_text("body")
    page.click("#clear")
    page.wait_for_selector("#listing :text('No pictures yet')")
    assert page.inner_text("#result").strip() == ""


@needs_gradio
def test_a_large_picture_is_tried_in_part_and_its_whole_can_be_stopped(server, open_page, tmp_path):
    page = open_page(server[0])
    page.wait_for_selector("#go")
    assert not page.is_visible("#part")
    write_image(tmp_path / "phone.jpg", np.random.default_rng(0).integers(0, 256, (800, 1300, 3), np.uint8))
    drop(page, tmp_path / "phone.jpg")
    box = page.wait_for_selector("#place img").bounding_box()
    page.mouse.click(box["x"] + 5, box["y"] + 5)
    page.click("#part")
    facts = answered(page).locator("#facts").inner_text()
    assert (
        "phone.jpg, 1300 × 800, a part of 480 × 360 → 1920 × 1440" in facts and "the whole picture would take" in facts
    )
    page.get_by_label("edsr-gan").check()
    page.click("#go")
    page.click("#stop")
    page.wait_for_selector("#result :text('Stopped.')")
    page.wait_for_selector("#stop", state="hidden")


@needs_gradio
def test_on_a_phone_the_page_and_the_answer_fit_the_width_and_the_dial_comes_with_its_model(server, open_page, photos):
    page = open_page(server[0], 390, 780, device_scale_factor=2, has_touch=True, is_mobile=True)
    page.wait_for_selector("#go")
    assert not page.is_visible("#fidelity")
    page.get_by_label("edsr-gan").check()
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
    for _ in range(1200):  # a page that is still being built drops the focus, or does not listen yet
        with contextlib.suppress(AssertionError):
            tab_to(page, "[aria-label^='Click to upload']")
        page.keyboard.press("Enter")
        page.wait_for_timeout(500)
        if choosers:
            break
    choosers[0].set_files(str(photos / "rocket.png"))
    page.wait_for_selector("#listing :text('rocket.png')")
    tab_to(page, "#model input")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
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
    page.keyboard.press("Tab")
    assert focused.get_attribute("id") == "scroll"
    # Around it, because within it the outline would be cut off or lie on the picture.
    assert frame.locator("#view").evaluate("view => getComputedStyle(view).outlineStyle") == "solid"
