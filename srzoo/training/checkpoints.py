"""The last two states of a run, and what is done when one of them cannot be read or written."""

import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from srzoo.images import ImageError

LOGGER = logging.getLogger(__name__)

KEPT = 2

LATER = ("halvings",)
"""Variables that checkpoints of earlier versions lack; they then keep their start values."""


class Checkpoints:
    """The checkpoints under a run's `checkpoints/`, each named by its step.

    Args:
        folder: theirs; made by the first `save`.
        objects: name -> variable, model or optimizer: all that must be saved.
    """

    def __init__(self, folder: Path, objects: dict):
        self.folder = folder
        self._objects = objects
        self._manager: tf.train.CheckpointManager | None = None

    @property
    def steps(self) -> list[int]:
        """Steps of the checkpoints, or of what is left of them, the newest last."""
        matches = [re.fullmatch(r"ckpt-(\d+)\..*", file.name) for file in self.folder.glob("ckpt-*")]
        return sorted({int(match[1]) for match in matches if match})

    def restore(self) -> int | None:
        """Goes back to the newest checkpoint that can be read; those after it are named and put aside.

        Returns:
            Its step, or None if no checkpoint has ever been finished.

        Raises:
            ValueError: if there were checkpoints, but none can be read.
        """
        self._remove_unfinished()
        # Not what TensorFlow's own list of checkpoints says is there: that file may be damaged too.
        bad: list[int] = []
        reasons: list[str] = []
        for step in reversed(self.steps):
            reason = self._read(step)
            if reason is None:
                if bad:
                    LOGGER.warning(
                        "%s: the run goes on from the checkpoint before, of step %d", "; ".join(reasons), step
                    )
                    for file in (file for each in bad for file in self._files(each)):
                        file.replace(file.with_name(f"unreadable-{file.name}"))
                return step
            bad.append(step)
            reasons.append(f"{self._path(step)} cannot be read ({reason})")
        # The list is written after the first checkpoint; without one, that was cut short by the end of the process.
        if not (self.folder / "checkpoint").exists() and not any(self.folder.glob("ckpt-*.index")):
            return None
        raise ValueError(
            f"{'; '.join(reasons) or f'{self.folder} holds no checkpoint any more'}: nothing is left to go on from; "
            "bring a checkpoint back from a copy, or train anew in another folder with --output"
        )

    def save(self, step: int) -> None:
        """Writes a checkpoint, then removes all but the last two; if that fails, those before it are untouched.

        Raises:
            OSError: if it cannot be written, as on a full disk.
        """
        try:
            with named_failure(self._path(step)):
                self._opened().save(step)
        except OSError:
            self._remove_unfinished()
            raise

    def forget(self, step: int) -> None:
        """Removes a checkpoint that nothing good can come of, unless it is the only one."""
        if len(self.steps) > 1:
            self._manager = None
            for file in self._files(step):
                file.unlink()

    def _files(self, step: int) -> list[Path]:
        return list(self.folder.glob(f"ckpt-{step}.*"))

    def _path(self, step: int) -> Path:
        return self.folder / f"ckpt-{step}"

    def _read(self, step: int) -> str | None:
        """Restores all objects; in words why not, and then some may be restored and others not."""
        path = str(self._path(step))
        try:
            held = {name.split("/")[0] for name, _ in tf.train.list_variables(path)}
            objects = {name: each for name, each in self._objects.items() if name in held or name not in LATER}
            tf.train.Checkpoint(**objects).restore(path).assert_consumed()
        except Exception as error:
            # TensorFlow raises for a damaged file OpError, IndexError, ValueError or AssertionError.
            return _in_words(error)
        return None

    def _opened(self) -> tf.train.CheckpointManager:
        if self._manager is None:
            if self.steps:
                paths = [str(self._path(step)) for step in self.steps]
                # Else the manager would count those that were put aside among the two that it keeps. It never removes
                # what is not younger than what it wants preserved, hence the times.
                tf.compat.v1.train.update_checkpoint_state(
                    str(self.folder),
                    paths[-1],
                    paths,
                    all_model_checkpoint_timestamps=[1.0] * len(paths),
                    last_preserved_timestamp=0.0,
                )
            self._manager = tf.train.CheckpointManager(
                tf.train.Checkpoint(**self._objects), str(self.folder), max_to_keep=KEPT
            )
        return self._manager

    def _remove_unfinished(self) -> None:
        """Files of a checkpoint that was cut short."""
        for folder in self.folder.glob("ckpt-*_temp"):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def named_failure(path: Path) -> Iterator[None]:
    """Says of a failed write, of Python's or TensorFlow's, which file it was and how to go on.

    Raises:
        OSError: for an error of writing in the block.
    """
    try:
        yield
    except (OSError, tf.errors.OpError, ImageError) as error:
        reason = _in_words(error.__cause__ or error)  # an ImageError names the file itself
        raise OSError(
            f"{path} cannot be written ({reason}); the run stopped, and the checkpoints that it has are "
            "whole: make room, and repeat the command to resume"
        ) from error


def _in_words(error: BaseException) -> str:
    """An error's text for the inside of a sentence, without TensorFlow's words for where in a graph it was."""
    if isinstance(error, OSError) and error.strerror:  # without the file's name, which the sentence has
        return error.strerror
    lines = str(getattr(error, "message", error)).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^\{\{.*?\}\} | \[Op:\w+\]$", "", lines[0])[:200]
