"""What a billion pictures and 64 GPUs would take, simulated from measured figures.

    python -m benchmarks.scaling [--plot docs/images/scaling.png]

prints the tables of docs/scaling.md. Two simulations, each with everything that it assumes in one class below:

Archive     pictures of log-normal sizes in a queue, workers that start, compute, and are taken away at random; a
            picture is one unit of work, or is cut into units of at most so many pixels. Event by event.
Training    steps of N GPUs, each as long as the slowest GPU's (log-normal jitter), then a ring all-reduce of the
            gradients, of which all but the last part runs beside the backward pass; validation on one GPU.

What no GPU here could tell is an option of its own (`--gpu-tflops`), and the page says so.
"""

import argparse
import heapq
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from srzoo.tables import markdown_table

HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True)
class Archive:
    """An archive and the machines that upscale it.

    Attributes:
        megapixels: median of a picture before upscaling.
        spread: sigma of the logarithm of its size; 1.0 gives one picture in a thousand of 22 times the median.
        core_seconds: of one core for a megapixel before upscaling (docs/performance.md, EDSR-baseline, int8).
        each: seconds that a picture costs besides: to open, list, write and rename.
        cut: seconds that a picture which is cut costs besides, and as much for each of its units.
        unit: megapixels of a unit of work; infinite: pictures are not cut.
        halo: LR pixels that a unit takes along on each side.
        workers: of `cores` each.
        start: seconds until a worker has its network.
        lost_after: mean hours until a worker is taken away; its unit in hand is done again by another.
        price: dollars a core-hour (spot machines of the large clouds: 0.01 to 0.02).
    """

    megapixels: float = 0.5
    spread: float = 1.0
    core_seconds: float = 45.0
    each: float = 0.05
    cut: float = 0.5
    unit: float = np.inf
    halo: int = 36
    workers: int = 500
    cores: int = 2
    start: float = 60.0
    lost_after: float = 12.0
    price: float = 0.015

    def sizes(self, count: int, seed: int = 0) -> np.ndarray:
        return self.megapixels * np.exp(self.spread * np.random.default_rng(seed).normal(size=count))

    def units(self, sizes: np.ndarray) -> np.ndarray:
        """Seconds of a worker for each unit of work."""
        parts = np.maximum(1, np.ceil(sizes / self.unit)).astype(int)
        area = np.repeat(sizes / parts, parts)
        of_cut = np.repeat(parts > 1, parts)
        side = 1000 * np.sqrt(area)
        grown = np.where(of_cut, ((side + 2 * self.halo) / side) ** 2, 1) * area
        once = np.repeat(self.each / parts, parts) + of_cut * (self.cut + np.repeat(self.cut / parts, parts))
        return grown * self.core_seconds / self.cores + once


@dataclass(frozen=True)
class Done:
    """What came of a run.

    Attributes:
        seconds: from the start of the first worker to the end of the last unit.
        busy: of the workers' time, the part in which units that counted were computed.
        repeated: of the units, the part that was begun again because its worker was taken away.
    """

    seconds: float
    busy: float
    repeated: float


def run_archive(archive: Archive, count: int, seed: int = 0) -> Done:
    """Goes through the events: whenever a worker is free it takes the next unit, in the order of the archive."""
    work = archive.units(archive.sizes(count, seed))
    random = np.random.default_rng(seed + 1)
    lives = iter(random.exponential(archive.lost_after * HOUR, size=4 * archive.workers + 2 * len(work)))
    free = [(archive.start, next(lives), worker) for worker in range(archive.workers)]
    heapq.heapify(free)
    queue, again = iter(work), []
    repeated, end = 0, 0.0
    while True:
        seconds = again.pop() if again else next(queue, None)
        if seconds is None:
            break
        now, life, worker = heapq.heappop(free)
        if now + seconds > life:  # taken away in the middle; another one starts in its place
            again.append(seconds)
            repeated += 1
            begun = max(now, life) + archive.start
            heapq.heappush(free, (begun, begun + next(lives), worker))
            continue
        end = max(end, now + seconds)
        heapq.heappush(free, (now + seconds, life, worker))
    return Done(end, work.sum() / (archive.workers * end), repeated / len(work))


@dataclass(frozen=True)
class Training:
    """Training on N GPUs.

    Attributes:
        name: of the network.
        parameters: float32 gradients are sent, four bytes each.
        gflop: forward of one LR pixel, in GFLOP; a step takes three times that.
        lr_patch: LR pixels a side of a crop.
        batch: the global one on one GPU; on N it is as large (strong) or N times as large (weak).
        steps: of a training on pixels.
        tflops: what a GPU sustains; of a smaller batch than `full` on it, less in proportion.
        full: crops on a GPU from which on it is busy.
        bandwidth: bytes a second between GPUs of a machine, and between machines of eight.
        latency: seconds for each of the 2 (N - 1) messages of a ring.
        jitter: sigma of the logarithm of a GPU's time for a step.
        overlapped: part of the all-reduce that the backward pass hides, at most.
        validation: seconds on one GPU, every thousand steps.
        crops_a_core: a second (docs/performance.md), and processor cores beside a GPU.
    """

    name: str
    parameters: float
    gflop: float
    lr_patch: int = 48
    batch: int = 16
    steps: int = 300_000
    tflops: float = 100.0
    full: int = 4
    bandwidth: tuple[float, float] = (300e9, 25e9)
    latency: float = 10e-6
    jitter: float = 0.03
    overlapped: float = 0.8
    validation: float = 1.0
    crops_a_core: float = 1300.0
    cores: int = 8

    def step(self, gpus: int, weak: bool, seed: int = 0) -> dict[str, float]:
        """Seconds of a mean step and of its parts, and the crops a second that it asks for."""
        batch = self.batch * gpus if weak else max(self.batch, gpus)
        each = batch / gpus
        flops = 3e9 * self.gflop * self.lr_patch**2 * each
        compute = flops / (1e12 * self.tflops * min(1.0, each / self.full))
        random = np.random.default_rng(seed).normal(size=(2000, gpus))
        slowest = float(np.mean(np.max(compute * np.exp(self.jitter * random), axis=1)))
        bandwidth = self.bandwidth[0] if gpus <= 8 else self.bandwidth[1]
        reduce = 2 * (gpus - 1) * self.latency + 2 * (gpus - 1) / gpus * 4 * self.parameters / bandwidth
        shown = max((1 - self.overlapped) * reduce, reduce - 2 / 3 * compute)
        input_bound = batch / (self.crops_a_core * self.cores * gpus)
        seconds = max(slowest + shown, input_bound) + self.validation / 1000
        return {"batch": batch, "compute": slowest, "reduce": shown, "seconds": seconds, "crops": batch / seconds}


EDSR_BASELINE = Training("EDSR-baseline", 1.52e6, 0.00396, full=16)
EDSR = Training("EDSR", 43.1e6, 0.1004)


def archive_tables() -> str:
    base = Archive()
    rows = []
    for unit in (np.inf, 4.0, 1.0, 0.25):
        archive = replace(base, unit=unit)
        done = run_archive(archive, 200_000)
        dollars = done.seconds / HOUR * archive.workers * archive.cores * archive.price
        rows.append(
            [
                "not cut" if unit == np.inf else f"{unit:g} megapixels",
                f"{done.seconds / HOUR:.2f} h",
                f"{100 * done.busy:.1f} %",
                f"{100 * done.repeated:.2f} %",
                f"{archive.units(archive.sizes(200_000)).max():.0f} s",
                f"{dollars:,.0f}",
            ]
        )
    head = ["a unit of work", "200,000 pictures on 500 workers", "busy", "units done again", "longest unit", "dollars"]
    cutting = markdown_table(head, rows)
    rows = []
    best = replace(base, unit=1.0)
    mean = best.units(best.sizes(200_000)).sum() / 200_000
    for count, workers in ((1e6, 50), (1e6, 500), (1e9, 5_000), (1e9, 50_000)):
        # A billion is the same queue for longer: its busy part is that of as many pictures a worker, at most 400,000.
        shown = int(min(count, 400_000))
        sample = replace(best, workers=max(1, int(workers * shown / count)))
        busy = run_archive(sample, shown).busy
        seconds = count * mean / (workers * busy)
        hours = seconds / HOUR * workers * best.cores
        took = f"{seconds / DAY:.1f} days" if seconds > 2 * DAY else f"{seconds / HOUR:.1f} h"
        rows.append(
            [
                f"{count:,.0f}",
                f"{workers:,}",
                took,
                f"{hours:,.0f}",
                f"{hours * best.price:,.0f}",
                f"{100 * busy:.0f} %",
            ]
        )
    scale = markdown_table(["pictures", "workers of 2 cores", "time", "core-hours", "dollars", "busy"], rows)
    return f"{cutting}\n\n{scale}"


READ, PNG, JPEG = 0.006, 1.2, 0.13
"""Core-seconds for a megapixel before upscaling: to decode a JPEG, to encode 16 megapixels."""

GPU_HOUR = 2.5
"""Dollars for a GPU and the processor cores beside it."""


def worker_table(tflops: float) -> str:
    """What one worker does: its network, and the files around it, which its processor cores do meanwhile."""
    base = Archive()
    on_gpu = 1e6 * EDSR_BASELINE.gflop / (1000 * tflops)
    on_cores = base.core_seconds / base.cores
    mean = base.sizes(200_000).mean()
    rows = []
    for name, network, cores, write, price in (
        ("2 cores, PNG", on_cores, base.cores, PNG, base.cores * base.price),
        ("a GPU and 8 cores, PNG", on_gpu, 8, PNG, GPU_HOUR),
        ("a GPU and 32 cores, PNG", on_gpu, 32, PNG, GPU_HOUR + 24 * base.price),
        ("a GPU and 8 cores, JPEG", on_gpu, 8, JPEG, GPU_HOUR),
    ):
        files = (READ + write) / cores
        # Of two cores the network needs both; beside a GPU they are free.
        seconds = max(network, files) if network == on_gpu else network + files
        hours = 1e6 * mean * seconds / HOUR
        rows.append(
            [name, f"{network:.3f}", f"{files:.3f}", f"{1 / seconds:.2f}", f"{hours:,.0f} h", f"{hours * price:,.0f}"]
        )
    head = ["a worker", "network, s/MP", "files, s/MP", "MP/s", "a million pictures", "dollars"]
    return markdown_table(head, rows)


def training_table(training: Training) -> str:
    rows = []
    one = training.step(1, weak=False)["seconds"]
    for gpus in (1, 2, 4, 8, 16, 32, 64):
        cells = [str(gpus)]
        for weak in (False, True):
            step = training.step(gpus, weak)
            # On larger batches as many crops are seen, so fewer steps are done.
            steps = training.steps * training.batch / step["batch"]
            share = one * training.steps / (gpus * steps * step["seconds"])
            cells += [
                f"{1000 * step['seconds']:.1f}",
                f"{1000 * step['reduce']:.2f}",
                f"{steps * step['seconds'] / HOUR:.2f} h",
                f"{100 * share:.0f} %",
            ]
            if weak:
                cells.append(f"{step['crops'] / gpus:,.0f}")
        rows.append(cells)
    batch = f"batch {training.batch}"
    head = ["GPUs"]
    for what in (f"{batch}, but at least 1 a GPU", f"{batch} a GPU"):
        head += [f"{what}: ms a step", "of which all-reduce", "training", "of the ideal"]
    return markdown_table([*head, "crops/s a GPU"], rows)


def plot(trainings: list[Training], path: Path) -> None:
    from matplotlib.figure import Figure

    from srzoo.atomic import atomic_file

    figure = Figure(figsize=(10, 4), dpi=110, layout="constrained")
    speed, cutting = figure.subplots(1, 2)
    counts = [1, 2, 4, 8, 16, 32, 64]
    for training in trainings:
        for weak, line in ((False, ":"), (True, "-")):
            one = training.step(1, weak)["crops"]
            label = f"{training.name}, batch {training.batch}{' a GPU' if weak else ''}"
            speed.loglog(counts, [training.step(n, weak)["crops"] / one for n in counts], line, marker="o", label=label)
    speed.loglog(counts, counts, color="grey", linewidth=1, label="ideal")
    speed.set(title="training", xlabel="GPUs", ylabel="times the crops a second of one")
    workers = [50, 100, 200, 500, 1000, 2000, 5000]
    for unit, label in ((np.inf, "not cut"), (1.0, "units of 1 megapixel")):
        busy = [100 * run_archive(Archive(unit=unit, workers=n), 50_000).busy for n in workers]
        cutting.semilogx(workers, busy, "o-", label=label)
    cutting.set(title="50,000 pictures", xlabel="workers", ylabel="busy [%]", ylim=(0, 100))
    for axes in (speed, cutting):
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize="small")
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--gpu-tflops", type=float, default=Training.tflops, help="that a GPU sustains (default: 100)")
    ap.add_argument("--plot", type=Path, help="PNG file to write")
    args = ap.parse_args()

    print(f"{worker_table(args.gpu_tflops)}\n\n{archive_tables()}\n")
    trainings = [replace(training, tflops=args.gpu_tflops) for training in (EDSR_BASELINE, EDSR)]
    for training in trainings:
        print(f"{training.name}: {4 * training.parameters / 1e6:.0f} MB of gradients\n\n{training_table(training)}\n")
    if args.plot:
        plot(trainings, args.plot)


if __name__ == "__main__":
    main()
