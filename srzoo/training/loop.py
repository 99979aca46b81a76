"""The one training loop. What a step does, and what is measured, is passed in."""

import math
import sys
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from srzoo import recipes, zoo
from srzoo.images import write_image
from srzoo.training.doctor import Doctor
from srzoo.training.run import Run, Settings
from srzoo.training.steps import AdversarialStep, PixelStep
from srzoo.training.validation import Validation

LOG_EVERY = 10
"""Steps between two looks at the losses: each look waits for the device, so not every step has one."""

TITLES = {"psnr_y": "PSNR-Y", "lpips": "LPIPS"}

BAR = "{percentage:5.1f}%|{bar}| {elapsed}<{remaining}{postfix}"


class NotFiniteError(ArithmeticError):
    """The loss or its gradient became infinite or NaN."""


class _Progress:
    """How far a run is, by steps or by time, over all its sessions; saved with each checkpoint."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.seconds = tf.Variable(0.0, dtype=tf.float64, name="seconds")
        self.best = tf.Variable(math.nan, dtype=tf.float64, name="best")
        self._start = time.monotonic()

    def start(self) -> None:
        self._start = time.monotonic() - float(self.seconds)

    def elapsed(self) -> float:
        """Seconds of training, those before a restart included."""
        return time.monotonic() - self._start

    def share(self, step: int) -> float:
        """Done share of the run; at least 1 at its end."""
        by_time = self.elapsed() / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        by_steps = step / self.settings.steps if self.settings.steps else 0.0
        return max(by_time, by_steps)


class _Record:
    """What a run writes down while it goes on: the log, TensorBoard's files, sample pictures, warnings.

    Args:
        run: the folder.
        doctor: is told of the steps and the validations, if there is one.
        step: the last of those in the log.
    """

    def __init__(self, run: Run, doctor: Doctor | None, step: int):
        run.forget_after(step)
        self.run = run
        self.doctor = doctor
        self.summaries = tf.summary.create_file_writer(str(run.folder / "tensorboard"))
        self._unseen: list[tuple[dict, dict]] = []

    def add(self, row: dict, logs: dict[str, tf.Tensor]) -> None:
        """A step's figures, those of the device not yet read."""
        self._unseen.append((row, logs))

    def look(self, checkpoint: str | None) -> dict:
        """Reads the losses of the steps since the last look, and gives the newest."""
        rows = []
        for row, logs in self._unseen:
            row.update({name: float(value) for name, value in logs.items()})
            if not all(math.isfinite(row[name]) for name in logs):
                raise NotFiniteError(
                    f"the loss is not finite at step {row['step']} (loss {row['loss']}); the run stopped, its last "
                    f"good checkpoint is {checkpoint or 'none yet'}. Start again from it with a lower "
                    "--learning-rate, or with --precision float32"
                )
            if self.doctor:
                self._warn(row, self.doctor.watch(row["step"], row))
            rows.append(row)
        self._unseen.clear()
        self.run.append_log(rows)
        self._summarise(rows[-1])
        return rows[-1]

    def validated(self, row: dict, scores: dict[str, float], pairs: list, sample: np.ndarray) -> None:
        """A validation's scores, with the (hr, sr) pairs that they are of."""
        row = dict(row)
        if self.doctor:
            signs, warnings = self.doctor.examine(row["step"], pairs)
            scores = scores | signs
            self._warn(row, warnings)
        row.update({name: round(value, 4) for name, value in scores.items()})
        self.run.append_log([row])
        self._summarise({"step": row["step"], **scores})
        write_image(self.run.samples / f"step-{row['step']:07d}.png", sample)
        with self.summaries.as_default(row["step"]):
            tf.summary.image("lr_sr_hr", sample[None])

    def _summarise(self, row: dict) -> None:
        with self.summaries.as_default(row["step"]):
            for name, value in row.items():
                if name not in ("step", "seconds", "warning"):
                    tf.summary.scalar(name, value)

    def _warn(self, row: dict, warnings: list[str]) -> None:
        if warnings:
            row["warning"] = " ".join(warnings)
            tqdm.write(f"step {row['step']}: {row['warning']}", file=sys.stderr)


def train(
    run: Run,
    settings: Settings,
    step_fn: PixelStep | AdversarialStep,
    batches: Callable[[int], tf.data.Dataset],
    validation: Validation,
    validate_every: int,
    doctor: Doctor | None = None,
) -> float:
    """Trains until `settings.steps` or `settings.minutes` are over, from the last checkpoint if there is one.

    Args:
        run: the folder; a checkpoint found in it is restored first.
        settings: of the run.
        step_fn: what a step does.
        batches: from the number of the first step to the batches from there on.
        validation: scores `step_fn.average`; the best score's weights are kept.
        validate_every: steps between two validations, each of which ends with a checkpoint.
        doctor: watches over the adversarial game, if that is what is trained.

    Returns:
        The best of the validation's scores that the weights are kept by; NaN if it keeps the newest.

    Raises:
        NotFiniteError: at which step, and what is left to go on from.
    """
    progress = _Progress(settings)
    manager = run.checkpoints({**step_fn.checkpointed, "seconds": progress.seconds, "best": progress.best})
    if manager.latest_checkpoint:
        manager.checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    progress.start()
    step = first = int(step_fn.step)
    record = _Record(run, doctor, first)

    def validate_and_save() -> str:
        """Gives the scores in words. All losses up to here were finite, so the checkpoint is one to go on from."""
        pairs = validation.pairs()
        scores = validation.score(pairs)
        row = {"step": step, "seconds": round(progress.elapsed(), 3)}
        record.validated(row, scores, pairs, validation.sample(pairs))
        if validation.is_better(scores, float(progress.best)):
            if validation.best_by:
                progress.best.assign(scores[validation.best_by])
            zoo.save_weights(step_fn.average, run.best_weights)
        progress.seconds.assign(progress.elapsed())
        manager.save(step)
        best = f"; best {float(progress.best):.4g}" if validation.best_by else ""
        return ", ".join(f"{TITLES[name]} {score:.4g}" for name, score in scores.items()) + best

    share = progress.share(step)
    with tqdm(total=100.0, initial=round(min(100.0, 100 * share), 2), bar_format=BAR, disable=share >= 1) as bar:
        # What the game starts from is its first score: it may be hard to beat.
        scores = validate_and_save() if step == 0 and doctor else ""
        stream = iter(batches(first)) if share < 1 else iter(())
        began = time.monotonic()
        while share < 1:
            rate = recipes.learning_rate(settings.schedule, settings.learning_rate, settings.halve_every, step, share)
            logs = step_fn(*next(stream), tf.constant(rate, tf.float32))
            step += 1
            record.add({"step": step, "seconds": round(progress.elapsed(), 3), "learning_rate": rate}, logs)
            share = progress.share(step)
            validate = step % validate_every == 0 or share >= 1
            if step % LOG_EVERY == 0 or validate:
                row = record.look(manager.latest_checkpoint)
                speed = (step - first) / (time.monotonic() - began)
                if validate:
                    scores = validate_and_save()
                parts = (f"step {step}", f"loss {row['loss']:.4f}", _game(row), scores, f"{speed:.2f} steps/s")
                bar.set_postfix_str(", ".join(part for part in parts if part), refresh=False)
                bar.update(min(100.0, 100 * share) - bar.n)
    record.summaries.close()
    return float(progress.best)


def _game(row: dict) -> str:
    """How the adversarial game stands, in words."""
    if "d_real" not in row:
        return ""
    shares = " ".join(
        f"{name.removesuffix('_share')} {value:.0%}" for name, value in row.items() if name.endswith("_share")
    )
    return f"D(real) {row['d_real']:.2f}, D(fake) {row['d_fake']:.2f}, gradient: {shares}"
