"""Decoded pictures, held in memory up to a stated size and in one temporary file beyond it."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import Queue
from typing import BinaryIO

import numpy as np

from srzoo.data.items import Item
from srzoo.images import check_pixels

REGION = 1 << 30
"""Bytes of the file that are mapped at once: a map takes a file descriptor, of which a process has about a thousand."""


class PairCache:
    """A list of uint8 (lr, hr) pairs that never holds more than `memory` bytes of them in memory.

    What does not fit is appended to an unnamed temporary file and mapped from there, so that the
    operating system keeps in memory what it has room for. The file goes when the process ends.

    Args:
        memory: bytes of pixels to hold in memory.

    Raises:
        OSError: from `append`, if the file finds no room.
    """

    def __init__(self, memory: float):
        self._free = memory
        self._file: BinaryIO | None = None
        self._region = np.empty(0, np.uint8)
        self._start = self._used = 0
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self._pairs[index]

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return iter(self._pairs)

    def append(self, lr: np.ndarray, hr: np.ndarray) -> None:
        size = lr.nbytes + hr.nbytes
        if size <= self._free:
            self._free -= size
            self._pairs.append((lr, hr))
        else:
            self._free = 0  # small pictures must not overtake: the order of memory use stays that of arrival
            try:
                self._pairs.append((self._spill(lr), self._spill(hr)))
            except OSError as error:
                raise OSError(
                    f"{tempfile.gettempdir()}: no room for the pictures beyond --memory ({error.strerror}); make room "
                    "there, name another folder by the variable TMPDIR, or give a higher --memory"
                ) from error

    def _spill(self, pixels: np.ndarray) -> np.ndarray:
        if self._file is None:
            # Unnamed and open as long as the cache lives, so that nothing is left behind, whatever happens.
            self._file = tempfile.TemporaryFile(prefix="srzoo-")  # noqa: SIM115
        size = pixels.nbytes
        if self._used + size > len(self._region):
            self._start, self._used = self._start + len(self._region), 0
            length = max(REGION, size)
            self._file.truncate(self._start + length)
            self._region = np.memmap(self._file, dtype=np.uint8, mode="r", offset=self._start, shape=(length,))
        # Written as a file: on a full disk that raises an error, where writing to memory would end the process.
        self._file.seek(self._start + self._used)
        self._file.write(np.ascontiguousarray(pixels).data)
        self._file.flush()
        self._used += size
        return self._region[self._used - size : self._used].reshape(pixels.shape)


def read_all(
    items: Iterable[Item], scale: int, refused: Callable[[str], None]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Reads items in several threads, in their order, a few ahead of what is asked for.

    Args:
        items: what to read.
        scale: what HR must be of LR.
        refused: gets a sentence for each item that cannot be read or whose pair does not fit.

    Yields:
        (name, lr, hr) of each picture that could be read.
    """

    def read(item: Item):
        lr, hr = item.read()
        check_pixels(lr, f"{item.name}: LR")
        check_pixels(hr, f"{item.name}: HR")
        if hr.shape[:2] != (lr.shape[0] * scale, lr.shape[1] * scale):
            raise ValueError(f"{item.name}: HR of {hr.shape[:2]} is not {scale} times LR of {lr.shape[:2]}")
        return item.name, lr, hr

    def result(item: Item, future: Future):
        try:
            return future.result()
        except (ValueError, OSError) as error:
            refused(str(error))
        except Exception as error:
            # Damage can come out of decoders as nearly any exception; one picture is not worth the run.
            refused(f"{item.name}: cannot be decoded ({type(error).__name__}: {error})")
        return None

    items, threads = iter(items), max(2, os.cpu_count() or 1)
    waiting: Queue[tuple[Item, Future]] = Queue()
    with ThreadPoolExecutor(threads) as pool:
        for item in islice(items, 2 * threads):
            waiting.put((item, pool.submit(read, item)))
        while not waiting.empty():
            picture = result(*waiting.get())
            for item in islice(items, 1):
                waiting.put((item, pool.submit(read, item)))
            if picture is not None:
                yield picture
