"""The one training loop. What a step does, and what is measured, is passed in."""

import math
import time
from collections.abc import Callable

import tensorflow as tf
from tqdm import tqdm

from srzoo import recipes, zoo
from srzoo.images import write_image
from srzoo.training.run import Run, Settings
from srzoo.training.validation import Validation

LOG_EVERY = 10
"""Steps between two looks at the losses: each look waits for the device, so not every step has one."""

BAR = "{percentage:5.1f}%|{bar}| {elapsed}<{remaining}{postfix}"


class NotFiniteError(ArithmeticError):
    """The loss or its gradient became infinite or NaN."""


class _Progress:
    """How far a run is, by steps or by time, over all its sessions; saved with each checkpoint."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.seconds = tf.Variable(0.0, dtype=tf.float64, name="seconds")
        self.best_psnr_y = tf.Variable(-math.inf, dtype=tf.float64, name="best_psnr_y")
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


def train(
    run: Run,
    settings: Settings,
    step_fn,
    batches: Callable[[int], tf.data.Dataset],
    validation: Validation,
    validate_every: int,
) -> float:
    """Trains until `settings.steps` or `settings.minutes` are over, from the last checkpoint if there is one.

    Args:
        run: the folder; a checkpoint found in it is restored first.
        settings: of the run.
        step_fn: a step such as `srzoo.training.steps.PixelStep`.
        batches: from the number of the first step to the batches from there on.
        validation: scores `step_fn.average`; the best score's weights are kept.
        validate_every: steps between two validations, each of which ends with a checkpoint.

    Returns:
        The best validation PSNR-Y in dB.

    Raises:
        NotFiniteError: at which step, and what is left to go on from.
    """
    progress = _Progress(settings)
    manager = run.checkpoints(
        {**step_fn.checkpointed, "seconds": progress.seconds, "best_psnr_y": progress.best_psnr_y}
    )
    if manager.latest_checkpoint:
        manager.checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    progress.start()
    step = first = int(step_fn.step)
    run.forget_after(first)
    summaries = tf.summary.create_file_writer(str(run.folder / "tensorboard"))
    unseen: list[tuple[dict, dict]] = []

    def look() -> dict:
        """Reads the losses of the steps since the last look, and gives the newest."""
        for row, logs in unseen:
            row.update({name: float(value) for name, value in logs.items()})
            if not all(math.isfinite(row[name]) for name in logs):
                raise NotFiniteError(
                    f"the loss is not finite at step {row['step']} (loss {row['loss']}); the run stopped, its last "
                    f"good checkpoint is {manager.latest_checkpoint or 'none yet'}. Start again from it with a lower "
                    "--learning-rate, or with --precision float32"
                )
        run.append_log([row for row, _ in unseen])
        newest = unseen[-1][0]
        unseen.clear()
        with summaries.as_default(step):
            tf.summary.scalar("loss", newest["loss"])
            tf.summary.scalar("learning_rate", newest["learning_rate"])
        return newest

    def validate_and_save() -> None:
        # All losses up to here were finite, so the checkpoint is one to go on from.
        psnr, sample = validation(), validation.sample()
        run.append_log([{"step": step, "seconds": round(progress.elapsed(), 3), "psnr_y": round(psnr, 4)}])
        write_image(run.samples / f"step-{step:07d}.png", sample)
        with summaries.as_default(step):
            tf.summary.scalar("psnr_y", psnr)
            tf.summary.image("lr_sr_hr", sample[None])
        if psnr > float(progress.best_psnr_y):
            progress.best_psnr_y.assign(psnr)
            zoo.save_weights(step_fn.average, run.best_weights)
        progress.seconds.assign(progress.elapsed())
        manager.save(step)

    share = progress.share(step)
    with tqdm(total=100.0, initial=round(min(100.0, 100 * share), 2), bar_format=BAR, disable=share >= 1) as bar:
        stream = iter(batches(first)) if share < 1 else iter(())
        began = time.monotonic()
        while share < 1:
            rate = recipes.learning_rate(settings.schedule, settings.learning_rate, settings.halve_every, step, share)
            logs = step_fn(*next(stream), tf.constant(rate, tf.float32))
            step += 1
            unseen.append(({"step": step, "seconds": round(progress.elapsed(), 3), "learning_rate": rate}, logs))
            share = progress.share(step)
            validate = step % validate_every == 0 or share >= 1
            if step % LOG_EVERY == 0 or validate:
                loss, speed = look()["loss"], (step - first) / (time.monotonic() - began)
                if validate:
                    validate_and_save()
                best = float(progress.best_psnr_y)
                psnr = f", PSNR-Y {best:.2f} dB" if math.isfinite(best) else ""
                bar.set_postfix_str(f"step {step}, loss {loss:.4f}{psnr}, {speed:.2f} steps/s", refresh=False)
                bar.update(min(100.0, 100 * share) - bar.n)
    summaries.close()
    return float(progress.best_psnr_y)
