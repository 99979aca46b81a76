"""Answers are computed one at a time, in the order in which they were asked for."""

import threading

import pytest

from srzoo.runtimes.tiles import cut
from srzoo.viewing.jobs import JobQueue, Stopped, Watch

TILES = cut(40, 40, 2, 0, 400)


def test_answers_come_in_order_and_a_full_queue_says_so(free):
    queue = JobQueue(waiting=1)
    begun, seen = threading.Event(), threading.Event()
    first = queue.submit(lambda watch: "first" if free.wait() else "")
    second = queue.submit(lambda watch: "second" if begun.set() or seen.wait() else "")
    with pytest.raises(
        ValueError, match="^1 answers wait already, which is as many as this page takes; press the butt"
    ):
        queue.submit(lambda watch: "third")
    assert not second.done(0) and (first.ahead, second.ahead) == (0, 1)
    free.set()
    assert begun.wait() and (first.ahead, second.ahead) == (0, 0)
    seen.set()
    assert (second.result(), first.result()) == ("second", "first")
    assert queue.submit(lambda watch: "third").result() == "third"


def test_an_answer_is_stopped_while_it_waits_and_between_its_tiles(free):
    queue, begun = JobQueue(waiting=2), threading.Event()
    computed = []

    def answer(watch):
        for tile in watch(TILES):
            computed.append(tile)
            begun.set()
            free.wait()

    running, waiting = queue.submit(answer), queue.submit(answer)
    begun.wait()
    for job in (waiting, running):
        job.stop()
    free.set()
    for job in (waiting, running):
        with pytest.raises(Stopped):
            job.result()
    assert len(computed) == 1


def test_the_time_left_is_by_what_was_measured(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("srzoo.viewing.jobs.time.monotonic", lambda: now[0])
    watch = Watch()
    assert watch.progress() is None
    watch.begin("a.png", work=1600, rate=100)
    assert watch.progress() == (0, 16)
    tiles = watch(TILES)
    next(tiles)
    now[0] = 2.0  # half of the tile of 400 pixels is likely to be done
    assert watch.progress() == (0.125, 14)
    now[0] = 8.0  # it takes twice as long as was thought, so the rest does, too
    assert watch.progress() == (0.25, 24)
    next(tiles)
    assert watch.progress() == (0.25, 24)
