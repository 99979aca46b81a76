"""Bars that show how far a picture is, and how many are done."""

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from srzoo.runtimes.tiles import Tile, area
from srzoo.tables import printable


def over_pictures(pictures: Sequence, title: str = "") -> Iterable:
    """Gives pictures back one by one, with a bar on stderr if that is a terminal."""
    from tqdm import tqdm

    return tqdm(pictures, printable(title) or None, unit="picture", leave=False, disable=None)


TICK_SECONDS = 0.5


class Bar:
    """A bar over the tiles of a picture, by their pixels, with the time left.

    It moves within a tile too, and its clock while the result is written, until `close`.

    Args:
        shown: whether it is; never where stderr is no terminal.

    Attributes:
        title: text before the bar.
        rate: pixels a second, as far as it is known.
    """

    def __init__(self, shown: bool):
        self.shown = shown and sys.stderr.isatty()
        self.title = ""
        self.rate = 0.0
        self._bar: Any = None
        self._done = self._area = 0
        self._began = 0.0
        self._closed, self._lock = threading.Event(), threading.Lock()

    def __call__(self, tiles: list[Tile]) -> Iterator[Tile]:
        """Gives the tiles back, as `Upscaler` wants its progress."""
        if not self.shown:
            yield from tiles
            return
        from tqdm import tqdm

        self.close()
        total, self._done = sum(map(area, tiles)), 0
        form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
        self._bar = tqdm(total=total, desc=self.title, leave=False, bar_format=form)
        self._closed = threading.Event()
        threading.Thread(target=self._move, args=(self._closed,), daemon=True).start()
        for tile in tiles:
            self._area, self._began = area(tile), time.monotonic()
            yield tile
            self.rate = self._area / max(1e-6, time.monotonic() - self._began)
            with self._lock:
                self._done, self._area = self._done + self._area, 0
                self._bar.update(self._done - self._bar.n)

    def _move(self, closed: threading.Event) -> None:
        while not closed.wait(TICK_SECONDS):
            self.tick()

    def tick(self) -> None:
        """Moves it as far as the tile in hand is likely to be."""
        with self._lock:
            if self._bar is not None:
                likely = min(0.95 * self._area, self.rate * (time.monotonic() - self._began))
                self._bar.update(max(0.0, self._done + likely - self._bar.n))
                self._bar.refresh()

    def close(self) -> None:
        """Takes it away."""
        self._closed.set()
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None
