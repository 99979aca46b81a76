"""Files and folders that appear whole or not at all, and what processes that were killed left of unfinished ones."""

import contextlib
import errno
import functools
import hashlib
import itertools
import os
import platform
import re
import secrets
import shutil
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:4]

WRITING = re.compile(r"\.writing-([0-9a-f]{4})-([0-9a-f]+)-[a-z0-9_]{8}")
"""Beginning of the name of an unfinished file or folder; machine, process and random letters follow."""

ABANDONED_SECONDS = 86_400
"""Without a change, after which what is not finished belongs to nobody, whatever machine it is of."""


def unfinished_prefix() -> str:
    return f".writing-{MACHINE}-{os.getpid():x}-"


def remove_abandoned(folder: Path) -> None:
    """Removes what processes that are no more left half-written in a folder when they were killed."""
    for path in folder.glob(".writing-*"):
        with contextlib.suppress(OSError):
            if _is_abandoned(path):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_abandoned(path: Path) -> bool:
    name = WRITING.match(path.name)
    if not name or path.is_symlink():
        return False
    if name[1] == MACHINE and os.name == "posix":  # elsewhere a process cannot be asked for so
        try:
            os.kill(int(name[2], 16), 0)
        except ProcessLookupError:
            return True
        except (PermissionError, OverflowError):
            pass
    # A container may be another machine each time, and its processes have the same few numbers.
    changed = max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    return changed < time.time() - ABANDONED_SECONDS


_remove_abandoned_once = functools.cache(remove_abandoned)


def check_place(folder: Path) -> None:
    """Raises FileExistsError, of one sentence, if a file or a broken link is where a folder is to be, or above it."""
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not there.is_dir():
        raise FileExistsError(f"expected a folder, but {there} is a {'broken link' if there.is_symlink() else 'file'}")


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, as far as they are missing; raises FileExistsError as `check_place`."""
    check_place(folder)
    folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _named(path: str | os.PathLike) -> Iterator[None]:
    """Says of a write that failed without a name, as on a full disk, what was written."""
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike, ready: Callable[[Path], object] = lambda _: None) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which takes its place on success, after `ready` was given it.

    Missing folders are made. If the block raises, the temporary file is removed and `path` is untouched; if the process
    is killed, a later one in the same folder removes it.

    Raises:
        OSError: if `path` is a folder, a device or a pipe, or the file cannot be made there.
    """
    path = Path(path)
    # By renaming, root would replace the device of the whole machine.
    if (path.exists() and not path.is_file()) or path.absolute().parent == Path("/dev"):
        raise FileExistsError(errno.EEXIST, "a folder, device or pipe, which no file replaces; name a file", str(path))
    make_folder(path.parent)
    # Some writers look at both endings of `.weights.h5`; of a long name with a point early on, the last is enough.
    endings = "".join(path.suffixes[-2:]), path.suffix, ""
    ending = next(each for each in endings if len(os.fsencode(each)) < 20)
    _remove_abandoned_once(path.parent)
    temporary = _empty_file(path, ending)
    try:
        with _named(path):
            yield temporary
        ready(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _empty_file(path: Path, ending: str) -> Path:
    """Makes a file beside `path`. Its name is no longer than that of `path` if the file system takes no longer one."""
    temporary = path.with_name(f"{unfinished_prefix()}{secrets.token_hex(4)}{ending}")
    try:
        temporary.touch(exist_ok=False)
        return temporary
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        room = len(os.fsencode(path.name)) - len(os.fsencode(ending))
        for letters in itertools.product(string.ascii_lowercase, repeat=min(room, 8)):
            name = "".join(letters) + ending
            if name != path.name.lower():  # which may be the same file
                with contextlib.suppress(FileExistsError):
                    path.with_name(name).touch(exist_ok=False)
                    return path.with_name(name)
        raise


@contextlib.contextmanager
def unfinished_folder(parent: str | os.PathLike) -> Iterator[Path]:
    """Yields a hidden folder in `parent` that is removed in the end, by a later process if this one is killed."""
    _remove_abandoned_once(Path(parent))
    with tempfile.TemporaryDirectory(prefix=unfinished_prefix(), dir=parent) as folder, _named(parent):
        yield Path(folder)
