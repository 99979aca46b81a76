"""Command lines: parsing and printing only; the work is done in the other rooms."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from typing import TextIO


class _Plain(logging.Formatter):
    """A line as it is; with what is not as it should be, `note: ` before it."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{'note: ' if record.levelno >= logging.WARNING else ''}{record.getMessage()}"


def show_log(stream: TextIO | None = None) -> None:
    """Shows what the package logs, line by line; on stderr by default."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Plain())
    logger = logging.getLogger("srzoo")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def run(main: Callable[[], int | None]) -> None:
    """Runs a command; bad input becomes one sentence on stderr and exit status 2, an interrupt 130."""
    try:
        status = main() or 0
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


def start_tensorflow(devices: bool = True) -> None:
    """Imports TensorFlow and looks for devices without its messages about drivers that a machine lacks.

    Args:
        devices: whether they are started too; not for several processes, which must be joined before.

    They come from C++ before any log level counts, so stderr itself is turned away meanwhile; what it held is
    shown if the import fails. `TF_CPP_MIN_LOG_LEVEL`, where the user has set it, keeps everything.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            if devices:
                tf.zeros(1)  # the first tensor starts them
        except BaseException:
            held.seek(0)
            with contextlib.suppress(OSError):
                os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
