"""What goes from one step of the pipeline to the next: names and numbers, never pixels."""

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
class Settings:
    """What holds for all pictures of a call.

    Attributes:
        pattern: of the inputs, as Beam matches it; or the path of a folder of this machine.
        prefix: of `srzoo.archive.storage.fixed_prefix`.
        by_ending: whether what has no ending of a picture is passed over.
        output: folder of the results.
        scratch: folder in it for what is not finished.
        networks: the one of all pictures; or of `auto` that for clean ones and that for damaged ones.
        made_by, options: as of `srzoo.upscaling.batch.Results`.
        size: of the results.
        wanted: a key of `srzoo.pictures.formats.FORMATS`, or None for each input's own format.
        memory: bytes for a tile.
        max_pixels: that an input may have.
        unit_pixels: that a work unit may have, halo included.
        overwrite: whether of several inputs with one result the last one is taken.
        since: a result that was written after this moment is of this call; infinite in its first attempt.
        given_up: paths of inputs that are not tried again.
        watch: folder of this machine in which workers tell that they are alive, or None.
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
        path: of the input.
        target: of the result.
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
    """Of a picture that was cut: all but its pixels.

    Attributes:
        planned: input and result.
        size: width and height of the result.
        upscaled: width and height as the network gives it, from which it is brought down.
        grey, deep, transparent: as of `srzoo.pictures.pixels.Pixels`.
        metadata: true of the result.
        playing, lossless: as of `srzoo.pictures.writing.write_frames`.
        units: how many there are.
        notes: what was said on reading.
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
    """A part of a picture: what it sees is on the shelf as `<name>.lr`, its result as `<name>.sr`."""

    path: str
    name: str
    tile: Tile
    network: int
    seconds: float = 0
    failure: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        path: of the input.
        kind: `upscaled`, `there` or `failed`.
        reason: why it failed, in a sentence.
        pixels: of the result, all frames together.
        seconds: that the network computed.
        notes: what is said of the result.
    """

    path: str
    kind: str
    reason: str = ""
    pixels: int = 0
    seconds: float = 0
    notes: tuple[str, ...] = ()
