"""A real browser, and small things to show."""

import shutil
import threading
import time
from functools import partial

import pytest

from srzoo import zoo
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")

NETWORKS = ("edsr-baseline-x2.blocks1.filters4", "srresnet-x2.blocks1.filters4")


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of four HR pictures of 96x80 pixels."""
    folder = tmp_path_factory.mktemp("photos")
    for name in PHOTOS:
        pixels = read_image(sample_path(name))[100:180, 100:196]
        write_image((folder / name).with_suffix(".png"), pixels)
    return folder


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """Weights files of two tiny networks at x2."""
    folder = tmp_path_factory.mktemp("networks")
    paths = [str(folder / f"{name}.weights.h5") for name in NETWORKS]
    for name, path in zip(NETWORKS, paths):
        zoo.save_weights(zoo.create(name), path)
    return paths


@pytest.fixture
def free():
    """An event that lets an answer go on, at the end of the test at the latest."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; a test that needs it is skipped where it is not installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no Chromium here: install Debian's package `chromium`")
    sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright here: `pip install playwright`")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


HANGS = 600
"""Seconds after which a test waits no longer: far more than any machine takes, for what never comes."""


def _wait_for(page, expression, arg=None):
    """As Playwright's own, which evaluates within the page from the second look on; our pages forbid that."""
    deadline = time.monotonic() + HANGS
    while not page.evaluate(expression, arg):
        assert time.monotonic() < deadline, f"never true: {expression}"
        page.wait_for_timeout(20)


@pytest.fixture
def open_page(browser):
    """Opens a file or an address; fails the test on an error of a script and on any request of a file for more."""
    contexts, errors, requests = [], [], []

    def open_(address, width=1280, height=800, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(1000 * HANGS)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.wait_for_function = partial(_wait_for, page)
        address = address if "://" in str(address) else address.as_uri()
        if address.startswith("file:"):
            # The pauses of our pages are for people.
            page.add_init_script("const wait = setTimeout; window.setTimeout = (call) => wait(call, 0);")
            page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []
    assert not [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
