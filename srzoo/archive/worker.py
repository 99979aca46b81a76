"""State of a worker process: the network, loaded once, and signs of life for the watcher."""

import contextlib
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from apache_beam.utils.shared import Shared

from srzoo.archive import storage
from srzoo.archive.records import ArchiveSettings
from srzoo.runtimes.choice import Choice, choose
from srzoo.runtimes.network import Network
from srzoo.upscaling import Upscaler


class Loaded:
    """An upscaler that tells how long its network computed, and that it is alive.

    Attributes:
        upscaler: upscaler with the network.
        network: its name, scale and halo.
    """

    def __init__(self, network: Network, memory: int):
        self._used = threading.local()
        self.watch: str | None = None
        self.network = network.wrapped_by(self._timed)
        self.upscaler = Upscaler(self.network, memory)

    def _timed(self, run: Callable, *given) -> np.ndarray:
        start = time.perf_counter()
        result = run(*given)
        self._used.seconds = getattr(self._used, "seconds", 0.0) + time.perf_counter() - start
        alive(self.watch)
        return result

    def seconds(self) -> float:
        """Seconds that the network computed for this thread since it last asked."""
        seconds = getattr(self._used, "seconds", 0.0)
        self._used.seconds = 0.0
        return seconds


def load(choice: Choice, memory: int) -> Loaded:
    """Loads the network; a file on another file system is fetched first.

    Args:
        choice: the same as for `srzoo.runtimes.choice.choose`.
        memory: bytes for a tile.

    Raises:
        ValueError, OSError: the errors of `srzoo.runtimes.choice.choose` and `Upscaler`.
    """
    with contextlib.ExitStack() as stack:
        remote: dict[str, Any] = {
            name: str(stack.enter_context(storage.fetched(path)))
            for name in ("source", "pixel_weights")
            if (path := getattr(choice, name)) and storage.must_fetch(path)
        }
        return Loaded(choose(replace(choice, **remote)), memory)


class Loads(list[Loaded]):
    """Networks that a process shares; Beam takes no plain list."""


def load_all(choices: Iterable[Choice], memory: int) -> Loads:
    return Loads(load(choice, memory) for choice in choices)


def acquire(shared: Shared, settings: ArchiveSettings) -> Loads:
    """The process's networks, loaded by whoever is the first to ask."""
    choices = [each.choice for each in settings.networks]
    loads = shared.acquire(lambda: load_all(choices, settings.memory))
    for loaded in loads:
        loaded.watch = settings.watch
    return loads


@contextlib.contextmanager
def at_work(watch: str | None, path: str) -> Iterator[None]:
    """Leaves word that this process has a picture in hand; if it is killed meanwhile the word stays."""
    if watch is None:
        yield
        return
    word = Path(watch, f"{os.getpid()}-{uuid.uuid4().hex}")
    word.write_text(path, "utf-8")
    try:
        yield
    finally:
        word.unlink(missing_ok=True)
        alive(watch)


def in_hand(watch: str, of_all: bool) -> list[str]:
    """Paths of the pictures that processes have in hand: all of them, or those that are no more."""
    words = [word for word in Path(watch).glob("*-*") if of_all or not _lives(int(word.name.split("-")[0]))]
    return sorted({word.read_text("utf-8") for word in words})


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def alive(watch: str | None) -> None:
    if watch:
        Path(watch, "alive").touch()


def last_sign(watch: str) -> float:
    """When a worker last gave a sign of life, in seconds, or 0."""
    try:
        return Path(watch, "alive").stat().st_mtime
    except OSError:
        return 0.0


def workspace(settings: ArchiveSettings) -> str:
    """A folder of this machine with room for a whole result: that of its parts, where it is here."""
    return settings.scratch if storage.is_local(settings.scratch) else tempfile.gettempdir()
