"""One process at a time in a run's folder."""

from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows has none: there nobody but the user sees to it.
    fcntl = None  # type: ignore[assignment]


class FolderLock:
    """A lock that the operating system holds for this process, and gives back however the process ends.

    Context manager: `take` may be called within it, as often as is handy; leaving it gives the lock back.

    Args:
        folder: it must exist when the lock is taken. The lock is on the file `.lock` in it, which stays: what
            is locked is not that the file is there.

    Attributes:
        path: path of that file.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / ".lock"
        self._file: BinaryIO | None = None

    def take(self) -> None:
        """Takes the lock.

        Raises:
            ValueError: if another process has it.
        """
        if self._file or fcntl is None:
            return
        file = self.path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ValueError(
                f"{self.folder}: another process is training in this folder; wait until it ends, stop it, or give "
                "another folder with --output"
            ) from None
        except OSError:
            # Some network file systems have no locks; a run there is better than none.
            file.close()
            return
        self._file = file

    def __enter__(self) -> "FolderLock":
        return self

    def __exit__(self, *_) -> None:
        if self._file:
            # A child process may have inherited the file, so that closing it alone would not do.
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self._file.close()
            self._file = None
