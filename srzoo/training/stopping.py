"""Stop signals: a run notes a signal, and the loop stops where it can resume."""

import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """A run was asked to stop, and did after saving a checkpoint.

    Attributes:
        status: exit status of the command: 128 plus the signal's number, as shells have it (SIGTERM 143, SIGINT 130).
    """

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.status = 128 + number


class StopRequest:
    """Context manager: within it the first SIGTERM or SIGINT is noted; the second does what it does elsewhere.

    Outside the main thread, where Python sets no signal handlers, nothing is noted.

    Attributes:
        number: number of the signal that came, or None.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            # None: a handler that C code had set, which Python cannot set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]
        self._before = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        self.__exit__()
