"""Files of visitors: for a time, and within a limit."""

import time

import pytest

from srzoo.viewing.store import Store


def put(store, seconds, size):
    path = store.new(seconds, size) / "a.png"
    path.write_bytes(bytes(size))
    return path


def test_a_folder_is_deleted_when_its_time_has_passed_unless_it_was_used(tmp_path, monkeypatch):
    store = Store(tmp_path / "store", 100)
    unused, used, removed = (put(store, 60, 30) for _ in range(3))
    store.keep(used, 3600)
    store.remove(removed)
    later = time.monotonic() + 61
    monkeypatch.setattr("srzoo.viewing.store.time.monotonic", lambda: later)
    store.sweep()
    assert [path.exists() for path in (unused, used, removed)] == [False, True, False]
    assert list((tmp_path / "store").iterdir()) == [used.parent]


def test_what_does_not_fit_is_refused_until_there_is_room(tmp_path):
    store = Store(tmp_path / "store", 2_000_000)
    first = put(store, 60, 1_500_000)
    with pytest.raises(ValueError, match="^This page holds as many pictures as it can, 2 MB; try again in a few minut"):
        store.new(60, 600_000)
    store.remove(first)
    assert put(store, 60, 600_000).exists()


def test_what_would_go_next_makes_room_for_what_was_made(tmp_path):
    store = Store(tmp_path / "store", 100)
    later, sooner, made = put(store, 60, 40), put(store, 30, 40), put(store, 10, 0)
    made.write_bytes(bytes(50))
    store.weigh(made.parent)
    assert [path.exists() for path in (later, sooner, made)] == [True, False, True]
    made.write_bytes(bytes(101))
    with pytest.raises(ValueError, match="^The answer has 0 MB, more than the 0.0001 MB that this page holds; upscale"):
        store.weigh(made.parent)
    assert later.exists()


def test_nothing_outside_of_it_is_found(tmp_path):
    store = Store(tmp_path / "store", 100)
    path = put(store, 60, 1)
    (tmp_path / "secret").write_text("no")
    assert store.find(f"{path.parent.name}/a.png") == path
    for place in (
        "../secret",
        f"{path.parent.name}/../../secret",
        str(tmp_path / "secret"),
        path.parent.name,
        "",
        "\0",
        300 * "a",
    ):
        assert store.find(place) is None
