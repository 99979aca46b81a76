"""Work of native code: in how many threads, and so that Ctrl-C ends it at once, although it is one call."""

import os
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.5

Answer = TypeVar("Answer")


def threads() -> int | None:
    """Threads that a runtime or an encoder may take, by `OMP_NUM_THREADS`; None: as many as it wants."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) or None if given.isdecimal() else None


def awaited(call: Callable[[], Answer], tick: Callable[[], object] = lambda: None) -> Answer:
    """What a call returns or raises.

    Args:
        call: runs in a thread of its own, which is left alone if the wait for it is interrupted.
        tick: is called every half second meanwhile.
    """
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=answer, daemon=True).start()
    while True:
        try:
            result, error = answers.get(timeout=POLL_SECONDS)
        except queue.Empty:
            tick()
            continue
        if error:
            raise error
        return result
