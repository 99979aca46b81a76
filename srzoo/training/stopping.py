"""Stop signals: a run notes a signal, and the loop stops where it can resume."""

import signal
import threading
from types import FrameType

ASKING = (signal.SIGTERM, signal.SIGINT)
HANGING_UP = tuple(getattr(signal, name) for name in ("SIGHUP",) if hasattr(signal, name))
"""Comes when the terminal is closed or its connection breaks, from the shell and from the system; Windows has none."""


class Stopped(Exception):
    """A run was asked to stop, and did after saving a checkpoint.

    Attributes:
        status: exit status of the command: 128 plus the signal's number, as shells have it (SIGTERM 143, SIGINT 130,
            SIGHUP 129).
    """

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.status = 128 + number


class StopRequest:
    """Context manager: within it SIGHUP and the first SIGTERM or SIGINT are noted; what follows these does what it does
    elsewhere.

    A signal that the process was started to ignore, as by `nohup`, stays ignored. Outside the main thread, where Python
    sets no signal handlers, nothing is noted.

    Attributes:
        number: number of the signal that came, or None.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            heeded = [number for number in (*ASKING, *HANGING_UP) if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._note) for number in heeded}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            # None: a handler that C code had set, which Python cannot set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]
        self._before = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        if number in ASKING:
            self.__exit__()
