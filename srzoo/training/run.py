"""A run is a folder: its settings, its log, its checkpoints, its pictures and its best weights."""

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from srzoo.data.fingerprint import Fingerprint, changes
from srzoo.images import atomic_file
from srzoo.recipes import Objective
from srzoo.training.checkpoints import Checkpoints, named_failure
from srzoo.training.lock import FolderLock

LOG_COLUMNS = (
    "step",
    "seconds",
    "learning_rate",
    "loss",
    "gradient_norm",
    # Of the adversarial game, see `srzoo.training.steps.AdversarialStep`.
    "content",
    "adversarial",
    "pixel",
    "grid",
    "content_share",
    "adversarial_share",
    "pixel_share",
    "grid_share",
    "d_loss",
    "d_real",
    "d_fake",
    # Of a validation.
    "psnr_y",
    "lpips",
    "colour_shift",
    "checkerboard",
    "warning",
)


@dataclass(frozen=True)
class Game:
    """Settings of the adversarial game alone.

    Attributes:
        objective: of the generator.
        discriminator_norm: see `srzoo.models.discriminator`.
        discriminator_head: the same.
        discriminator_input: the same, as `sees`.
        discriminator_rate: its learning rate as a multiple of the generator's.
        vgg: the content loss's network, see `srzoo.losses.ContentLoss`: `vgg19`, `vgg16` or a file.
        vgg_preprocessing: of that file; the same.
        lpips: file with the weights of LPIPS, by which the best weights are kept, if given.
    """

    objective: Objective
    discriminator_norm: str
    discriminator_head: str
    discriminator_input: str
    discriminator_rate: float
    vgg: str
    vgg_preprocessing: str | None
    lpips: str | None


@dataclass(frozen=True)
class Settings:
    """All that decides what a run computes; stored with it, and compared when it is resumed.

    Attributes:
        dataset: as `srzoo.data.sources.open_source` takes it.
        validation: a folder of pictures to validate on, or None for the data set's own.
        model: full name of the network.
        loss: a key of `srzoo.losses.PIXEL_LOSSES`, or of `srzoo.recipes.OBJECTIVES` in the adversarial game.
        patch: HR pixels a side of a crop.
        batch: crops in a batch, of all replicas together.
        fit: `crop` or `resize`, see `srzoo.data.pipeline.Crops`.
        schedule: a name of `srzoo.recipes.SCHEDULES`.
        learning_rate: the optimizer's, at its highest.
        halve_every: steps, for the `halving` schedule.
        steps: the run ends after so many, if given.
        minutes: the run ends after this time, if given.
        precision: float32, bfloat16 or float16.
        seed: of the start, of shuffling and of crops.
        init_weights: file the weights start from, if any.
        limit: at most so many pictures of a tensorflow-datasets name.
        game: settings of the adversarial game, or None: the network is trained on pixels.
        sync_batch_norm: whether batch normalisation takes its statistics from the crops of all replicas.
        optimizer: a key of `srzoo.training.optimizers.OPTIMIZERS`; None: Adam.
    """

    dataset: str
    validation: str | None
    model: str
    loss: str
    patch: int
    batch: int
    fit: str
    schedule: str
    learning_rate: float
    halve_every: int | None
    steps: int | None
    minutes: float | None
    precision: str
    seed: int
    init_weights: str | None
    limit: int | None
    game: Game | None = None
    # None rather than False and "adam": as in the configurations of runs that know nothing of them.
    sync_batch_norm: bool | None = None
    optimizer: str | None = None


class Run:
    """The folder of a run, new or with the run that is in it. Nothing is written before `begin`.

    Args:
        folder: where the run lives.
        settings: of the run.

    Attributes:
        lock: against a second process in the folder.

    Raises:
        ValueError: if the folder holds a run with other settings; the message names what differs.
    """

    def __init__(self, folder: Path, settings: Settings):
        self.folder = folder
        self.best_weights = folder / "best.weights.h5"
        self.samples = folder / "samples"
        self.log = folder / "log.csv"
        self.config = folder / "config.json"
        self.pictures = folder / "pictures.json"
        self.lock = FolderLock(folder)
        self.settings = settings
        if self.config.exists():
            self._compare()
        elif folder.exists() and any(folder.iterdir()):
            raise ValueError(f"{folder}: not empty and not a run of srzoo's; give another folder with --output")

    def begin(self) -> None:
        """Makes the folder with its `config.json`, unless it is there, and takes its lock.

        Raises:
            ValueError: if another process trains in the folder, or has begun a run with other settings in it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock.take()
        if self.config.exists():
            self._compare()
            return
        with named_failure(self.config), atomic_file(self.config) as temporary:
            temporary.write_text(json.dumps(asdict(self.settings), indent=2) + "\n")

    def _compare(self) -> None:
        _compare(_read_json(self.config), asdict(self.settings), self.folder)

    def compare_pictures(self, now: Fingerprint) -> str:
        """Records which pictures are trained on; in words what is not as it was when they were last recorded.

        Empty if nothing is, and for a run that has no record of its pictures yet.
        """
        before = _read_json(self.pictures) if self.pictures.exists() else now
        if before != now or not self.pictures.exists():
            with named_failure(self.pictures), atomic_file(self.pictures) as temporary:
                temporary.write_text(json.dumps(now, indent=1) + "\n")
        return changes(before, now)

    def checkpoints(self, objects: dict, say: Callable[[str], None] = print) -> Checkpoints:
        """The two last states of the run, under `checkpoints/`."""
        return Checkpoints(self.folder / "checkpoints", objects, say)

    def read_log(self) -> list[dict[str, str]]:
        """The rows of `log.csv`; empty before the first. Lines that a crash or a full disk cut short are left out."""
        if not self.log.exists():
            return []
        text = self.log.read_text("utf-8", errors="replace").replace("\0", "")
        # What follows the last line feed is a line that was not finished.
        header, *rows = [*csv.reader(text[: text.rfind("\n") + 1].splitlines())] or [[]]
        if header[:1] != ["step"]:
            return []
        return [dict(zip(header, row)) for row in rows if len(row) == len(header) and row[0].isdigit()]

    def append_log(self, rows: list[dict]) -> None:
        new = not self.log.exists()
        with named_failure(self.log), self.log.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, LOG_COLUMNS, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerows(rows)

    def forget_after(self, step: int) -> None:
        """Drops the rows of steps that the last checkpoint does not hold and that will be done again."""
        rows = [row for row in self.read_log() if int(row["step"]) <= step]
        if not rows:
            self.log.unlink(missing_ok=True)
            return
        with (
            named_failure(self.log),
            atomic_file(self.log) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, LOG_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _read_json(path: Path) -> dict:
    try:
        stored = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged ({error}); bring it back from a copy, or train anew in another folder with --output"
        ) from error
    if not isinstance(stored, dict):
        raise ValueError(f"{path} holds a {type(stored).__name__}, not what srzoo writes there; bring it back")
    return stored


def _compare(stored: dict, given: dict, folder: Path) -> None:
    different = [
        f"{key} was {stored.get(key)!r} and is now {given.get(key)!r}"
        for key in sorted(stored.keys() | given.keys())
        if stored.get(key) != given.get(key)
    ]
    if different:
        raise ValueError(
            f"{folder} holds a run with other settings ({'; '.join(different)}); "
            "repeat that run's command to resume it, or give another folder with --output"
        )
