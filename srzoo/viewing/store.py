"""Files of visitors: each in a folder whose name nobody guesses, for a time, and together within a limit."""

import contextlib
import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class _Kept:
    size: int
    until: float


class Store:
    """Folders of files. Each file is deleted when its time has passed.

    Args:
        root: the folder that holds them; it is made.
        limit: bytes of all files together.

    Attributes:
        root: as given.
    """

    def __init__(self, root: Path, limit: int):
        root.mkdir(parents=True)
        self.root, self._limit = root, limit
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def new(self, seconds: float, size: int = 0) -> Path:
        """Makes a folder.

        Args:
            seconds: seconds that it is kept.
            size: bytes that will be put there.

        Raises:
            ValueError: if there is no room; one sentence.
        """
        self.sweep()
        with self._lock:
            if self._total() + size > self._limit:
                raise ValueError(
                    f"This page holds as many pictures as it can, {self._limit / 1e6:g} MB; try again in a few minutes."
                )
            name = secrets.token_urlsafe(16)
            self._kept[name] = _Kept(size, time.monotonic() + seconds)
        folder = self.root / name
        folder.mkdir()
        return folder

    def keep(self, path: Path, seconds: float) -> None:
        """Keeps the folder of a file for so many seconds from now on."""
        with self._lock:
            if kept := self._kept.get(self._name(path)):
                kept.until = time.monotonic() + seconds

    def weigh(self, folder: Path) -> None:
        """Counts what was put into a folder, and removes the ones that would go next until all are within the limit.

        Raises:
            ValueError: if the folder alone is beyond it; one sentence.
        """
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if size > self._limit:
            raise ValueError(
                f"The answer has {size / 1e6:.0f} MB, more than the {self._limit / 1e6:g} MB that this page holds; "
                "upscale fewer pictures at once, or by a lower scale."
            )
        with self._lock:
            if kept := self._kept.get(self._name(folder)):
                kept.size = size
            others = sorted(self._kept.keys() - {self._name(folder)}, key=lambda name: self._kept[name].until)
            for name in others:
                if self._total() <= self._limit:
                    break
                self._remove(name)

    def find(self, place: str) -> Path | None:
        """The file at a place below the root; None if there is none, or no more."""
        path = self.root / place
        with contextlib.suppress(ValueError, OSError):  # as of a null character, or of a name that is too long
            if path.is_file() and self.root.resolve() in path.resolve().parents:
                return path
        return None

    def remove(self, path: Path) -> None:
        """Deletes the folder of a file, or a folder."""
        with self._lock:
            self._remove(self._name(path))

    def sweep(self) -> None:
        """Deletes what is kept no longer."""
        with self._lock:
            for name in [name for name, kept in self._kept.items() if kept.until < time.monotonic()]:
                self._remove(name)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).parts[0]

    def _total(self) -> int:
        return sum(kept.size for kept in self._kept.values())

    def _remove(self, name: str) -> None:
        self._kept.pop(name, None)
        shutil.rmtree(self.root / name, ignore_errors=True)
