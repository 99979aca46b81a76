"""Work that Ctrl-C ends at once, although it is done in one call of native code."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.5

Answer = TypeVar("Answer")


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
