"""How long a run will take: a part of its largest picture is upscaled and encoded, and the rest follows."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from srzoo.images import middle
from srzoo.pictures.animations import Playing
from srzoo.pictures.reading import Frame, open_picture
from srzoo.pictures.writing import write_frames
from srzoo.upscaling.batch import Job, work
from srzoo.upscaling.pictures import needs_precision, upscale_pixels
from srzoo.upscaling.upscaler import PROBE, Upscaler


def seconds_of(jobs: Sequence[Job], upscaler_of: Callable[[Job], Upscaler], max_pixels: int) -> tuple[float, float]:
    """Measures for about a second and a half.

    Args:
        jobs: without a refusal, at least one.
        upscaler_of: that of a job.
        max_pixels: that a picture may have.

    Returns:
        Seconds that the jobs will take, and LR pixels a second that the network computes.

    Raises:
        ImageError, ValueError, MemoryError: as `srzoo.upscaling.batch.carry_out`.
    """
    works = [work(job, upscaler_of(job)) for job in jobs]
    job = jobs[works.index(max(works))]
    start = time.perf_counter()
    with open_picture(job.source, max_pixels) as picture:
        frame = next(picture.frames())
    reading = (time.perf_counter() - start) / math.prod(job.given)
    upscaler = upscaler_of(job).precise if needs_precision(frame.pixels) else upscaler_of(job)
    rate = upscaler.pixels_per_second()

    inner = middle(frame.pixels.colour.shape, PROBE, PROBE)
    part = frame.pixels.map(lambda array: array[inner])
    enlarged = job.size.of(*job.given)
    size = tuple(max(1, side * after // before) for side, after, before in zip(part.size, enlarged, job.given))
    start = time.perf_counter()
    result = upscale_pixels(upscaler, part, size=(size[0], size[1]))
    with TemporaryDirectory() as folder:
        path = Path(folder, f"part{job.written_as.endings[0]}")
        write_frames(path, [Frame(result, frame.metadata)], job.written_as, Playing(1, 0))
    network = (1 + part.transparent) * sum(upscaler.areas(part.size, (size[0], size[1]))) / rate
    finishing = max(0.0, time.perf_counter() - start - network) / math.prod(size)
    read = sum(job.planes * math.prod(job.given) for job in jobs)
    written = sum(job.planes * math.prod(job.size.of(*job.given)) for job in jobs)
    return sum(works) / rate + reading * read + finishing * written, rate
