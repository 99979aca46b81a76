"""What the page does when something is pressed, without its toolkit."""

import html
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from srzoo.tables import duration
from srzoo.viewing.jobs import Job, JobQueue, Stopped, Watch
from srzoo.viewing.store import Store
from srzoo.viewing.uploads import Limits, Options, Upload, answer, deleted, take_upload

KEPT = 3600
"""Seconds that pictures and answers are kept after they were last used."""

LOOK = 0.5
"""Seconds between two looks at how far an answer is."""

REFUSED = "refused"
"""A folder among the uploads that is not there: the name of a file in it says why an upload was refused. Gradio's own
error would stand on the page until it is closed, and give no reason."""

FRAME = (
    '<iframe class="result" title="before and after" sandbox="allow-scripts allow-downloads" '
    'src="answers/{}/page.html"></iframe>'
)
"""In a box of its own: no script there can reach the page around it."""


class Visits:
    """What the page does when something is pressed.

    Args:
        limits: what it takes.
        uploads: where pictures lie.
        answers: where answers do.
    """

    def __init__(self, limits: Limits, uploads: Store, answers: Store):
        self._limits, self._uploads, self._answers = limits, uploads, answers
        self._queue = JobQueue(limits.waiting)
        self._jobs: dict[str, Job] = {}

    def hold(self, paths: Sequence[str | Path], held: list[Upload]) -> tuple[list[Upload], list[str]]:
        """Takes files that were uploaded; returns all pictures that are held, and why others are not."""
        held, refusals = list(held), []
        for path in map(Path, paths):
            if path.parent.name == REFUSED:
                refusals.append(path.stem)
                continue
            if not self._uploads.find(str(path)):  # deleted; or nobody's upload, such as the page's example
                refusals.append(deleted(path))
                continue
            try:
                if len(held) >= self._limits.pictures:
                    raise ValueError(f"{path.name}: this page holds {self._limits.pictures} pictures; clear some first")
                held.append(take_upload(path, self._limits))
                self._uploads.keep(path, KEPT)
            except ValueError as error:
                refusals.append(str(error))
                path.unlink(missing_ok=True)
        return held, refusals

    def example(self, path: Path, held: list[Upload]) -> tuple[list[Upload], list[str]]:
        """Takes a picture of the page's own."""
        try:
            folder = self._uploads.new(KEPT, path.stat().st_size)
        except ValueError as error:
            return held, [str(error)]
        return self.hold([shutil.copy(path, folder)], held)

    def forget(self, held: Sequence[Upload]) -> None:
        """Deletes pictures."""
        for upload in held:
            self._uploads.remove(upload.path)

    def upscale(self, visitor: str, held: Sequence[Upload], options: Options) -> Iterator[str]:
        """Yields markup: how far the answer is, again and again, and then the answer, or why there is none."""
        if not held:
            yield problems(["Drop a picture first, or take the example."])
            return

        def work(watch: Watch) -> str:
            folder = self._answers.new(math.inf)  # several large pictures may take longer than it is kept
            try:
                answer(held, options, folder, watch)
                self._answers.weigh(folder)
            except BaseException:
                self._answers.remove(folder)
                raise
            self._answers.keep(folder, KEPT)
            return FRAME.format(folder.name)

        def used() -> None:
            for upload in held:
                self._uploads.keep(upload.path, KEPT)

        used()
        job = None
        try:
            job = self._jobs[visitor] = self._queue.submit(work)
            shown = ""
            while not job.done(LOOK):
                used()
                last, shown = shown, _progress(job)
                if shown != last:
                    yield shown
            yield job.result()
        except Stopped:
            yield problems(["Stopped."])
        except (ValueError, OSError, MemoryError) as error:
            yield problems([str(error) or type(error).__name__])
        finally:
            if job:
                job.stop()  # who has left waits for nothing
            if self._jobs.get(visitor) is job:  # and not one that was asked for since
                self._jobs.pop(visitor, None)

    def stop(self, visitor: str) -> None:
        """Ends a visitor's answer."""
        if job := self._jobs.get(visitor):
            job.stop()


def problems(sentences: Sequence[str]) -> str:
    """Markup that stays on the page until the next answer."""
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="problems" role="alert">{items}</ul>' if items else ""


def _progress(job: Job) -> str:
    if job.ahead:
        count = "1 answer is" if job.ahead == 1 else f"{job.ahead} answers are"
        return f'<p class="progress">{count} computed before yours.<progress></progress></p>'
    title, progress = html.escape(job.watch.title), job.watch.progress()
    if progress is None:
        return f'<p class="progress">{title}<progress></progress></p>'
    share, seconds = progress
    return (
        f'<p class="progress">{title}: {share:.0%}, about {duration(seconds)} left'
        f'<progress value="{share:.3f}"></progress></p>'
    )
