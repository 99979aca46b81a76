"""Time that the training waits for its data."""

import time
from collections.abc import Iterator

from srzoo.training.alarm import Alarm

NOTABLE = 0.1
"""Share of the time from which the bar shows it."""

TOO_LONG = 0.3
"""Share of the time from which a warning reports it."""

PATIENCE = 5
"""Looks in a row, about fifty steps, that it must last, because reading comes in bursts."""


class Watched:
    """Batches, given by `next`, that know how long they were waited for.

    On a GPU, Python is ahead of the device, so a single wait says nothing; from one reading of the losses to the next,
    which waits for the device, whoever was slower has set the pace.

    Args:
        batches: batches that it returns.
    """

    def __init__(self, batches: Iterator):
        self._batches = batches
        self._waited = 0.0
        self._start: float | None = None
        self._alarm = Alarm(PATIENCE, PATIENCE)
        self._first = True

    def __next__(self):
        before = time.perf_counter()
        if self._start is None:
            self._start = before
        batch = next(self._batches)
        self._waited += time.perf_counter() - before
        return batch

    def share(self) -> float:
        """The part of the time since the first batch after the last call that was spent waiting, from 0 to 1.

        The first call returns 0, because the pipeline starts there and the step is traced.
        """
        taken = time.perf_counter() - self._start if self._start is not None else 0.0
        share = 0.0 if self._first or not taken else min(1.0, self._waited / taken)
        self._waited, self._start, self._first = 0.0, None, False
        return share

    def warning(self, share: float) -> str | None:
        """A message about a share: once after it has lasted, and again only after it was well for as long."""
        if not self._alarm(share > TOO_LONG):
            return None
        return (
            f"The training waits for data, {share:.0%} of the time by now: pictures come slower than they are trained "
            "on. Hold more of them in memory with a higher --memory, keep the temporary folder on a faster disk, or "
            "leave more of the processor to srzoo."
        )
