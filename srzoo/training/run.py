"""A run is a folder: its settings, its log, its checkpoints, its pictures and its best weights."""

import csv
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from srzoo.atomic import atomic_file, make_folder
from srzoo.data.fingerprint import Fingerprint, changes
from srzoo.training.checkpoints import named_failure
from srzoo.training.lock import FolderLock
from srzoo.training.settings import LOG_COLUMNS, Settings

LOGGER = logging.getLogger(__name__)

LONGEST_LINE = 10_000
"""Letters that a line of the log has at most; Python's reader gives up at much longer ones."""

LENGTHS = ("steps", "minutes")
"""Settings that may grow from one call to the next."""


class Run:
    """The folder of a run, new or with the run that is in it. Nothing is written before `begin`.

    Args:
        folder: where the run lives.
        settings: settings of the run.

    Attributes:
        lock: against a second process in the folder.

    Raises:
        ValueError: if the folder holds a run with other settings; the message names what differs. More steps or
            minutes are no other settings: the run is extended. Or if TensorFlow cannot write to a folder of that name.
    """

    def __init__(self, folder: Path, settings: Settings):
        self.folder = folder
        self.best_weights = folder / "best.weights.h5"
        self.samples = folder / "samples"
        self.log = folder / "log.csv"
        self.curve = folder / "curve.png"
        self.config = folder / "config.json"
        self.pictures = folder / "pictures.json"
        self.lock = FolderLock(folder)
        self.settings = settings
        if str(folder).encode(errors="replace").decode() != str(folder):
            raise ValueError(
                f"{folder}: TensorFlow writes only to folders whose names are UTF-8; give another folder with --output"
            )
        if self.config.exists():
            self._compare()
        elif folder.exists() and any(each != self.lock.path for each in folder.iterdir()):
            raise ValueError(f"{folder}: not empty and not a run of srzoo's; give another folder with --output")

    def begin(self) -> None:
        """Makes the folder with its `config.json`, unless it is there, and takes its lock.

        Raises:
            ValueError: if another process trains in the folder, or has begun a run with other settings in it.
        """
        make_folder(self.folder)
        self.lock.take()
        if self.config.exists():
            extended = self._compare()
            if not extended:
                return
            LOGGER.info("the run is extended: %s", "; ".join(extended))
        with named_failure(self.config), atomic_file(self.config) as temporary:
            temporary.write_text(json.dumps(asdict(self.settings), indent=2) + "\n")

    def _compare(self) -> list[str]:
        """Describes what extends the run; raises ValueError if anything else has changed."""
        stored = _read_json(self.config)
        given = json.loads(json.dumps(asdict(self.settings)))  # as JSON has it: its lists were tuples
        keys = sorted(stored.keys() | given.keys())
        changed = [key for key in keys if _one_spelling(stored.get(key)) != _one_spelling(given.get(key))]
        # Of a second stage, which has moved together with the first, or is called by another path.
        before, now = (Path(str(each.get("init_weights"))) for each in (stored, given))
        if now.parent.parent == self.folder.parent and now.parts[-2:] == before.parts[-2:]:
            changed = [key for key in changed if key != "init_weights"]
        different = [f"{key[:80]} was {stored.get(key)!r:.80} and is now {given.get(key)!r:.80}" for key in changed]
        if all(key in LENGTHS and _is_longer(stored.get(key), given.get(key)) for key in changed):
            return different
        raise ValueError(
            f"{self.folder} holds a run with other settings ({'; '.join(different)}); "
            "repeat that run's command to resume it, or give another folder with --output"
        )

    def compare_pictures(self, now: Fingerprint) -> str:
        """Records which pictures are trained on; in words what is not as it was when they were last recorded.

        Empty if nothing is, and for a run that has no record of its pictures yet.
        """
        before = _read_json(self.pictures) if self.pictures.exists() else now
        if not all(isinstance(of_use, dict) for of_use in before.values()):
            raise ValueError(
                f"{self.pictures} is damaged; remove it, and the run goes on with the pictures that are there"
            )
        if before != now or not self.pictures.exists():
            with named_failure(self.pictures), atomic_file(self.pictures) as temporary:
                temporary.write_text(json.dumps(now, indent=1) + "\n")
        return changes(before, now)

    def read_log(self) -> list[dict[str, str]]:
        """The rows of `log.csv`, each with all columns; empty before the first.

        Lines that a crash or a full disk cut short are left out, and those with letters where a number is to be.

        Raises:
            ValueError: if another program has written its columns anew, as a spreadsheet does with semicolons.
        """
        if not self.log.exists():
            return []
        text = self.log.read_text("utf-8", errors="replace").replace("\0", "")
        # What follows the last line feed is a line that was not finished.
        lines = [line for line in text[: text.rfind("\n") + 1].splitlines() if len(line) < LONGEST_LINE]
        header, *rows = [*csv.reader(lines)] or [[]]
        if header and header[0] != "step":
            raise ValueError(
                f"{self.log}: its first line is {','.join(header)[:40]!r}, expected step,seconds,...; bring the log "
                "back as srzoo wrote it, or move it away, and the run goes on with a new one"
            )
        cells = [dict(zip(header, row)) for row in rows if len(row) == len(header)]
        # The log of an earlier version may have other columns.
        return [row for each in cells if _is_sound(row := {name: each.get(name, "") for name in LOG_COLUMNS})]

    def append_log(self, rows: list[dict]) -> None:
        new = not self.log.exists()
        with named_failure(self.log):
            _write_rows(self.log, rows, "a", header=new)

    def forget_after(self, step: int) -> None:
        """Drops the rows of steps that the last checkpoint does not hold and that will be done again."""
        rows = [row for row in self.read_log() if int(row["step"]) <= step]
        if not rows:
            self.log.unlink(missing_ok=True)
            return
        with named_failure(self.log), atomic_file(self.log) as temporary:
            _write_rows(temporary, rows, "w", header=True)


def _write_rows(path: Path, rows: list[dict], mode: str, header: bool) -> None:
    with path.open(mode, newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, LOG_COLUMNS, lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)


def _is_sound(row: dict[str, str]) -> bool:
    try:
        for name in LOG_COLUMNS[:-1]:  # the last is the warning
            float(row[name] or 0)
        return row["step"].isdecimal() and int(row["step"]) >= 0
    except ValueError:  # also of an integer of thousands of digits
        return False


def _read_json(path: Path) -> dict:
    try:
        stored = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged ({error}); bring it back from a copy, or train anew in another folder with --output"
        ) from error
    if not isinstance(stored, dict):
        raise ValueError(f"{path} holds a {type(stored).__name__}, not what srzoo writes there; bring it back")
    return stored


def _one_spelling(setting: Any) -> Any:
    """The setting; of a path, `photos/` and `./photos` are one."""
    return os.path.normpath(setting) if isinstance(setting, str) else setting


def _is_longer(before: Any, now: Any) -> bool:
    return all(type(each) in (int, float) for each in (before, now)) and now > before > 0
