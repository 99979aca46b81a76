"""Records that go from one step of the pipeline to the next: names and numbers, never pixels."""

from dataclasses import dataclass

from srzoo.pictures.animations import Playing
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.record import Made
from srzoo.runtimes.choice import Choice
from srzoo.runtimes.tiles import Tile
from srzoo.upscaling.sizes import Size


@dataclass(frozen=True)
class Chosen:
    """A network: which, and how pictures are cut for it."""

    choice: Choice
    scale: int
    halo: int | None
    alignment: int


@dataclass(frozen=True)
class ArchiveSettings:
    """Settings for all pictures of a call.

    Attributes:
        pattern: pattern of the inputs for Beam, or the path of a folder of this machine.
        prefix: the result of `srzoo.archive.storage.fixed_prefix`.
        by_ending: whether files without the ending of a picture are skipped.
        output: folder of the results.
        scratch: folder in it for what is not finished.
        networks: the network of all pictures; for `auto` the one for clean and the one for damaged pictures.
        made_by, options: the same as for `srzoo.upscaling.batch.Results`.
        size: size of the results.
        wanted: a key of `srzoo.pictures.formats.FORMATS`, or None for each input's own format.
        memory: bytes for a tile.
        max_pixels: largest number of pixels of an input.
        unit_pixels: largest number of pixels of a work unit with its halo.
        overwrite: whether of several inputs with one result the last one is taken.
        since: a result that was written after this moment is of this call; infinite in its first attempt.
        given_up: paths of inputs that are not tried again.
        watch: folder of this machine in which workers signal that they are alive, or None.
    """

    pattern: str
    prefix: str
    by_ending: bool
    output: str
    scratch: str
    networks: tuple[Chosen, ...]
    made_by: str
    options: str
    size: Size
    wanted: str | None
    memory: int
    max_pixels: int
    unit_pixels: int
    overwrite: bool = False
    since: float = float("inf")
    given_up: tuple[str, ...] = ()
    watch: str | None = None


@dataclass(frozen=True)
class Found:
    """An input: its path, where its result goes below the folder of results, when it was last written, its bytes."""

    path: str
    place: str
    written: float
    size: int


@dataclass(frozen=True)
class Planned:
    """An input and its result.

    Attributes:
        path: path of the input.
        target: path of the result.
        written_as: Pillow's name of its format.
        notes: what is to be said of the result.
        done: whether it is there, and was made of this input with these options.
        large: whether it is cut into work units.
        made: how the result is made, where that is noted.
        network: its place among those of the settings.
    """

    path: str
    target: str
    written_as: str
    notes: tuple[str, ...] = ()
    done: bool = False
    large: bool = False
    made: Made | None = None
    network: int = 0


@dataclass(frozen=True)
class Sheet:
    """A picture that was cut, without its pixels.

    Attributes:
        planned: input and result.
        size: width and height of the result.
        upscaled: width and height of the network's result, before it is reduced.
        grey, deep, transparent: the same as for `srzoo.pictures.pixels.Pixels`.
        metadata: true of the result.
        playing, lossless: the same as for `srzoo.pictures.writing.write_frames`.
        units: how many there are.
        notes: what was changed or left out on reading, and what the result's format does not hold.
    """

    planned: Planned
    size: tuple[int, int]
    upscaled: tuple[int, int]
    grey: bool
    deep: bool
    transparent: bool
    metadata: Metadata
    playing: Playing
    lossless: bool
    units: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Unit:
    """A part of a picture: what it sees is in the scratch folder as `<name>.lr`, its result as `<name>.sr`.

    Attributes:
        path: path of the picture.
        name, tile: of the part.
        network: its place among those of the settings.
        precise: whether the picture needs it in float32.
        seconds: seconds that the network computed.
        failure: why there is no result.
    """

    path: str
    name: str
    tile: Tile
    network: int
    precise: bool = False
    seconds: float = 0
    failure: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Outcome of an input.

    Attributes:
        path: path of the input.
        kind: `upscaled`, `there` or `failed`.
        reason: why it failed, in a sentence.
        pixels: pixels of the result, over all frames.
        seconds: seconds that the network computed.
        notes: what is said of the result.
    """

    path: str
    kind: str
    reason: str = ""
    pixels: int = 0
    seconds: float = 0
    notes: tuple[str, ...] = ()
