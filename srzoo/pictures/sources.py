"""Which image files are read, and where each result goes below the folder of results."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srzoo.images import image_files
from srzoo.pictures.reading import ENDINGS


@dataclass(frozen=True)
class Source:
    """An image file to upscale.

    Attributes:
        path: of the file.
        place: where its result goes below the folder of results; the ending may change.
        refusal: why it cannot even be looked at, such as a folder without permission; mostly None.
    """

    path: Path
    place: Path
    refusal: str | None = None


def find_sources(inputs: Sequence[Path], output: Path | None) -> list[Source]:
    """Finds the image files to read, each once.

    An image in a folder keeps its path relative to that folder. What lies below `output` is left out of the folders
    above it, as these are results of earlier runs.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        ValueError: if a folder holds no images.
    """
    results = output and output.resolve()
    sources: dict[Path, Source] = {}
    for given in inputs:
        if not given.exists():
            raise FileNotFoundError(f"{given}: no such file or folder")
        if not given.is_dir():
            sources.setdefault(given.resolve(), Source(given, Path(given.name)))
            continue
        unlisted: list[OSError] = []
        own = results in (given.resolve(), *given.resolve().parents)
        found = [
            path
            for path in image_files(given, ENDINGS, unlisted.append)
            if own or results not in path.resolve().parents
        ]
        if not found and not unlisted:
            raise ValueError(f"{given}: no images in this folder; srzoo reads {', '.join(ENDINGS)}")
        for path in found:
            sources.setdefault(path.resolve(), Source(path, path.relative_to(given)))
        for error in unlisted:
            folder = Path(error.filename)
            refusal = f"{folder}: the folder cannot be listed ({error.strerror})"
            sources.setdefault(folder.resolve(), Source(folder, Path(folder.name), refusal))
    return list(sources.values())
