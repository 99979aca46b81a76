"""The one training loop. What a step does, and what is measured, is passed in."""

import logging
import math
import signal
import sys
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from srzoo import zoo
from srzoo.images import write_image
from srzoo.training.checkpoints import Checkpoints, named_failure
from srzoo.training.distribution import ALONE, Distribution
from srzoo.training.doctor import Doctor
from srzoo.training.progress import Progress
from srzoo.training.run import Run
from srzoo.training.steps import AdversarialStep, PixelStep
from srzoo.training.stopping import Stopped, StopRequest
from srzoo.training.validation import Validation
from srzoo.training.waiting import NOTABLE, Watched

LOGGER = logging.getLogger(__name__)

LOG_EVERY = 10
"""Steps between two readings of the losses: each waits for the device, so not every step has one."""

SAVE_SECONDS = 600
"""Seconds after which a checkpoint is saved between two validations, which may be hours apart on a processor."""

MAX_HALVINGS = 3
"""Number of times that a run halves its learning rate after an explosion, before it gives up."""

TITLES = {"psnr_y": "PSNR-Y", "lpips": "LPIPS"}

BAR = "{percentage:5.1f}%|{bar}| {elapsed}<{remaining}{postfix}"


class NotFiniteError(ArithmeticError):
    """The loss or its gradient became infinite or NaN.

    Attributes:
        step: the step whose figures they are; the weights were those of the step before.
    """

    def __init__(self, message: str, step: int):
        super().__init__(message)
        self.step = step


class _Record:
    """Records of a run: the log, TensorBoard's files, sample pictures, warnings.

    Args:
        run: the folder.
        doctor: gets the steps and the validations; None: no doctor.
        step: the last of those in the log.
    """

    def __init__(self, run: Run, doctor: Doctor | None, step: int):
        run.forget_after(step)
        self.run = run
        self.doctor = doctor
        if doctor:
            doctor.recall(run.read_log())
        self.tensorboard = run.folder / "tensorboard"
        with named_failure(self.tensorboard):
            self.summaries = tf.summary.create_file_writer(str(self.tensorboard))
        self._unseen: list[tuple[dict, dict]] = []

    def add(self, row: dict, logs: dict[str, tf.Tensor]) -> None:
        """A step's figures, those of the device not yet read."""
        self._unseen.append((row, logs))

    def read_losses(self, warning: str | None = None) -> dict:
        """Reads and logs the losses since the last reading; gives the newest, with a warning if there is one.

        Raises:
            NotFiniteError: if one of them is not finite.
        """
        rows = []
        for row, logs in self._unseen:
            row.update({name: float(value) for name, value in logs.items()})
            # The loss first, which has a name that all know.
            for name in sorted(logs, key=lambda name: name != "loss"):
                if not math.isfinite(row[name]):
                    message = f"the {name} is not finite at step {row['step']} ({name} {row[name]})"
                    raise NotFiniteError(message, row["step"])
            if self.doctor:
                self._warn(row, self.doctor.watch(row["step"], row))
            rows.append(row)
        self._unseen.clear()
        if warning:
            self._warn(rows[-1], [warning])
        self.run.append_log(rows)
        self._summarise(rows[-1])
        return rows[-1]

    def rolled_back(self, row: dict, warning: str) -> None:
        """Forgets what came after the step of `row`, to which the run has gone back for the reason given."""
        self._unseen.clear()
        self.run.forget_after(row["step"])
        row = dict(row)
        self._warn(row, [warning])
        self.run.append_log([row])

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
        path = self.run.samples / f"step-{row['step']:07d}.png"
        with named_failure(path):
            write_image(path, sample)
        with named_failure(self.tensorboard), self.summaries.as_default(row["step"]):
            tf.summary.image("lr_sr_hr", sample[None])

    def _summarise(self, row: dict) -> None:
        with named_failure(self.tensorboard), self.summaries.as_default(row["step"]):
            for name, value in row.items():
                if name not in ("step", "seconds", "warning"):
                    tf.summary.scalar(name, value)

    def _warn(self, row: dict, warnings: list[str]) -> None:
        if warnings:
            text = " ".join(warnings)
            row["warning"] = " ".join([*filter(None, [row.get("warning")]), text])
            tqdm.write(f"step {row['step']}: {text}", file=sys.stderr)


class Loop:
    """The training of one run, from its newest checkpoint, or from its start, to its end.

    Args:
        run: the folder, with the settings; a checkpoint found in it is restored first. In processes other than the
            chief one of its own, in which nothing is looked for.
        step_fn: what a step does.
        batches: function from the number of the first step to the batches from that step on, with this process's crops.
        validation: scores `step_fn.average`; the best score's weights are kept.
        validate_every: steps between two validations, each of which ends with a checkpoint.
        distribution: the replicas that train together; `step_fn` was made in its scope.
    """

    def __init__(
        self,
        run: Run,
        step_fn: PixelStep | AdversarialStep,
        batches: Callable[[int], tf.data.Dataset],
        validation: Validation,
        validate_every: int,
        distribution: Distribution = ALONE,
    ):
        self.run = run
        self.step_fn = step_fn
        self.distribution = distribution
        self.update = distribution.everywhere(step_fn)
        self.batches = batches
        self.validation = validation
        self.validate_every = validate_every
        with distribution.scope():
            self.progress = Progress(run.settings)
        self.state = {**step_fn.checkpointed, **self.progress.checkpointed}
        self.checkpoints = Checkpoints(run.folder / "checkpoints", self.state)
        self.scores = ""
        self.agreed = 0.0
        self.saved_at = time.monotonic()

    def train(self) -> float:
        """Trains until `settings.steps` or `settings.minutes` are over.

        Returns:
            The best of the validation's scores that the weights are kept by; NaN if it keeps the newest.

        Raises:
            NotFiniteError: if the loss explodes once more after the learning rate was halved `MAX_HALVINGS` times.
            srzoo.training.stopping.Stopped: after SIGTERM, SIGINT or SIGHUP, with a checkpoint of the last step.
            ValueError: if none of the run's checkpoints can be read.
            OSError: if something cannot be written; the checkpoints before stay whole.
        """
        with StopRequest() as stop:
            self._start()
            done = min(100.0, 100 * self.progress.share(self.step))
            silent = done >= 100 or not self.distribution.chief
            if done >= 100:
                advice = "a larger --steps or --minutes goes on, another --output begins anew"
                LOGGER.info("finished already at step %d; %s", self.step, advice)
            with tqdm(total=100.0, initial=round(done, 2), bar_format=BAR, disable=silent) as bar:
                while True:
                    try:
                        self._train_to_end(bar, stop)
                        break
                    except NotFiniteError as error:
                        self._roll_back(error)
            self.record.summaries.close()
        return float(self.progress.best.numpy())

    def _start(self) -> None:
        """Goes on from the newest checkpoint, or writes the first one."""
        found = self._restore()
        self.progress.start()
        # Without a checkpoint not even step 0 stays, whose validation a kill may have left in the log.
        self.record = _Record(self.run, self._doctor(), -1 if found is None else found)
        if found is not None:
            return
        if self.run.settings.gan:
            # What GAN training starts from is its first score: it may be hard to beat. All processes do it, as they
            # wait for each other, although the chief alone has a doctor.
            self._validate_and_save(0)
        else:
            self._save(0)  # to roll back to when the loss explodes

    def _doctor(self) -> Doctor | None:
        """GAN training has one, in the chief's process."""
        if isinstance(self.step_fn, AdversarialStep) and self.distribution.chief:
            return Doctor(self.validation.scale, bool(self.step_fn.loss.gradient_penalty))
        return None

    @property
    def step(self) -> int:
        """Step of the networks' state."""
        return int(self.step_fn.step.numpy())

    def _agree(self, step: int, stop: StopRequest, now: bool = False) -> tuple[float, int | None]:
        """The done share of the run, by the chief's clock, and the signal by which any process is to stop.

        Several processes ask each other when they read the losses, because then they wait for each other. Between
        two readings all go by the number of the step alone, unless they are to agree `now`.
        """
        if self.distribution.processes > 1 and step % LOG_EVERY and not now:
            return max(self.agreed, self.progress.share_of_steps(step)), None
        table = self.distribution.table([self.progress.share(step), stop.number or 0])
        self.agreed = float(table[0, 0])
        return self.agreed, int(table[:, 1].max()) or None

    def _restore(self) -> int | None:
        """All processes go back to the chief's newest checkpoint; None if there is none."""
        found = self.checkpoints.restore() if self.distribution.chief else None
        self.saved = int(self.distribution.table([-1 if found is None else found])[0, 0])
        self.distribution.copy_from_chief(variables_of(self.state))
        return None if self.saved < 0 else self.saved

    def _train_to_end(self, bar: tqdm, stop: StopRequest) -> None:
        """Trains until the run's end.

        Raises:
            NotFiniteError: if the loss explodes before.
            Stopped: if it is asked to stop before.
        """
        step = first = self.step
        share, _ = self._agree(step, stop, now=True)
        if share >= 1:
            if self.distribution.chief and not self.run.best_weights.exists():
                self._validate(step)  # the time was over before the first validation: after a signal, or an explosion
            return
        stream = Watched(iter(self.batches(first)))
        began = time.monotonic()
        while share < 1:
            rate = self.progress.learning_rate(step, share)
            logs = self.update(*next(stream), tf.constant(rate, tf.float32))
            step += 1
            self.record.add({"step": step, "seconds": self._seconds(), "learning_rate": rate}, logs)
            share, signalled = self._agree(step, stop)
            last = share >= 1
            validate = step % self.validate_every == 0 or last
            if step % LOG_EVERY == 0 or validate or signalled:
                waiting = stream.share()
                row = self.record.read_losses(stream.warning(waiting))
                if last:
                    LOGGER.info("step %d: the last one; validates, and draws the curve", step)
                self._keep(step, validate, signalled)
                self._show(bar, share, row, (step - first) / (time.monotonic() - began), waiting)
        # During the last validation: the stage that may follow would not know of it.
        _, signalled = self._agree(step, stop, now=True)
        if signalled:
            self._stop(step, signalled, saved=True)

    def _keep(self, step: int, validate: bool, signalled: int | None) -> None:
        """Validates and saves what is due, and stops if that is asked for; all losses were found finite."""
        if validate:
            self._validate_and_save(step)
        if signalled:
            self._stop(step, signalled, saved=validate)
        if self.distribution.chief and time.monotonic() - self.saved_at > SAVE_SECONDS:
            self._save(step)

    def _show(self, bar: tqdm, share: float, row: dict, speed: float, waiting: float) -> None:
        """Moves the bar to the done share, beside the newest losses and scores and steps a second."""
        parts = [f"step {row['step']}", f"loss {row['loss']:.4f}", _balance(row), self.scores, f"{speed:.2f} steps/s"]
        if waiting > NOTABLE:
            parts.append(f"waits for data {waiting:.0%} of the time")
        bar.set_postfix_str(", ".join(part for part in parts if part), refresh=False)
        bar.update(min(100.0, 100 * share) - bar.n)

    def _roll_back(self, error: NotFiniteError) -> None:
        """Goes back to the last checkpoint, at half the learning rate; the batches after it are the same again.

        Time goes on: a run that is bounded by it is not prolonged.

        Raises:
            NotFiniteError: if that has been tried often enough.
        """
        # A process that is killed before the next checkpoint explodes again when it is resumed, and halves again.
        halvings = int(self.progress.halvings.numpy()) + 1
        if halvings > MAX_HALVINGS:
            precision = "" if self.run.settings.precision == "float32" else ", or with --precision float32"
            raise NotFiniteError(
                f"{error}, although the learning rate was halved {MAX_HALVINGS} times; the run stopped, its last good "
                f"checkpoint is of step {self.saved}. Train anew in "
                f"another folder with a lower --learning-rate{precision}",
                error.step,
            )
        if self.distribution.chief and error.step == self.saved + 1:
            # Its weights are the fault: its own losses are those of the weights before.
            self.checkpoints.forget(self.saved)
        step = self._restore()
        self.progress.halvings.assign(halvings)
        warning = (
            f"{error}: the run goes back to its checkpoint of step {step} and on at 1/{2**halvings} of the learning "
            f"rate ({halvings} of at most {MAX_HALVINGS} times)"
        )
        self.record.rolled_back({"step": step, "seconds": self._seconds()}, warning)

    def _stop(self, step: int, number: int, saved: bool) -> None:
        if not saved:
            self._save(step)
        where = self.run.folder if self.distribution.chief else "the chief's folder"
        raise Stopped(
            f"stopped by {signal.Signals(number).name} at step {step}, of which a checkpoint is saved in {where}; "
            "repeat the command to resume",
            number,
        )

    def _validate_and_save(self, step: int) -> None:
        finite = self._validate(step) if self.distribution.chief else True
        if not self.distribution.table([float(finite)])[0, 0]:
            raise NotFiniteError(f"SR is not finite after step {step}", step + 1)
        self._save(step)

    def _validate(self, step: int) -> bool:
        """Whether SR is finite; if it is not, there is nothing to measure or to keep."""
        try:
            pairs = self.validation.pairs()
        except FloatingPointError:
            return False
        scores = self.validation.score(pairs)
        row = {"step": step, "seconds": self._seconds()}
        self.record.validated(row, scores, pairs, self.validation.sample(pairs))
        best_by = self.validation.best_by
        missing = not self.run.best_weights.exists()
        if missing or self.validation.is_better(scores, float(self.progress.best.numpy())):
            if best_by:
                self.progress.best.assign(scores[best_by])
            with named_failure(self.run.best_weights):
                zoo.save_weights(self.step_fn.average, self.run.best_weights)
        if not self.scores:
            found, to_beat = scores["psnr_y"], self.validation.bicubic
            LOGGER.info("step %d: PSNR-Y %.2f dB on the validation pictures; bicubic has %.2f dB", step, found, to_beat)
        self.scores = ", ".join(f"{TITLES[name]} {score:.4g}" for name, score in scores.items())
        self.scores += f"; best {float(self.progress.best.numpy()):.4g}" if best_by else ""
        return True

    def _save(self, step: int) -> None:
        """Only after a reading found all losses finite. Whether the last update was good, the next step tells."""
        if self.distribution.chief:
            self.progress.seconds.assign(self.progress.elapsed())
            self.checkpoints.save(step)
        self.saved, self.saved_at = step, time.monotonic()

    def _seconds(self) -> float:
        return round(self.progress.elapsed(), 3)


def variables_of(state: dict) -> list:
    """Variables of what is saved by name: variables, models and optimizers."""
    return [variable for each in state.values() for variable in getattr(each, "variables", [each])]


def _balance(row: dict) -> str:
    """Describes the state of GAN training."""
    if "d_real" not in row:
        return ""
    shares = " ".join(
        f"{name.removesuffix('_share')} {value:.0%}" for name, value in row.items() if name.endswith("_share")
    )
    return f"D(real) {row['d_real']:.2f}, D(fake) {row['d_fake']:.2f}, gradient: {shares}"
