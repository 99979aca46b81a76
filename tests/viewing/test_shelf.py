"""Files of visitors: for a time, and within a limit."""

import time

import pytest

from srzoo.viewing.shelf import Shelf


def put(shelf, seconds, size):
    path = shelf.new(seconds, size) / "a.png"
    path.write_bytes(bytes(size))
    return path


def test_a_folder_is_deleted_when_its_time_has_passed_unless_it_was_used(tmp_path, monkeypatch):
    shelf = Shelf(tmp_path / "shelf", 100)
    unused, used, removed = (put(shelf, 60, 30) for _ in range(3))
    shelf.keep(used, 3600)
    shelf.remove(removed)
    later = time.monotonic() + 61
    monkeypatch.setattr("srzoo.viewing.shelf.time.monotonic", lambda: later)
    shelf.sweep()
    assert [path.exists() for path in (unused, used, removed)] == [False, True, False]
    assert list((tmp_path / "shelf").iterdir()) == [used.parent]


def test_what_does_not_fit_is_refused_until_there_is_room(tmp_path):
    shelf = Shelf(tmp_path / "shelf", 2_000_000)
    first = put(shelf, 60, 1_500_000)
    with pytest.raises(ValueError, match="^This page holds as many pictures as it can, 2 MB; try again in a few minut"):
        shelf.new(60, 600_000)
    shelf.remove(first)
    assert put(shelf, 60, 600_000).exists()


def test_what_would_go_next_makes_room_for_what_was_made(tmp_path):
    shelf = Shelf(tmp_path / "shelf", 100)
    later, sooner, made = put(shelf, 60, 40), put(shelf, 30, 40), put(shelf, 10, 0)
    made.write_bytes(bytes(50))
    shelf.weigh(made.parent)
    assert [path.exists() for path in (later, sooner, made)] == [True, False, True]
    made.write_bytes(bytes(101))
    with pytest.raises(ValueError, match="^The answer has 0 MB, more than the 0.0001 MB that this page holds; upscale"):
        shelf.weigh(made.parent)
    assert later.exists()


def test_nothing_outside_of_it_is_found(tmp_path):
    shelf = Shelf(tmp_path / "shelf", 100)
    path = put(shelf, 60, 1)
    (tmp_path / "secret").write_text("no")
    assert shelf.find(f"{path.parent.name}/a.png") == path
    for place in (
        "../secret",
        f"{path.parent.name}/../../secret",
        str(tmp_path / "secret"),
        path.parent.name,
        "",
        "\0",
        300 * "a",
    ):
        assert shelf.find(place) is None
