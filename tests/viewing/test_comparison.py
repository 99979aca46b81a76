"""The page that shows models beside each other, in a real browser."""

import re
import shutil

import numpy as np
import pytest

from srzoo import bicubic
from srzoo.cli.compare import main
from srzoo.images import write_image
from srzoo.metrics import lpips, psnr_y
from srzoo.pictures.reading import read_image
from srzoo.viewing import comparison
from srzoo.viewing.pages import render


@pytest.fixture(scope="module")
def report(tmp_path_factory, photos, networks):
    path = tmp_path_factory.mktemp("compare") / "compare.html"
    images = [str(photos / name) for name in ("chelsea.png", "coffee.png")]
    network = path.with_name("rate=1.weights.h5")
    shutil.copy(networks[0], network)
    assert main([*images, "--models", f"mine={network}", "-o", str(path)]) == 0
    return path


def names(page):
    return page.evaluate("panels.map(panel => panel.name)")


def pixel(page, panel, x=0.5, y=0.5):
    """The colour in a panel's place, as a share of its sides."""
    return page.evaluate(
        """([i, x, y]) => { const c = panels[i].canvas;
        return [...c.getContext("2d").getImageData(x * c.width, y * c.height, 1, 1).data].slice(0, 3) }""",
        [panel, x, y],
    )


def test_the_page_asks_for_nothing(report):
    assert not re.search(r"https?://|src=|href=(?!\"data:,\")|@import|url\(", report.read_text())


def test_versions_and_figures_are_shown(report, photos, open_page):
    page = open_page(report)
    page.wait_for_selector("canvas")
    assert names(page) == ["LR", "bicubic", "mine", "HR"]
    hr = read_image(photos / "chelsea.png")
    expected = psnr_y(hr, bicubic.upscale(bicubic.downscale(hr, 2), 2), 2)
    assert f"PSNR-Y {expected:.2f}, SSIM-Y" in page.inner_text("#panels")
    rows = page.locator("#figures tr").all_inner_texts()
    assert len(rows) == 7 and rows[1].startswith(f"chelsea\tbicubic\t{expected:.2f}")
    assert rows[-1].startswith("mean\tmine")
    # As `evaluate` has it, without the infinite ones.
    given = [["a", {"name": "mine", "figures": {"psnr_y": psnr}}] for psnr in (30, None, 32)]
    for rows, mean in ((given, 31), (given[1:2], None)):
        assert page.evaluate("rows => meanOf(rows, 'mine')[1].figures.psnr_y", rows) == mean
    assert "2 pixels shaved" in page.inner_text("#protocol")
    assert re.fullmatch(r"96 × 80, \d+ %", page.inner_text("#status"))


def test_all_panels_zoom_and_move_together_pixel_for_pixel(report, photos, open_page):
    page = open_page(report)
    page.wait_for_selector("canvas")
    page.keyboard.press("1")
    page.evaluate("zoomTo(8); view.x = 30.5; view.y = 41.5; draw()")
    hr = read_image(photos / "chelsea.png")
    assert pixel(page, 3) == hr[41, 30].tolist()
    assert pixel(page, 0) == bicubic.downscale(hr, 2)[20, 15].tolist()
    page.keyboard.press("ArrowRight")
    x, y = page.evaluate("[view.x, view.y]")
    assert x > 30.5 and y == 41.5 and pixel(page, 3) == hr[41, int(x)].tolist()


def test_it_follows_the_wheel_the_mouse_and_the_buttons(report, open_page):
    page = open_page(report)
    page.wait_for_selector("canvas")
    box = page.locator("canvas").nth(1).bounding_box()
    at = page.evaluate("view.zoom")
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.wheel(0, -200)
    page.wait_for_function("before => view.zoom > 1.9 * before", arg=at)
    x = page.evaluate("view.x")
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 10)
    page.mouse.up()
    assert page.evaluate("view.x") < x
    page.click("#fit")
    assert page.evaluate("view.zoom") == pytest.approx(at)
    page.click("#full")
    page.click("#in")
    assert page.evaluate("view.zoom") == 2


def test_differences_are_those_from_hr_and_the_next_picture_comes(report, photos, open_page):
    page = open_page(report)
    page.wait_for_selector("canvas")
    page.evaluate("zoomTo(8); view.x = 30.5; view.y = 41.5; draw()")
    page.keyboard.press("d")
    page.select_option("#gain", "1")
    hr = read_image(photos / "chelsea.png").astype(int)
    cubic = bicubic.upscale(bicubic.downscale(hr.astype(np.uint8), 2), 2).astype(int)
    level = int(np.abs(hr - cubic)[41, 30].max())
    assert pixel(page, 1) == page.evaluate(f"colours[{level}]")
    assert pixel(page, 3) == hr[41, 30].tolist()
    page.locator("body").click(position={"x": 5, "y": 700})
    page.keyboard.press("n")
    page.wait_for_function("current === 1")
    assert page.input_value("#which") == "1"


def test_on_a_phone_two_panels_a_row_fit_the_width(report, open_page):
    page = open_page(report, 390, 780, device_scale_factor=2, has_touch=True, is_mobile=True)
    page.wait_for_selector("canvas")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    boxes = [page.locator("canvas").nth(i).bounding_box() for i in range(3)]
    assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=1) and boxes[2]["y"] > boxes[0]["y"] + 100


def test_without_reference_nothing_is_measured_and_bicubic_is_what_differs(photos, networks, tmp_path, open_page):
    arguments = [str(photos / "rocket.png"), "--models", networks[0], "--no-reference", "-o", str(tmp_path / "a.html")]
    assert main(arguments) == 0
    page = open_page(tmp_path / "a.html")
    page.wait_for_selector("canvas")
    assert names(page)[:2] == ["LR", "bicubic"] and len(names(page)) == 3
    assert page.inner_text("#against") == "bicubic" and page.inner_text("#figures") == ""
    assert page.inner_text("#status").startswith("192 × 160")


def test_equal_pictures_have_an_infinite_psnr(tmp_path, open_page):
    write_image(tmp_path / "grey.png", np.full((40, 40, 3), 128, np.uint8))
    assert main([str(tmp_path / "grey.png"), "--models", "bicubic", "-o", str(tmp_path / "a.html")]) == 0
    page = open_page(tmp_path / "a.html")
    page.wait_for_selector("canvas")
    assert "PSNR-Y ∞" in page.inner_text("#panels")


def compared(image, weights, output, page_of):
    """The page of bicubic with LPIPS at x2, and the figure that it should show."""
    assert main([str(image), "--models", "bicubic", "--scale", "2", "--lpips", str(weights), "-o", str(output)]) == 0
    page = page_of(output)
    page.wait_for_selector("canvas")
    hr = bicubic.crop_to_multiple(read_image(image), 2)
    return page, lpips.load(weights)(hr, bicubic.upscale(bicubic.downscale(hr, 2), 2))


def test_lpips_is_shown_in_the_panel_and_in_the_table_with_its_protocol(photos, tmp_path, open_page, alexnet_weights):
    page, expected = compared(photos / "coffee.png", alexnet_weights, tmp_path / "a.html", open_page)
    assert f"LPIPS {expected:.4f}" in page.inner_text("#panels") and expected > 0
    heads, row = page.locator("#figures tr").all_inner_texts()[:2]
    assert "LPIPS" in heads and row.split("\t")[-1] == f"{expected:.4f}"
    assert "LPIPS" in page.inner_text("#protocol")


def test_with_lpips_own_weights_a_sharper_picture_is_nearer(photos, tmp_path, open_page, shared_data):
    weights = shared_data / "weights" / "lpips_alexnet.npz"
    page, expected = compared(photos / "coffee.png", weights, tmp_path / "a.html", open_page)
    assert f"LPIPS {expected:.4f}" in page.inner_text("#panels") and 0.01 < expected < 0.4
    network = lpips.load(weights)
    hr = read_image(photos / "coffee.png")
    assert network(hr, bicubic.upscale(bicubic.downscale(hr, 4), 4)) > expected


def test_pictures_too_small_for_lpips_are_named(tmp_path, alexnet_weights):
    write_image(tmp_path / "small.png", np.zeros((24, 24, 3), np.uint8))
    arguments = ["--models", "bicubic", "--lpips", str(alexnet_weights), "-o", str(tmp_path / "a.html")]
    with pytest.raises(ValueError, match=r"small.png has 24x24 pixels, too few .* AlexNet needs 31x31"):
        main([str(tmp_path / "small.png"), *arguments])


def test_a_name_cannot_end_the_script():
    text = render("compare", "a </title>", {"pictures": [{"name": "</script><script>alert(1)"}]})
    assert "alert" in text and "</script><script>alert" not in text and "<title>a &lt;/title&gt;" in text


def test_too_much_for_a_page_is_refused_before_the_work(photos, monkeypatch, tmp_path):
    monkeypatch.setattr(comparison, "MAX_PIXELS", 10_000)
    with pytest.raises(ValueError, match=r"1 picture\(s\) in 2 versions have 0 million pixels, more than a page can"):
        main([str(photos / "rocket.png"), "--models", "bicubic", "-o", str(tmp_path / "a.html")])
    monkeypatch.setattr(comparison, "MAX_SIDE", 80)
    with pytest.raises(ValueError, match=r"rocket.png has 96x80 HR pixels, and browsers draw at most 80 a side"):
        main([str(photos / "rocket.png"), "--models", "bicubic", "-o", str(tmp_path / "a.html")])
    assert not list(tmp_path.iterdir())


def test_pictures_of_one_name_are_told_apart_and_a_label_may_be_any_bytes(photos, tmp_path, open_page):
    images = [tmp_path / folder / "cat.png" for folder in ("a", "b")]
    for image in images:
        write_image(image, read_image(photos / "chelsea.png"))
    assert main([*map(str, images), "--models", "a\udcff=bicubic", "--scale", "2", "-o", str(tmp_path / "a.html")]) == 0
    page = open_page(tmp_path / "a.html")
    page.wait_for_selector("canvas")
    assert page.locator("#which option").all_inner_texts() == [*map(str, images)]
    assert page.title().startswith("bicubic, a\\udcff on 2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "a.png"], "--output must be a file that ends in .html, got a.png"),
        (["--lpips", "a.npz", "--no-reference"], "--lpips measures against HR, which --no-reference says"),
        (["--lpips-backbone", "a.h5"], "--lpips-backbone was given without --lpips"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, photos):
    with pytest.raises(ValueError, match=message):
        main([str(photos), "--models", "bicubic", *arguments])


def test_bad_pictures_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.png: no such file or folder"):
        main([str(tmp_path / "nothing.png"), "--models", "bicubic"])
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"text.png: not an image that can be read"):
        main([str(tmp_path / "text.png"), "--models", "bicubic", "-o", str(tmp_path / "a.html")])
