"""Files on whatever file system Beam reaches: paths with a scheme, such as `gs://bucket/a.png`, or of this machine.

Readers and writers of pictures want files of this machine, so others are copied to and fro.
"""

import contextlib
import io
import posixpath
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath

import numpy as np
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from srzoo import hub
from srzoo.atomic import remove_abandoned
from srzoo.pictures.reading import ENDINGS

WILDCARDS = r"[*?\[]"

EXTRAS = {"gs": ("google-cloud-storage", "gcp"), "s3": ("boto3", "aws"), "hdfs": ("hdfs", "hadoop")}
"""Scheme of a path -> a package that Beam reaches it by, and Beam's extra that installs it."""

PLAIN = CompressionTypes.UNCOMPRESSED


def is_local(path: str) -> bool:
    return "://" not in path


def must_fetch(source: str) -> bool:
    """Whether a network's file is on another file system; what is on a hub comes from there by itself."""
    return not is_local(source) and not source.startswith(hub.SCHEME)


def check_installed(path: str) -> None:
    """Raises ValueError if the packages for the path's file system are not installed."""
    scheme = path.partition("://")[0]
    package, extra = EXTRAS.get(scheme, ("", ""))
    if package and not list(metadata.distributions(name=package)):
        raise ValueError(f"{path}: {scheme}:// needs a package; run `pip install 'apache-beam[{extra}]'`")


def absolute(path: str) -> str:
    """The path as workers in other folders need it, without a slash at its end."""
    if is_local(path):
        return Path(path).absolute().as_posix()
    return path.rstrip("/")


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it, on this machine by any name: a link, or with `..` in it."""
    if is_local(path) and is_local(folder):
        return Path(path).resolve().is_relative_to(Path(folder).resolve())
    return f"{path}/".startswith(f"{folder}/")


def literal(path: str) -> str:
    """A pattern for a path with wildcards in its name, which Beam cannot quote; `place_of` has what else it matches."""
    return re.sub(WILDCARDS, "?", path)


def fixed_prefix(pattern: str) -> str:
    """The folders of a pattern before the first that has a wildcard; of a plain file, its folder.

    A folder of this machine that is called as the pattern has it is taken by its name.
    """
    there = [folder.as_posix() for folder in Path(pattern).parents if folder.is_dir()] if is_local(pattern) else []
    name = there[0] if there else ""
    return (name + re.split(WILDCARDS, pattern.removeprefix(name), maxsplit=1)[0]).rsplit("/", 1)[0]


def place_of(path: str, prefix: str, output: str, by_ending: bool) -> str | None:
    """The place of a file's result below the folder of results, without its ending; None if the file is skipped.

    Args:
        path: path of the file, which matches the pattern. It is skipped if it is not below the prefix.
        prefix: the result of `fixed_prefix`.
        output: folder of the results; files in it are skipped.
        by_ending: whether to pass over what has no ending of a picture.
    """
    if not path.startswith(f"{prefix}/"):
        return None
    place = path.removeprefix(f"{prefix}/")
    hidden = any(part.startswith(".") for part in place.split("/"))
    other = by_ending and PurePosixPath(place).suffix.lower() not in ENDINGS
    return None if hidden or other or within(posixpath.dirname(path), output) else place


def last_written(path: str) -> float | None:
    """When a file was last written, in seconds; None if there is none."""
    try:
        return FileSystems.last_updated(path)
    except Exception:  # each file system has an exception of its own for it
        return None


@contextlib.contextmanager
def fetched(path: str) -> Iterator[Path]:
    """Yields a file of this machine with the same name and content.

    Raises:
        FileNotFoundError, OSError: if it cannot be read; the message names the file.
    """
    if is_local(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="srzoo-") as folder:
        copy = Path(folder, posixpath.basename(path))
        with FileSystems.open(path, compression_type=PLAIN) as file, copy.open("wb") as target:
            shutil.copyfileobj(file, target)
        yield copy


@contextlib.contextmanager
def published(scratch: str, target: str) -> Iterator[Path]:
    """Yields a path of this machine to write to; the file comes to its target under a temporary name, and by renaming.

    If the block raises, nothing is there, and a ValueError names the target. `scratch` is on its file system.

    Raises:
        OSError: if it cannot be written.
    """
    temporary, local = f"{scratch}/{uuid.uuid4().hex}", is_local(target)
    if local:
        Path(scratch).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="srzoo-", dir=scratch if local else None) as folder:
        path = Path(folder, "result")
        try:
            yield path
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), target)) from error
        if local:
            _put(path, Path(target))
            return
        with path.open("rb") as file, FileSystems.create(temporary, compression_type=PLAIN) as remote:
            shutil.copyfileobj(file, remote)
    with contextlib.suppress(OSError, ValueError):  # it is there, or there are no folders
        FileSystems.mkdirs(posixpath.dirname(target))
    try:
        FileSystems.rename([temporary], [target])
    except BeamIOError:
        # HDFS replaces no file by renaming.
        if not FileSystems.exists(target):
            raise
        FileSystems.delete([target])
        FileSystems.rename([temporary], [target])


def _put(written: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        written.replace(target)
    except OSError as error:
        raise OSError(f"{target}: cannot be written ({error.strerror})") from error


def write_text(scratch: str, target: str, text: str) -> None:
    """Writes a text file; it appears whole or not at all."""
    with published(scratch, target) as path:
        path.write_text(text, "utf-8")


def read_text(path: str) -> str:
    with FileSystems.open(path, compression_type=PLAIN) as file:
        return file.read().decode("utf-8")


def put_array(scratch: str, name: str, values: np.ndarray) -> None:
    """Puts an array into the scratch folder, which all workers reach; it appears whole or not at all."""
    file = io.BytesIO()  # NumPy's own way to a file does not say that a disk is full
    np.save(file, values, allow_pickle=False)
    with published(scratch, f"{scratch}/{name}") as path:
        path.write_bytes(file.getbuffer())


def get_array(scratch: str, name: str) -> np.ndarray:
    with FileSystems.open(f"{scratch}/{name}", compression_type=PLAIN) as file:
        return np.load(io.BytesIO(file.read()), allow_pickle=False)


def remove(folder: str) -> None:
    """Removes a folder and what is in it, if it is there; what cannot be removed stays."""
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        _delete_matching(f"{folder}/**")


def remove_leftovers(output: str) -> None:
    """Removes what calls that were killed left in the folder of results."""
    if is_local(output):
        remove_abandoned(Path(output))
    else:
        _delete_matching(f"{output}/.writing-**")


def _delete_matching(pattern: str) -> None:
    with contextlib.suppress(Exception):
        found = FileSystems.match([pattern])[0].metadata_list
        FileSystems.delete([each.path for each in found])


def remove_file(path: str) -> None:
    """Removes a file if it is there."""
    if is_local(path):
        Path(path).unlink(missing_ok=True)
    elif FileSystems.exists(path):
        FileSystems.delete([path])
