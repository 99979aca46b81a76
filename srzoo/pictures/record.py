"""Record of results: a hidden file beside them says what made each, and from what."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from srzoo.images import decoding, image_files

NAME = ".srzoo-results"
"""Name of the file. Each line is a list in JSON: name, bytes, `Made.by`, `Made.of`. The last line of a file counts.

A line without `Made.of` comes before a result takes its place: after a kill between the two lines the result is known
as such, and made again.
"""


@dataclass(frozen=True)
class Made:
    """Making of a result.

    Attributes:
        by: model and size, in words.
        of: the same as for `fingerprint`.
    """

    by: str
    of: str


class Record:
    """The records of all folders, each of which is read once, and the files that were written since."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[tuple[str, int], Made]] = {}
        self._written: dict[tuple[int, int], Path] = {}

    def find(self, result: Path) -> Made | None:
        """The making of a result, if it exists and is known. Another file under its name has none."""
        return self._of(result.parent).get((result.name, result.stat().st_size)) if result.is_file() else None

    def kept(self, result: Path, by: str) -> str | None:
        """In words, what is there and `by` did not make, such as a picture of the user's own; None: it may be replaced.

        An empty file may be, as programs make one to have a name.
        """
        if not result.is_file() or not result.stat().st_size:
            return None
        made = self.find(result)
        if not made:
            return "which is not known as a result of srzoo's"
        return f"made by {made.by}" if made.by != by else None

    def wrote(self, result: Path) -> None:
        """Remembers that a result has been written in this run."""
        self._written[_identity(result)] = result

    def other_name(self, result: Path) -> Path | None:
        """Under which name the file that this one is was written in this run, where the file system has one for both.

        Some do not tell `a` from `A`, or the two ways to write `ü`.
        """
        other = self._written.get(_identity(result)) if result.exists() else None
        return other if other and other != result and other.exists() and other.samefile(result) else None

    def add(self, result: Path, made: Made, written: Path | None = None) -> None:
        """Like `remember`; this object knows it too."""
        known = self._of(result.parent)
        known[result.name, remember(result, made, written)] = made

    def without_results(self, files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
        """Parts pictures from what srzoo made of others, unless all are results: then these are meant.

        Returns:
            (the pictures, the results).
        """
        files = list(files)
        results = [file for file in files if self.find(file) or (file.is_symlink() and self.find(file.resolve()))]
        if len(results) == len(files):
            return files, []
        found = set(results)
        return [file for file in files if file not in found], results

    def _of(self, folder: Path) -> dict[tuple[str, int], Made]:
        if folder not in self._folders:
            self._folders[folder] = _read(folder / NAME)
        return self._folders[folder]


def own_pictures(folder: str | os.PathLike) -> list[Path]:
    """Image files as of `srzoo.images.image_files`, without what srzoo made of others, unless there is nothing else."""
    return Record().without_results(image_files(folder))[0]


def remember(result: Path, made: Made, written: Path | None = None) -> int:
    """Remembers how a result was made; returns its bytes, and raises OSError if the record cannot be written.

    `written` is where it lies until it takes its place.
    """
    size = (written or result).stat().st_size
    with (result.parent / NAME).open("ab") as file:
        # The line before may be cut short by a kill or a full disk, and must not take this one with it.
        file.write(f"\n{json.dumps([result.name, size, made.by, made.of])}".encode())
    return size


def _identity(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino


def _read(path: Path) -> dict[tuple[str, int], Made]:
    made: dict[tuple[str, int], Made] = {}
    try:
        lines = path.read_bytes().splitlines() if path.is_file() else []
    except OSError:
        return {}
    for line in lines:
        try:
            name, size, by, of = json.loads(line)
            made[name, size] = Made(by, of)
        except (ValueError, TypeError, RecursionError):
            continue  # cut short by a kill; its results are made again
    return made


def fingerprint(path: Path, options: str) -> str:
    """A checksum of a file's content and of all else that decides what its result is.

    Raises:
        FileNotFoundError, ImageError: if the file cannot be read.
    """
    digest = hashlib.blake2b(options.encode("utf-8", "surrogateescape"), digest_size=16)
    with decoding(path), path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
