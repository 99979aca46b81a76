"""Command lines: parsing and printing only; the work is done in the other packages."""

import contextlib
import importlib.machinery
import io
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any, TextIO

from srzoo.tables import printable, speaking


def say(line: str, stream: TextIO | None, is_result: bool = False) -> None:
    """Prints a line, in which names of files do nothing to a terminal.

    A bar that is being drawn makes way for it. A reader that has gone, a full disk or a closed stream lose the line,
    and the work continues. Where the line is the command's result, a full disk raises OSError.
    """
    if stream is None or stream.closed:
        return
    encoding = stream.encoding or "utf-8"
    bars = sys.modules.get("tqdm")
    try:
        with speaking, bars.tqdm.external_write_mode(stream) if bars else contextlib.nullcontext():
            stream.write(printable(line).encode(encoding, "backslashreplace").decode(encoding) + "\n")
            stream.flush()
    except OSError as error:
        # What is left in the stream would be tried again at the end, and make the status of the command 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if is_result and not isinstance(error, BrokenPipeError):
            raise OSError(f"the standard output cannot be written ({error.strerror})") from error


class _Said(logging.Handler):
    """A line; if something is wrong, `note: ` comes before it."""

    def __init__(self, stream: TextIO | None):
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        say(f"{'note: ' if record.levelno >= logging.WARNING else ''}{record.getMessage()}", self._stream)


def show_log(stream: TextIO | None = None) -> None:
    """Shows what the package logs, line by line; on stderr by default."""
    logger = logging.getLogger("srzoo")
    logger.handlers[:] = [_Said(stream or sys.stderr)]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _interrupt(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # once: what was half done is being removed
    raise KeyboardInterrupt(number)


def run(main: Callable[[], int | None], at_once: bool = False) -> None:
    """Runs a command; bad input becomes one sentence on stderr and exit status 2.

    After Ctrl-C, SIGTERM and SIGHUP what was half done is removed, and the status is 128 and the signal's number.

    Args:
        main: gives the status; None is 0.
        at_once: whether the process then ends without taking apart what it holds, which takes OpenVINO 45 ms. It is for
            a command that has closed all its files and has no thread at work. An interactive session (`%run`) goes on.
    """
    _open_streams()
    # What is damaged is told in a sentence of ours.
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
    for name in ("PIL", "tifffile", "matplotlib"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    quiet_tensorflow()
    for name in ("SIGTERM", "SIGHUP"):  # Windows has one of them; `nohup` has one ignored
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    try:
        status = main() or 0
    except (ValueError, OSError, ArithmeticError, MemoryError) as error:
        text = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:  # Python adds `[Errno 13]`
            text = f"{error.filename}: {error.strerror}"
        # Lists in messages have lines of their own, which begin with two spaces.
        for line in re.split(r"\n(?=  )", f"error: {text or type(error).__name__}"):
            say(line, sys.stderr)
        status = 2
    except KeyboardInterrupt as error:
        say("interrupted", sys.stderr)
        # A runtime may still be computing, and Python would wait for it; whatever was half done has been removed.
        status, at_once = 128 + (*error.args, signal.SIGINT)[0], True
    if at_once and not hasattr(sys, "ps1"):
        with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
            sys.stdout.flush()
        os._exit(status)
    sys.exit(status)


def _open_streams() -> None:
    """Gives a process that was started without a standard stream (`2>&-`) an empty one, and stdout a buffer.

    Else the next file that is opened would be that stream, and libraries would write their messages into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)  # which it is not where the two were one
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
    out = sys.stdout
    if isinstance(getattr(out, "buffer", None), io.RawIOBase):
        # PYTHONUNBUFFERED, which containers set: a full disk or a pipe then takes a part, and nobody is told.
        sys.stdout = os.fdopen(out.fileno(), "w", encoding=out.encoding, errors=out.errors, closefd=False)


def quiet_tensorflow() -> None:
    """Imports TensorFlow, wherever that happens first, without its messages about missing drivers.

    They come from C++ before any log level counts, so stderr itself is turned away meanwhile; what it held is
    shown if the import fails. `TF_CPP_MIN_LOG_LEVEL`, where the user has set it, keeps everything.
    """
    sys.meta_path.insert(0, _QuietTensorFlow())


class _QuietTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow" or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name)
        if spec and spec.loader:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
            imported = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _quietly(imported, module)  # type: ignore[method-assign]
        return spec


def _quietly(imported: Callable[[ModuleType], object], tf: Any) -> None:
    from srzoo.runtimes.exported import quiet  # NumPy, which most of `--help` need not wait for

    with quiet():
        imported(tf)
        tf.get_logger().setLevel("ERROR")  # of its warnings to programmers a resumed training would show one
        tf.config.list_physical_devices()
        if "TF_CONFIG" not in os.environ:  # processes that it names must be joined before devices start
            tf.zeros(1)  # the first tensor starts them
