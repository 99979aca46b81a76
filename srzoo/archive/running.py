"""Runs the pipeline: in this process, by worker processes of this machine that may die, or by another runner."""

import contextlib
import io
import json
import logging
import multiprocessing
import os
import re
import signal
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.fn_runner import ExtendedProvisionInfo
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineState
from apache_beam.utils.shared import Shared

from srzoo.archive import storage, worker
from srzoo.archive.pipeline import FAILED, REPORT, build
from srzoo.archive.records import ArchiveSettings
from srzoo.atomic import unfinished_prefix
from srzoo.pictures.record import Record
from srzoo.pictures.sources import in_words, pictures_below

LOGGER = logging.getLogger(__name__)

ATTEMPTS = 3
"""Number of starts of local workers, unless a single picture kills them."""

STRIKES = 2
"""Number of times that workers may die or stand still with a picture in hand before it is given up."""

STALL_SECONDS = 900.0
"""Seconds without a sign of life after which local workers are ended and started again."""

WORKER_DIED, PIPELINE_FAILED = 3, 4
"""Exit statuses of the process that runs the local workers."""

LOG_LEVEL = "--default_sdk_harness_log_level"
"""Beam's option; with it, what local workers say is shown."""

LOCAL = ("DirectRunner", "FnApiRunner")


class PipelineError(OSError):
    """The pipeline ended before all pictures had an outcome; the same call again does what is missing."""


@dataclass
class Report:
    """Report on a call.

    Attributes:
        images: inputs.
        upscaled, already_there, failed: how many of them.
        megapixels_out: megapixels of the written results.
        inference_seconds: seconds that the networks of all workers computed, in the attempt that ended.
        seconds: seconds of the call, with the start of the workers.
        attempts: how often local workers were started.
        notes: what was said of results -> of how many.
    """

    images: int
    upscaled: int
    already_there: int
    failed: int
    megapixels_out: float
    inference_seconds: float
    seconds: float
    attempts: int
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def megapixels_per_second(self) -> float:
        return self.megapixels_out / self.seconds


def local_workers(arguments: list[str], workers: int) -> int:
    """Checks Beam's options; gives how many processes of this machine are to be started, 1 being this one alone.

    Args:
        arguments: Beam's options.
        workers: number of workers that the user asked for.

    Raises:
        ValueError: for what Beam does not know, which it would pass over itself, or if there are also workers of
            another runner. A portable runner has options that only its server knows, so there none is unknown.
    """
    options = PipelineOptions(arguments)
    unknown = _unknown(options, arguments)
    FileSystems.set_options(options)
    runner = options.view_as(StandardOptions).runner
    direct = options.view_as(DirectOptions)
    if runner not in (None, *LOCAL):
        if workers > 1:
            raise ValueError(f"--workers {workers} is for this machine, but --runner {runner} has workers of its own")
        return 1
    if unknown:
        raise ValueError(f"neither srzoo nor Beam knows {' '.join(unknown)!r}; see `srzoo batch --help`")
    return max(workers, direct.direct_num_workers) if direct.direct_running_mode == "multi_processing" else workers


def _unknown(options: PipelineOptions, arguments: list[str]) -> list[str]:
    unknown: list[str] = []
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            options.get_all_options(add_extra_args_fn=lambda ap: unknown.extend(ap.parse_known_args(arguments)[1]))
    except SystemExit as error:
        raise ValueError(f"Beam's options: {complaint.getvalue().strip().splitlines()[-1]}") from error
    return unknown


def check_inputs(pattern: str, output: str) -> tuple[str, str, bool]:
    """The pattern as Beam takes it, its fixed prefix, and whether files are chosen by their ending.

    Raises:
        FileNotFoundError: if nothing matches.
        ValueError: if the folder of results holds the inputs, or packages for a file system are missing.
    """
    for path in (pattern, output):
        storage.check_installed(path)
    given, local = storage.absolute(pattern), storage.is_local(pattern)
    folder = Path(given).is_dir() if local else pattern.endswith("/")
    prefix = given if folder else storage.fixed_prefix(given)
    if storage.within(prefix, output):
        raise ValueError(f"{output} holds the inputs; give another folder for the results")
    if local and folder:
        unlisted: list[OSError] = []
        found, passed_over = pictures_below(Path(given), Path(output).resolve(), Record(), unlisted.append)
        if found or unlisted:
            return given, prefix, folder
        raise FileNotFoundError(
            f"{pattern}: no picture in this folder" + f", but {in_words(passed_over)}" * bool(passed_over)
        )
    if local and Path(given).is_file():
        return given, prefix, folder
    given = (storage.literal(prefix) if local else prefix) + given.removeprefix(prefix) + "/**" * folder
    # Mostly one of the first is a picture, and an archive is long.
    for limit in (100, None):
        for metadata in FileSystems.match([given], [limit])[0].metadata_list:
            if storage.place_of(metadata.path, prefix, output, folder):
                return given, prefix, folder
    raise FileNotFoundError(f"{pattern}: no picture matches")


def run(
    settings: ArchiveSettings,
    arguments: list[str],
    shared: Shared,
    workers: int = 1,
    stall_seconds: float = STALL_SECONDS,
) -> Report:
    """Runs the pipeline to its end, and writes the report to `report.json` in the folder of results.

    Args:
        settings: settings of the call.
        arguments: Beam's options.
        shared: token of the network.
        workers: processes of this machine; 1 is this process. Only without a runner among the arguments.
        stall_seconds: without a sign of life after which local workers are ended and started again.

    Raises:
        PipelineError: if it did not come to its end.
    """
    start = time.time()
    storage.remove_leftovers(settings.output)
    for name in (FAILED, REPORT):
        storage.remove_file(f"{settings.output}/{name}")
    try:
        if workers > 1:
            attempts = _supervised(settings, arguments, shared, workers, stall_seconds)
        else:
            attempts = 1
            _run_here(settings, arguments, shared)
        report = _report(settings, start, attempts)
        text = json.dumps({**asdict(report), "megapixels_per_second": report.megapixels_per_second}, indent=1)
        storage.write_text(settings.scratch, f"{settings.output}/{REPORT}", text + "\n")
        return report
    finally:
        storage.remove(settings.scratch)


def _run_here(settings: ArchiveSettings, arguments: list[str], shared: Shared) -> None:
    options = PipelineOptions(arguments)
    name = options.view_as(StandardOptions).runner
    # Beam's own choice for this machine is a binary that it downloads.
    runner = _local_runner(options) if name in (None, *LOCAL) else name
    pipeline = beam.Pipeline(runner, options)
    try:
        build(pipeline, settings, shared)
        state = pipeline.run().wait_until_finish()
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        interrupted = re.match(r"KeyboardInterrupt(?:: (\d+))?", lines[-1] if lines else "")
        if interrupted:  # Beam makes a text of it
            raise KeyboardInterrupt(*map(int, filter(None, interrupted.groups()))) from error
        raise PipelineError(f"the pipeline failed: {lines[-1] if lines else type(error).__name__}") from error
    if state not in (None, PipelineState.DONE):
        raise PipelineError(f"the pipeline ended as {state}; the same call again does what is missing")


def _local_runner(options: PipelineOptions) -> FnApiRunner:
    """Beam's runner in Python; it gives its workers the options only so."""
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    provided = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return FnApiRunner(provision_info=ExtendedProvisionInfo(provided))


def _report(settings: ArchiveSettings, start: float, attempts: int) -> Report:
    totals = json.loads(storage.read_text(f"{settings.scratch}/totals.json"))
    upscaled, there, failed = (int(totals.get(kind, 0)) for kind in ("upscaled", "there", "failed"))
    notes = {name[6:]: int(count) for name, count in sorted(totals.items()) if name.startswith("note: ")}
    pixels, seconds = totals.get("pixels", 0), totals.get("seconds", 0)
    return Report(
        upscaled + there + failed,
        upscaled,
        there,
        failed,
        pixels / 1e6,
        round(seconds, 3),
        round(time.time() - start, 3),
        attempts,
        notes,
    )


def _supervised(
    settings: ArchiveSettings, arguments: list[str], shared: Shared, workers: int, stall_seconds: float
) -> int:
    """Starts local workers until the pipeline comes to its end; returns how often."""
    strikes: Counter[str] = Counter()
    start, attempt = time.time(), 0
    while True:
        attempt += 1
        with tempfile.TemporaryDirectory(prefix="srzoo-watch-") as watch:
            given_up = tuple(sorted(path for path, count in strikes.items() if count >= STRIKES))
            since = start if attempt > 1 else float("inf")
            now = replace(settings, watch=watch, given_up=given_up, since=since)
            ended = _attempt(now, arguments, shared, workers, stall_seconds)
            if ended is None:
                return attempt
            strikes.update(ended.suspects)
        given_up_now = sum(count >= STRIKES for count in strikes.values())
        if ended.final or attempt >= ATTEMPTS + given_up_now:
            raise PipelineError(f"{ended.reason}; the same call again does what is missing")
        LOGGER.warning("%s; starts again, what is done stays", ended.reason)


@dataclass(frozen=True)
class _Ended:
    """Why an attempt ended early, which pictures may be the cause, and whether another one is of no use."""

    reason: str
    suspects: list[str] = field(default_factory=list)
    final: bool = False


def _attempt(
    settings: ArchiveSettings, arguments: list[str], shared: Shared, workers: int, stall_seconds: float
) -> _Ended | None:
    """Runs the pipeline in a process of its own, which can be ended with all its workers."""
    assert settings.watch
    modes = [f"--direct_num_workers={workers}", "--direct_running_mode=multi_processing"]
    process = multiprocessing.get_context("spawn").Process(
        target=_lead, args=(settings, [*arguments, *modes], shared, workers), name="srzoo batch"
    )
    process.start()
    started = time.time()
    try:
        while process.is_alive():
            process.join(0.5)
            idle = time.time() - max(started, worker.last_sign(settings.watch))
            if idle > stall_seconds:
                _end_group(process)  # or a picture's word could go while it is read
                stuck = worker.in_hand(settings.watch, of_all=True)
                return _Ended(f"no worker gave a sign of life for {idle:.0f} seconds", stuck)
        if process.exitcode == 0:
            return None
        if process.exitcode == PIPELINE_FAILED:
            return _Ended(Path(settings.watch, "error").read_text("utf-8"), final=True)
        if process.exitcode not in (WORKER_DIED, -signal.SIGKILL):
            return _Ended(f"the process that runs the pipeline ended with status {process.exitcode}", final=True)
        dropped = worker.in_hand(settings.watch, of_all=False)
        return _Ended("a worker process was killed, maybe for want of memory", dropped)
    finally:
        _end_group(process)


def _end_group(process) -> None:
    """Ends the process and its workers, whatever they do."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.is_alive():
        process.kill()
    process.join()


def _lead(settings: ArchiveSettings, arguments: list[str], shared: Shared, workers: int) -> None:
    """Runs the pipeline in a new group of processes, of which it is the first."""
    os.setsid()
    # Workers that each compute on all cores wait for each other.
    share = str(max(1, (os.cpu_count() or 1) // workers))
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(name, share)
    # When a worker dies, Beam's runner waits for it for ever; the thread that started it only raises.
    threading.excepthook = _end_with_worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if not any(text.startswith(LOG_LEVEL) for text in arguments):
        _hold_back_output(settings.watch)
    try:
        _run_here(settings, arguments, shared)
    except PipelineError as error:
        Path(settings.watch or "", "error").write_text(str(error), "utf-8")
        os._exit(PIPELINE_FAILED)
    os._exit(0)


def _hold_back_output(watch: str | None) -> None:
    """Sends what Beam and its workers say, which is much when one is killed, to a file that goes with the call."""
    with Path(watch or "", "output").open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)


def _end_with_worker(given: threading.ExceptHookArgs) -> None:
    if given.thread and given.thread.name == "run_worker":
        os._exit(WORKER_DIED)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.killpg(0, signal.SIGKILL)


def new_scratch(output: str) -> str:
    """A folder for what is not finished; its name is hidden where names can be."""
    return f"{output}/{unfinished_prefix()}{uuid.uuid4().hex[:8]}"
