"""The first step of the pipeline: which files are inputs."""

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from srzoo.archive import storage
from srzoo.archive.records import ArchiveSettings, Found, Outcome
from srzoo.archive.steps import OUTCOMES
from srzoo.pictures.record import Record
from srzoo.pictures.sources import pictures_below

PASSED_OVER = "passed over"
"""Output beside the main one: (note, how many files)."""


class Match(beam.DoFn):
    """A pattern, or the path of a folder of this machine -> `Found`.

    An `Outcome` for a folder that cannot be listed, and for a name that is not UTF-8, which Beam cannot pass on.
    """

    def __init__(self, settings: ArchiveSettings):
        self.settings = settings

    def process(self, pattern: str) -> Iterator:
        for found in self._found(pattern):
            if isinstance(found, tuple):
                yield beam.pvalue.TaggedOutput(PASSED_OVER, found)
            elif isinstance(found, Found) and _spelled(found.path) == found.path:
                yield found
            else:
                reason = f"{found.path}: srzoo batch takes no names that are not UTF-8; rename it, or use srzoo resolve"
                reason = found.reason if isinstance(found, Outcome) else reason
                yield beam.pvalue.TaggedOutput(OUTCOMES, Outcome(_spelled(found.path), "failed", _spelled(reason)))

    def _found(self, pattern: str) -> Iterator[Found | Outcome | tuple[str, int]]:
        settings, path = self.settings, Path(pattern)
        if storage.is_local(pattern) and path.is_dir():
            yield from self._below(path)
        elif storage.is_local(pattern) and path.is_file():
            yield _found(path, path.name)
        else:
            for file in FileSystems.match([pattern])[0].metadata_list:
                place = storage.place_of(file.path, settings.prefix, settings.output, settings.by_ending)
                if place is not None:
                    yield Found(file.path, place, file.last_updated_in_seconds, file.size_in_bytes)

    def _below(self, folder: Path) -> Iterator[Found | Outcome | tuple[str, int]]:
        output = self.settings.output
        unlisted: list[OSError] = []
        results = Path(output).resolve() if storage.is_local(output) else None
        pictures, passed_over = pictures_below(folder, results, Record(), unlisted.append)
        for path in pictures:
            yield _found(path, path.relative_to(folder).as_posix())
        for error in unlisted:
            reason = f"{error.filename}: the folder cannot be listed ({error.strerror})"
            yield Outcome(str(error.filename), "failed", reason)
        for kind, count in passed_over.items():
            yield f"note: passed over in a folder: {kind}", count


def _found(path: Path, place: str) -> Found | Outcome:
    try:
        state = path.stat()
    except OSError as error:
        return Outcome(path.as_posix(), "failed", f"{path}: cannot be read ({error.strerror})")
    return Found(path.as_posix(), place, state.st_mtime, state.st_size)


def _spelled(text: str) -> str:
    """The text in UTF-8, with what is none as Python writes it."""
    return text.encode("utf-8", "backslashreplace").decode()
