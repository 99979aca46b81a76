"""How far a run is, and what follows from it for the learning rate."""

import math
import time

import tensorflow as tf

from srzoo import recipes
from srzoo.training.settings import Settings


class Progress:
    """Progress of a run, by steps or by time, over all its sessions; saved with each checkpoint."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.seconds = tf.Variable(0.0, dtype=tf.float64, name="seconds")
        self.best = tf.Variable(math.nan, dtype=tf.float64, name="best")
        self.halvings = tf.Variable(0, dtype=tf.int64, name="halvings")
        self.checkpointed = {"seconds": self.seconds, "best": self.best, "halvings": self.halvings}
        self._start = time.monotonic()

    def start(self) -> None:
        self._start = time.monotonic() - float(self.seconds.numpy())

    def elapsed(self) -> float:
        """Seconds of training, those before a restart included."""
        return time.monotonic() - self._start

    def share(self, step: int) -> float:
        """Done share of the run; at least 1 at its end."""
        by_time = self.elapsed() / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        return max(by_time, self.share_of_steps(step))

    def share_of_steps(self, step: int) -> float:
        """Like `share`, by the steps alone."""
        return step / self.settings.steps if self.settings.steps else 0.0

    def learning_rate(self, step: int, share: float) -> float:
        """The schedule's, halved as often as the loss has exploded."""
        given = self.settings
        rate = recipes.learning_rate(given.schedule, given.learning_rate, given.halve_every, step, share)
        return rate * 0.5 ** int(self.halvings.numpy())
