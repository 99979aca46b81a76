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


class NotFiniteError(ArithmeticError):
    """The loss or its gradient became infinite or NaN."""


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
    seconds = tf.Variable(0.0, dtype=tf.float64, name="seconds")
    best = tf.Variable(-math.inf, dtype=tf.float64, name="best_psnr_y")
    manager = run.checkpoints({**step_fn.checkpointed, "seconds": seconds, "best_psnr_y": best})
    if manager.latest_checkpoint:
        manager.checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    first = int(step_fn.step)
    run.forget_after(first)
    before, start = float(seconds), time.monotonic()

    def elapsed() -> float:
        return before + time.monotonic() - start

    def progress(step: int) -> float:
        if settings.minutes is not None:
            return elapsed() / (60 * settings.minutes)
        return step / settings.steps

    def look(waiting: list[tuple[dict, dict]]) -> None:
        # The device is asked only here; what is in a checkpoint was looked at before.
        for row, logs in waiting:
            row.update({name: float(value) for name, value in logs.items()})
            if not all(math.isfinite(row[name]) for name in logs):
                left = manager.latest_checkpoint or "none yet"
                raise NotFiniteError(
                    f"the loss is not finite at step {row['step']} (loss {row['loss']}); the run stopped, its last "
                    f"good checkpoint is {left}. A lower --learning-rate or --precision float32 may help"
                )
        run.append_log([row for row, _ in waiting])

    def validate_and_save(step: int) -> None:
        psnr = validation()
        sample = validation.sample()
        run.append_log([{"step": step, "seconds": round(elapsed(), 3), "psnr_y": round(psnr, 4)}])
        write_image(run.samples / f"step-{step:07d}.png", sample)
        with summaries.as_default(step):
            tf.summary.scalar("psnr_y", psnr)
            tf.summary.image("lr_sr_hr", sample[None])
        if psnr > float(best):
            best.assign(psnr)
            zoo.save_weights(step_fn.average, run.best_weights)
        seconds.assign(elapsed())
        manager.save(step)

    summaries = tf.summary.create_file_writer(str(run.folder / "tensorboard"))
    waiting: list[tuple[dict, dict]] = []
    step, share = first, progress(first)
    shown = {"PSNR-Y": f"{float(best):.2f} dB"} if math.isfinite(float(best)) else {}
    with tqdm(total=100.0, initial=min(100.0, 100 * share), bar_format=BAR) as bar:
        stream = iter(batches(first)) if share < 1 else iter(())
        while share < 1:
            lr, hr = next(stream)
            rate = recipes.learning_rate(settings.schedule, settings.learning_rate, settings.halve_every, step, share)
            logs = step_fn(lr, hr, tf.constant(rate, tf.float32))
            step += 1
            waiting.append(({"step": step, "seconds": round(elapsed(), 3), "learning_rate": rate}, logs))
            share = progress(step)
            last = share >= 1
            if step % LOG_EVERY == 0 or step % validate_every == 0 or last:
                look(waiting)
                row, waiting = waiting[-1][0], []
                with summaries.as_default(step):
                    for name in ("loss", "learning_rate"):
                        tf.summary.scalar(name, row[name])
                steps_per_second = (step - first) / (elapsed() - before)
                shown = {"loss": f"{row['loss']:.4f}", **{k: v for k, v in shown.items() if k == "PSNR-Y"}}
                bar.set_postfix_str(f"step {step}, {_text(shown)}, {steps_per_second:.2f} steps/s")
                bar.update(min(100.0, 100 * share) - bar.n)
            if step % validate_every == 0 or last:
                validate_and_save(step)
                shown["PSNR-Y"] = f"{float(best):.2f} dB"
    summaries.close()
    return float(best)


BAR = "{percentage:5.1f}%|{bar}| {elapsed}<{remaining} {postfix}"


def _text(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
