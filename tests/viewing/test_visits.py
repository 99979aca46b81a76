"""What the page does when something is pressed."""

import threading

import pytest

from srzoo.viewing import visits as module
from srzoo.viewing.jobs import Stopped
from srzoo.viewing.store import Store
from srzoo.viewing.uploads import Limits, Options
from srzoo.viewing.visits import Visits

OPTIONS = Options("auto", 2)


@pytest.fixture
def stores(tmp_path):
    return Store(tmp_path / "uploads", 1_000_000), Store(tmp_path / "answers", 1_000_000)


@pytest.fixture
def visits(stores):
    return Visits(Limits(pictures=2, waiting=1), *stores)


@pytest.fixture
def held(visits, photos):
    return visits.example(photos / "coffee.png", [])[0]


def test_pictures_are_held_up_to_the_limit_and_deleted_when_they_are_cleared(visits, photos, tmp_path):
    held, refusals = [], []
    for name in ("coffee", "rocket", "chelsea"):
        held, refusals = visits.example(photos / f"{name}.png", held)
    assert [upload.name for upload in held] == ["coffee.png", "rocket.png"]
    assert refusals == ["chelsea.png: this page holds 2 pictures; clear some first"]
    assert visits.hold([tmp_path / "uploads/refused/No room..png"], held) == (held, ["No room."])
    assert visits.hold([photos / "coffee.png"], [])[1] == [
        "coffee.png was deleted, as nobody used it for some time; drop it again"
    ]
    assert (photos / "coffee.png").exists()  # what is no upload is not deleted either
    assert len(list(tmp_path.glob("uploads/*/*.png"))) == 2
    visits.forget(held)
    assert not list(tmp_path.glob("uploads/*/*.png"))


def test_an_answer_comes_as_a_frame_whose_page_is_there(visits, held, networks, stores):
    *progress, last = visits.upscale("me", held, Options(networks[0], 2))
    assert all('class="progress"' in each for each in progress)
    assert last.startswith("<iframe") and 'sandbox="allow-scripts allow-downloads"' in last
    place = last.split('src="answers/')[1].split('"')[0]
    assert stores[1].find(place) and stores[1].find(place.replace("page.html", "0/coffee_x2.png"))


def test_what_fails_is_said_in_the_answers_place_and_leaves_no_files(visits, held, networks, tmp_path):
    assert "Drop a picture first" in "".join(visits.upscale("me", [], OPTIONS))
    held[0].path.write_bytes(b"<b>")
    last = list(visits.upscale("me", held, Options(networks[0], 2)))[-1]
    assert 'role="alert"' in last and "coffee.png: not an image" in last and "<b>" not in last
    assert not list(tmp_path.glob("answers/*"))


def test_visitors_wait_their_turn_stop_and_hear_that_the_queue_is_full(visits, held, free, monkeypatch, tmp_path):
    begun = threading.Event()

    def work(uploads, options, folder, watch):
        begun.set()
        free.wait()
        if watch.stopped:
            raise Stopped

    monkeypatch.setattr(module, "answer", work)
    monkeypatch.setattr(module, "LOOK", 0.01)
    first, second, third = (visits.upscale(name, held, OPTIONS) for name in ("first", "second", "third"))
    assert "<progress>" in next(first) and begun.wait()
    assert "1 answer is computed before yours" in next(second)
    assert "1 answers wait already" in "".join(third)
    visits.stop("second")
    assert "Stopped." in "".join(second)
    visits.stop("first")
    free.set()
    assert "Stopped." in list(first)[-1]
    assert not list(tmp_path.glob("answers/*"))


def test_of_two_buttons_pressed_at_once_both_are_answered(visits, held, free, monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0.01)
    done = [threading.Event(), free]
    order = iter(done)

    def work(uploads, options, folder, watch):
        next(order).wait()
        watch.begin("")

    monkeypatch.setattr(module, "answer", work)
    first, second = (visits.upscale("me", held, OPTIONS) for _ in range(2))
    assert "<progress>" in next(first) and "1 answer is computed before yours" in next(second)
    for shown, event in zip((first, second), done):
        event.set()
        assert list(shown)[-1].startswith("<iframe")


def test_pictures_and_an_answer_stay_however_long_it_takes_and_a_visitor_who_leaves_ends_it(
    visits, held, stores, free, monkeypatch
):
    hours, later = [0], threading.Event()
    monkeypatch.setattr("srzoo.viewing.store.time.monotonic", lambda: 3000 * hours[0])
    monkeypatch.setattr(module, "LOOK", 0.01)
    watches = []

    def work(uploads, options, folder, watch):
        watches.append(watch)
        for title, event in (("one", later), ("two", free)):
            watch.begin(title)
            event.wait()

    monkeypatch.setattr(module, "answer", work)
    shown = visits.upscale("me", held, OPTIONS)
    for title, event in (("one", later), ("two", free)):
        assert any(title in each for each in shown)
        hours[0] += 1
        for store in stores:
            store.sweep()
        event.set()
    place = list(shown)[-1].split('src="answers/')[1].split("/")[0]
    assert held[0].path.exists() and (stores[1].root / place).exists()
    later.clear()
    left = visits.upscale("me", held, OPTIONS)
    assert any("one" in each for each in left)
    left.close()
    assert watches[1].stopped
    later.set()
