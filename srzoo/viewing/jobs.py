"""The queue in which visitors wait for their answers: one is computed at a time."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from itertools import takewhile

from srzoo.runtimes.tiles import Tile, area


class Stopped(Exception):
    """The visitor wants the answer no more."""


class Watch:
    """Progress of an answer; another thread can stop it.

    Attributes:
        title: what is being done.
        stopped: whether it is to stop.
    """

    def __init__(self) -> None:
        self.stopped = False
        self.begin("")

    def begin(self, title: str, work: int = 0, rate: float = 0) -> None:
        """Begins with a picture, or with something that takes an unknown time.

        Args:
            title: what is being done.
            work: LR pixels that the network computes for it.
            rate: LR pixels a second, as far as known.

        Raises:
            Stopped: if it is to stop.
        """
        self._check()
        self.title, self._work, self._rate = title, work, rate
        self._done = self._tile = 0
        self._began = time.monotonic()

    def __call__(self, tiles: list[Tile]) -> Iterator[Tile]:
        """Yields the tiles back, as `Upscaler` wants its progress; raises Stopped between them."""
        for tile in tiles:
            self._check()
            self._tile = area(tile)
            yield tile
            self._done += self._tile
            self._tile = 0
            self._rate = self._done / max(1e-6, self.seconds)

    @property
    def seconds(self) -> float:
        """Since the picture was begun with."""
        return time.monotonic() - self._began

    def progress(self) -> tuple[float, float] | None:
        """The share of the picture that is done, and the seconds until all of it is; None if that is not known."""
        if not self._work or not self._rate:
            return None
        likely, most = self._rate * self.seconds, self._done + self._tile
        # A tile that takes longer than was thought makes the rest take longer, too.
        rate = most / self.seconds if 0 < most < likely else self._rate
        done = min(max(self._done, min(likely, most)), self._work)
        return done / self._work, (self._work - done) / rate

    def _check(self) -> None:
        if self.stopped:
            raise Stopped


class Job:
    """An answer that is waited for.

    Attributes:
        watch: how far it is.
    """

    def __init__(self, queue: "JobQueue", answer: Callable[[Watch], str]):
        self.watch = Watch()
        self._queue = queue
        self._future: Future[str] = queue.pool.submit(answer, self.watch)

    @property
    def ahead(self) -> int:
        """Number of answers before it."""
        return sum(not job.done(0) for job in takewhile(lambda job: job is not self, self._queue.jobs))

    def done(self, seconds: float) -> bool:
        """Waits for the answer for so many seconds at most; returns whether it is there."""
        wait([self._future], seconds)
        return self._future.done()  # which also holds for one that was stopped in the queue

    def result(self) -> str:
        """The answer.

        Raises:
            Stopped: if it was stopped.
            Exception: whatever the work raised.
        """
        try:
            return self._future.result()
        except CancelledError:
            raise Stopped from None

    def stop(self) -> None:
        """Takes it out of the queue, or ends it after the present tile."""
        self.watch.stopped = True
        self._future.cancel()


class JobQueue:
    """One answer is computed at a time, in the order in which they were asked for.

    Args:
        waiting: how many may wait beside it.
    """

    def __init__(self, waiting: int):
        self.pool = ThreadPoolExecutor(1)
        self.jobs: list[Job] = []
        self._waiting = waiting
        self._lock = threading.Lock()

    def submit(self, answer: Callable[[Watch], str]) -> Job:
        """Puts work at the end.

        Args:
            answer: the work. It reports its progress, and raises Stopped to end.

        Raises:
            ValueError: if the queue is full; one sentence.
        """
        with self._lock:
            self.jobs = [job for job in self.jobs if not job.done(0)]
            if len(self.jobs) > self._waiting:
                raise ValueError(
                    f"{self._waiting} answers wait already, which is as many as this page takes; "
                    "press the button again in a few minutes."
                )
            job = Job(self, answer)
            self.jobs.append(job)
            return job
