"""Finds the image files to read, and the place of each result below the folder of results."""

import logging
import mimetypes
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from srzoo.pictures.reading import ENDINGS, RAW
from srzoo.pictures.record import Record

LOGGER = logging.getLogger(__name__)

DRAWINGS = (".ai", ".eps", ".pdf", ".ps")
VIDEOS = (".3gp", ".avi", ".flv", ".insv", ".m2ts", ".mkv", ".mov", ".mp4", ".mts", ".webm", ".wmv")


@dataclass(frozen=True)
class Source:
    """An image file to upscale.

    Attributes:
        path: path of the file.
        place: where its result goes below the folder of results; the ending may change.
        refusal: why it cannot even be looked at, such as a folder without permission; mostly None.
    """

    path: Path
    place: Path
    refusal: str | None = None


def find_sources(
    inputs: Sequence[Path], output: Path | None, record: Record | None = None, suffix: str = ""
) -> list[Source]:
    """Finds the image files to read. Two names of one file count twice, because each has its own result.

    An image in a folder keeps its path relative to that folder. What lies below `output` is left out of the folders
    above it, and so are results that the record knows, unless there is nothing else. What is passed over is logged.

    Args:
        inputs: files, and folders.
        output: folder or file of the results; None: they go beside the inputs.
        record: record of results of earlier runs.
        suffix: text between a result's name and its ending. Beside the inputs it tells the results of an earlier call.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        ValueError: if a folder holds no images.
    """
    record = record or Record()
    sources: dict[tuple[Path, Path], Source] = {}

    def add(path: Path, place: Path, refusal: str | None = None) -> None:
        # A file that is given twice, by any path, has one result.
        result = place if output else path.parent.resolve() / path.name
        sources.setdefault((path.resolve(), result), Source(path, place, refusal))

    for given in inputs:
        if not given.exists():
            raise FileNotFoundError(f"{given}: no such file or folder")
        if not given.is_dir():
            add(given, Path(given.name))
            continue
        unlisted: list[OSError] = []
        found, passed_over = pictures_below(given, output and output.resolve(), record, unlisted.append)
        if not found and not unlisted:
            among = f", but {in_words(passed_over)}" if passed_over else ""
            raise ValueError(f"{given}: no images in this folder{among}; srzoo reads {', '.join(ENDINGS)}")
        if passed_over:
            LOGGER.info("%s: passed over: %s", given, in_words(passed_over))
        for path in found:
            add(path, path.relative_to(given))
        for error in unlisted:
            folder = Path(error.filename)
            add(folder, Path(folder.name), f"{folder}: the folder cannot be listed ({error.strerror})")
    if output or not suffix:
        return list(sources.values())
    originals = {source.path.with_suffix("") for source in sources.values()}
    return [
        source
        for source in sources.values()
        if not (source.path.stem.endswith(suffix) and record.find(source.path))
        or source.path.with_name(source.path.stem.removesuffix(suffix)) not in originals
    ]


def pictures_below(
    folder: Path, results: Path | None, record: Record, onerror: Callable[[OSError], object]
) -> tuple[list[Path], Counter[str]]:
    """The pictures below a folder, and of what else there is how many; hidden files are neither.

    Args:
        folder: where to look.
        results: folder or file of the results, with its links resolved.
        record: record of results of earlier runs.
        onerror: is given the error of each folder that cannot be listed.
    """
    own = results in (folder.resolve(), *folder.resolve().parents)
    found: list[Path] = []
    passed_over: Counter[str] = Counter()
    for name, folders, files in os.walk(folder, onerror=onerror):
        place = Path(name)
        folders[:] = [each for each in folders if not each.startswith(".")]
        passed_over["folder link"] += sum((place / each).is_symlink() for each in folders)
        shown = [place / each for each in files if not each.startswith(".")]
        if not own and results in (place.resolve(), *place.resolve().parents):
            passed_over["earlier result"] += len(shown)
            continue
        kinds = {path: kind_of(path) for path in shown}
        passed_over.update(kind for kind in kinds.values() if kind)
        found += [path for path, kind in kinds.items() if not kind]
    found, earlier = record.without_results(sorted(found))
    passed_over["earlier result"] += len(earlier)
    return found, +passed_over


def kind_of(path: Path) -> str:
    """The kind of a file that is skipped in a folder, in a word or two; empty if it is not skipped."""
    if path.is_symlink() and not path.exists():
        return "broken link"
    if not path.is_file():
        return "pipe" if path.is_fifo() else "device"
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return ""
    if ending in RAW:
        return "RAW"
    kind = mimetypes.guess_type(path.name)[0] or ""
    if ending in VIDEOS or kind.startswith("video/"):
        return "video"
    return ending[1:].upper() if ending in DRAWINGS or kind.startswith("image/") else "other file"


def in_words(counts: Counter[str]) -> str:
    """`3 RAW, 2 videos`, the most first."""
    named = [(kind + "s" * (count > 1 and kind.islower()), count) for kind, count in counts.most_common()]
    return ", ".join(f"{count} {kind}" for kind, count in named)
