"""A study from pictures to answers, in a real browser."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest

from srzoo.__main__ import COMMANDS
from srzoo.cli.mos import main
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.viewing.key import HR, read_key
from srzoo.viewing.methods import load_methods
from srzoo.viewing.study import PAGE, Plan, create_study

CROP = 64


@pytest.fixture(scope="module")
def study(tmp_path_factory, photos, networks):
    """Two pictures in three versions, made by the command itself."""
    folder = tmp_path_factory.mktemp("mos") / "study"
    arguments = [str(photos), "--crop", str(CROP), "--pictures", "2", "--repeats", "2", "--examples", "1"]
    assert main(["create", "--models", "bicubic", f"mine={networks[0]}", *arguments, "-o", str(folder)]) == 0
    return folder


def data_of(study):
    return json.loads(re.search(r'id="data">(.*?)</script>', (study / PAGE).read_text(), re.DOTALL)[1])


def test_the_folder_holds_the_page_and_the_key_alone(study):
    assert sorted(path.name for path in study.iterdir()) == ["key.json", "study.html"]
    key = read_key(study)
    assert key.models == (HR, "bicubic", "mine") and key.scale == 2 and key.repeats == 2
    assert key.pictures == ["astronaut", "rocket"]


def test_the_page_asks_for_nothing_and_names_no_model(study):
    text = (study / PAGE).read_text()
    assert not re.search(r"https?://|src=|href=(?!\"data:,\")|@import|url\(", text)
    assert not re.search(r"bicubic|mine|edsr|astronaut|key\.json", text.replace("determine", ""), re.IGNORECASE)
    ids = [stimulus["id"] for stimulus in data_of(study)["stimuli"]]
    assert ids == sorted(ids) and set(ids) == set(read_key(study).stimuli)


def test_a_crop_is_that_of_the_whole_pictures_enlargement(photos, networks):
    lr = read_image(photos / "chelsea.png")
    for method in load_methods(["bicubic", networks[0]]):
        part = method.upscale_part(lr, slice(10, 40), slice(30, 50))
        whole = method.upscale(lr)[20:80, 60:100].astype(int)
        assert np.abs(part - whole).max() <= 1


def rate(page, score):
    """Waits for the picture, then presses a key."""
    page.wait_for_selector("#stage:not(.blank)")
    before = page.inner_text("#progress")
    page.keyboard.press(str(score))
    page.wait_for_function("text => document.getElementById('progress').innerText !== text || !done.hidden", arg=before)


def train(page):
    """The training takes only the key that it asks for."""
    page.click("#start")
    for _ in range(2):
        page.wait_for_selector("#stage:not(.blank)")
        asked = re.search(r"counts as (\d)", page.inner_text("#task"))[1]
        page.keyboard.press("3")
        assert asked in page.inner_text("#task")
        rate(page, asked)


def save(page, folder):
    with page.expect_download() as download:
        page.click("#save")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_rater_goes_through_the_study_by_keyboard_and_the_report_reads_it(study, open_page, tmp_path, capsys):
    key = read_key(study)
    page = open_page(study / PAGE)
    assert "8 pictures" in page.inner_text("#intro p") and "about 1 minute." in page.inner_text("#intro p")
    page.fill("#name", "Ann")
    train(page)
    assert page.inner_text("#progress") == "Picture 1 of 8"
    for _ in range(8):
        shown = page.evaluate("state.order[state.answers.length].stimulus")
        rate(page, {HR: 5, "bicubic": 2, "mine": 1}[key.stimuli[shown].model])
    first = save(page, tmp_path / "answers")
    for other in ("second", "third"):
        first.with_name(f"{other}.json").write_text(json.dumps(json.loads(first.read_text()) | {"rater": other}))
    assert main(["report", str(study), *map(str, sorted(first.parent.iterdir()))]) == 0
    text = capsys.readouterr().out
    assert re.search(r"\| HR +\| 5\.00 \| ± 0\.00 \|", text) and "3 raters, 2 pictures" in text and "Ann (" in text
    assert {path.name for path in (study / "report").iterdir()} == {"report.md", "report.json", "mos.png"}


def test_a_closed_page_goes_on_and_answers_can_be_taken_back(study, open_page, tmp_path):
    page = open_page(study / PAGE)
    train(page)
    order = page.evaluate("state.order")
    for score in (1, 2, 3):
        rate(page, score)
    page.reload()
    assert page.inner_text("#progress") == "Picture 4 of 8" and page.evaluate("state.order") == order
    page.keyboard.press("Backspace")
    assert page.inner_text("#progress") == "Picture 3 of 8"
    for _ in range(6):
        rate(page, 4)
    save(page, tmp_path)
    assert "Saved" in page.inner_text("#saved")
    page.click("#back")
    rate(page, 5)
    assert page.inner_text("#saved") == "" and not page.is_visible("#again")
    ratings = json.loads(save(page, tmp_path).read_text())["ratings"]
    assert [rating["score"] for rating in ratings] == [1, 2, 4, 4, 4, 4, 4, 5]
    assert all(rating["seconds"] > 0 for rating in ratings)
    page.click("#again")
    assert page.is_visible("#start") and page.evaluate("state.answers.length") == 0


def light(colour):
    """Relative luminance of `rgb(r, g, b)` (WCAG 2.2)."""
    levels = np.array([int(level) / 255 for level in re.findall(r"\d+", colour)[:3]])
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_the_focus_is_seen_on_white_and_on_grey(study, open_page):
    page = open_page(study / PAGE)
    page.keyboard.press("Tab")
    line = page.evaluate("getComputedStyle(document.activeElement).outlineColor")
    around = page.evaluate("[getComputedStyle(document.body), getComputedStyle(intro)].map(s => s.backgroundColor)")
    for colour in around:
        dark, bright = sorted(map(light, (line, colour)))
        assert (bright + 0.05) / (dark + 0.05) >= 3


def test_a_button_keeps_the_keyboards_focus_from_picture_to_picture(study, open_page):
    page = open_page(study / PAGE)
    train(page)
    page.focus("#scores button:nth-child(4)")
    for number in (2, 3):
        page.wait_for_selector("#stage:not(.blank)")
        page.keyboard.press("Enter")
        page.wait_for_function(f"document.getElementById('progress').innerText === 'Picture {number} of 8'")
    assert page.evaluate("state.answers.map(answer => answer.score)") == [4, 4]


def test_two_tabs_have_the_same_answers(study, open_page):
    first = open_page(study / PAGE)
    train(first)
    second = first.context.new_page()
    second.goto((study / PAGE).as_uri())
    second.wait_for_selector("#stage:not(.blank)")
    second.keyboard.press("5")
    first.wait_for_function("document.getElementById('progress').innerText === 'Picture 2 of 8'")
    rate(first, 1)
    assert first.evaluate("state.answers.map(answer => answer.score)") == [5, 1]


def test_an_answer_taken_back_at_once_does_not_shorten_the_pause(study, open_page):
    page = open_page(study / PAGE)
    train(page)
    page.wait_for_selector("#stage:not(.blank)")
    shown = page.evaluate(
        """async () => {
        const over = [];
        window.setTimeout = (call) => over.push(call);
        answer(3);
        undo();
        over[0]();
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        const early = $("stage").className !== "blank";
        over[1]();
        return early; }"""
    )
    page.wait_for_selector("#stage:not(.blank)")
    assert not shown


def test_a_phone_rates_by_touch_and_sees_the_whole_picture(study, open_page):
    page = open_page(study / PAGE, 390, 780, device_scale_factor=3, has_touch=True, is_mobile=True)
    page.tap("#start")
    page.wait_for_selector("#stage:not(.blank)")
    asked = re.search(r"counts as (\d)", page.inner_text("#task"))[1]
    page.tap(f"#scores button:nth-child({asked})")
    page.wait_for_function("document.getElementById('progress').innerText === 'Example 2 of 2'")
    page.wait_for_selector("#stage:not(.blank)")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("#scores button").last.bounding_box()["y"] < 780
    assert page.locator("#picture").bounding_box()["width"] == CROP
    # The narrowest phones show the usual 320 pixels whole, and what is larger is scrolled and never resampled.
    page.set_viewport_size({"width": Plan().crop, "height": 560})
    for width in (320, 640):
        page.evaluate(f"document.getElementById('picture').style.width = '{width}px'")
        assert page.locator("#picture").bounding_box()["width"] == width == page.evaluate("stage.scrollWidth")


def test_no_two_versions_of_a_picture_in_a_row_and_repeats_apart(photos, tmp_path, open_page):
    create_study(photos, load_methods(["bicubic", "other=bicubic"], 2), tmp_path / "s", Plan(CROP, 4, 4, 0))
    page = open_page(tmp_path / "s" / PAGE)
    for _ in range(20):
        order = page.evaluate("withRepeats(randomOrder()).map(t => [t.stimulus, t.repeat, pictureOf(t)])")
        assert len(order) == 16 and sum(repeat for _, repeat, _ in order) == 4
        assert all(a[2] != b[2] for a, b in pairwise(order))
        for at, (name, repeat, _) in enumerate(order):
            if repeat:
                assert at - [n for n, *_ in order].index(name) > 6


def test_without_reference_pictures_are_upscaled_themselves(photos, tmp_path):
    key = create_study(photos, load_methods(["bicubic"], 2), tmp_path / "s", Plan(CROP, 2, reference=False))
    assert key.models == ("bicubic",) and len(key.stimuli) == 2


def test_a_study_is_never_overwritten_and_a_failed_one_leaves_nothing(study, photos, tmp_path):
    with pytest.raises(ValueError, match="is there already; a study is never overwritten"):
        main(["create", "--models", "bicubic", str(photos), "-o", str(study)])
    write_image(tmp_path / "bad" / "small.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match=r"small.png has 8x8 pixels, too few"):
        main(["create", "--models", "bicubic", str(tmp_path / "bad"), "-o", str(tmp_path / "s")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad"]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["bicubic", "bicubic"], "two models are called 'bicubic'; tell them apart"),
        (["HR=bicubic"], "'HR' is what a picture is called that no model makes"),
        (["nothing-x2"], "no trained weights ship for 'nothing-x2'"),
    ],
)
def test_bad_models_are_refused(models, message, photos, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        main(["create", "--models", *models, str(photos), "-o", str(tmp_path / "s")])


def test_models_of_two_scales_are_refused(networks):
    with pytest.raises(ValueError, match="all must upscale by the same scale, got .*: 2; --scale asks for 3"):
        load_methods(networks, 3)


def test_bad_figures_are_refused(photos, tmp_path):
    with pytest.raises(ValueError, match="--crop must be at least 64, got 8"):
        main(["create", "--models", "bicubic", str(photos), "-o", str(tmp_path / "s"), "--crop", "8"])


def test_a_missing_folder_is_said_and_a_place_where_none_can_be(photos, tmp_path):
    (tmp_path / "s").symlink_to("nothing")
    with pytest.raises(FileExistsError, match="expected a folder, but .*s is a broken link"):
        main(["create", "--models", "bicubic", str(photos), "-o", str(tmp_path / "s")])
    with pytest.raises(ValueError, match="the folder of pictures is missing"):
        main(["create", "--models", str(photos), "-o", str(tmp_path / "s")])
    with pytest.raises(FileNotFoundError, match="edsr-baseline-x4: no such folder"):
        main(["create", "--models", "bicubic", "edsr-baseline-x4", "-o", str(tmp_path / "s")])


def test_the_command_is_registered():
    assert COMMANDS["mos"][0] == "srzoo.cli.mos"
