"""The steps of the pipeline. Whatever a picture brings about is its outcome, and stops no other."""

import contextlib
import hashlib
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path, PurePosixPath

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics
from apache_beam.utils.shared import Shared

from srzoo import shipped
from srzoo.archive import storage, worker
from srzoo.archive.records import ArchiveSettings, Found, Outcome, Planned, Sheet, Unit
from srzoo.atomic import make_folder
from srzoo.pictures.animations import playing_of
from srzoo.pictures.formats import AS_INPUT, FORMATS, output_format
from srzoo.pictures.pixels import Bands, Pixels, bleed, from_channels
from srzoo.pictures.reading import Frame, LargeFrame, open_picture
from srzoo.pictures.record import Made, Record, fingerprint, remember
from srzoo.pictures.writing import write_frames
from srzoo.runtimes.tiles import cut
from srzoo.upscaling import batch
from srzoo.upscaling.automatic import suited
from srzoo.upscaling.pictures import LARGE, needs_precision, upscale_bled
from srzoo.upscaling.sizes import below, passes, shrunk

OUTCOMES, SHEETS, LARGE_ONES = "outcomes", "sheets", "large"
"""Outputs beside the main one."""

BAND_ROWS = 64
"""Rows of a result that are taken at once from the disk to the file."""


class Step(beam.DoFn):
    """A step that knows the call's settings."""

    def __init__(self, settings: ArchiveSettings):
        self.settings = settings

    def tried(self, path: str, work: Callable, *arguments):
        """The result of `work`, or the `Outcome` of its failure. Meanwhile the watcher knows what is in hand."""
        try:
            with worker.at_work(self.settings.watch, path):
                return work(*arguments)
        except Exception as error:
            # Several lines, as Beam's and TensorFlow's errors may have, become one.
            reason = " ".join((str(error) or type(error).__name__).split())
            return Outcome(path, "failed", reason if path.rsplit("/", 1)[-1] in reason else f"{path}: {reason}")


class Look(Step):
    """`Found` -> (target, `Planned`), by a look into the file's header, or an `Outcome`.

    A result that is there under the input's own name, or with the wanted ending, is found without that look, for which
    a file on another machine has to be copied whole. What results on this machine were made of is noted; elsewhere a
    result is done if it is not older than its input.
    """

    def setup(self) -> None:
        self.record = Record()

    def process(self, found: Found) -> Iterator:
        planned = self.tried(found.path, self._planned, found)
        failed = isinstance(planned, Outcome)
        yield beam.pvalue.TaggedOutput(OUTCOMES, planned) if failed else (planned.target, planned)

    def _planned(self, found: Found) -> Planned:
        settings, place = self.settings, PurePosixPath(found.place)
        if found.path in settings.given_up:
            raise ValueError(
                f"{found.path}: worker processes died of it or stood still twice, maybe for want of memory"
            )
        made = self._made(found)
        target = f"{settings.output}/{FORMATS[settings.wanted].named(place) if settings.wanted else place}"
        if self._is_done(found, target, made):
            return Planned(found.path, target, "", done=True, made=made)
        with storage.fetched(found.path) as path, open_picture(path, settings.max_pixels) as picture:
            given = picture.upright_size
            size = settings.size.of(*given)
            factor = max(size) / max(given)
            written_as, notes = output_format(picture, settings.wanted, factor)
            network = 0
            if len(settings.networks) > 1:
                network = int(
                    suited(path, factor, settings.max_pixels)[0] == shipped.nearest(shipped.FOR_DAMAGED, factor)
                )
                notes = [*notes, f"upscaled by {settings.networks[network].choice.source}, as auto chose"]
            once = passes(settings.networks[network].scale, given, size) == 1
            large = once and picture.count == 1 and math.prod(given) > settings.unit_pixels
        target = f"{settings.output}/{written_as.named(place)}"
        folder = target.rpartition("/")[0]
        if storage.within(folder, settings.prefix) and not storage.within(folder, settings.output):
            raise ValueError(
                f"{found.path} would be written to {target}, which a link leads among the inputs; remove that link, or "
                "give another folder"
            )
        done = self._is_done(found, target, made)
        kept = made and not done and not settings.overwrite and self.record.kept(Path(target), made.by)
        if kept:
            raise ValueError(
                f"{target} is there, {kept}, and would be replaced; give another folder, or allow it by --overwrite"
            )
        return Planned(found.path, target, written_as.name, tuple(notes), done, large, made, network)

    def _made(self, found: Found) -> Made | None:
        """The making of a result, if a record beside it is possible."""
        by, options = self.settings.made_by, f"{self.settings.made_by}\n{self.settings.options}"
        if not storage.is_local(self.settings.output):
            return None
        if storage.is_local(found.path):
            return Made(by, fingerprint(Path(found.path), options))
        return Made(by, f"{found.size} bytes of {found.written}, {hashlib.sha256(options.encode()).hexdigest()}")

    def _is_done(self, found: Found, target: str, made: Made | None) -> bool:
        if made:
            return self.record.find(Path(target)) == made
        written = storage.last_written(target)
        return written is not None and written >= found.written


class SortOut(Step):
    """(target, all `Planned` that go there) -> the one to be done, `LARGE_ONES` apart; an `Outcome` for the others."""

    def process(self, group: tuple[str, Iterable[Planned]]) -> Iterator:
        target, given = group
        planned = sorted(given, key=lambda each: each.path)
        if len(planned) > 1 and not self.settings.overwrite:
            for each in planned:
                other = next(one for one in planned if one is not each)
                reason = (
                    f"{each.path} and {other.path} would both be written to {target}; "
                    "rename one of them, or allow it by --overwrite, then the later one stays"
                )
                yield beam.pvalue.TaggedOutput(OUTCOMES, Outcome(each.path, "failed", reason))
            return
        for each in planned[:-1]:
            note = "the result of another input stays in its place"
            yield beam.pvalue.TaggedOutput(OUTCOMES, Outcome(each.path, "there", notes=(note,)))
        last = planned[-1]
        if last.done:
            yield beam.pvalue.TaggedOutput(OUTCOMES, self._there(last))
        elif last.large:
            yield beam.pvalue.TaggedOutput(LARGE_ONES, last)
        else:
            yield last

    def _there(self, planned: Planned) -> Outcome:
        written = storage.last_written(planned.target)
        if written is None or written < self.settings.since:
            return Outcome(planned.path, "there")
        with storage.fetched(planned.target) as path, open_picture(path, 2**62) as picture:
            width, height = picture.size
            return Outcome(planned.path, "upscaled", pixels=width * height * picture.count)


def _announce(planned: Planned, written: Path) -> None:
    """Notes that a result is to take its place, so that after a kill it is known as one, and made again."""
    if planned.made:
        with contextlib.suppress(OSError):  # of which putting it there tells
            make_folder(Path(planned.target).parent)
            remember(Path(planned.target), replace(planned.made, of=""), written)


def _remember(planned: Planned) -> None:
    if planned.made:
        with contextlib.suppress(OSError):  # the next call will make it again
            remember(Path(planned.target), planned.made)


class Networked(Step):
    """A step that computes, with the process's network."""

    def __init__(self, settings: ArchiveSettings, shared: Shared):
        super().__init__(settings)
        self.shared = shared

    def setup(self) -> None:
        self.networks = worker.acquire(self.shared, self.settings)


class Whole(Networked):
    """`Planned` -> `Outcome`: upscales a picture as `resolve_image.py` does."""

    def process(self, planned: Planned) -> Iterator[Outcome]:
        yield self.tried(planned.path, self._outcome, planned)

    def _outcome(self, planned: Planned) -> Outcome:
        written_as, settings = AS_INPUT[planned.written_as], self.settings
        loaded = self.networks[planned.network]
        with storage.fetched(planned.path) as source, storage.published(settings.scratch, planned.target) as target:
            job = batch.Job(source, target, written_as, settings.size, notes=planned.notes)
            result = batch.carry_out(job, loaded.upscaler, "", max_pixels=settings.max_pixels)
            _announce(planned, target)
        _remember(planned)
        width, height = result.after.pixels.size
        pixels, seconds = width * height * result.count, loaded.seconds()
        return Outcome(planned.path, "upscaled", "", pixels, seconds, result.notes)


class Cut(Step):
    """`Planned` -> its `Unit`s, and (path, `Sheet`) as `SHEETS`; or an `Outcome`. Holds the picture, not its result."""

    def process(self, planned: Planned) -> Iterator:
        parts = self.tried(planned.path, self._cut, planned)
        if isinstance(parts, Outcome):
            yield beam.pvalue.TaggedOutput(OUTCOMES, parts)
        else:
            yield beam.pvalue.TaggedOutput(SHEETS, (planned.path, parts[0]))
            yield from parts[1]

    def _cut(self, planned: Planned) -> tuple[Sheet, list[Unit]]:
        settings = self.settings
        with storage.fetched(planned.path) as path, open_picture(path, settings.max_pixels) as picture:
            frame = next(picture.frames())
            playing, lossless, notes = playing_of(picture), picture.lossless, tuple(picture.notes)
        given = frame.pixels
        width, height = given.size
        values = Pixels(bleed(given), given.alpha)
        name = hashlib.sha256(planned.path.encode()).hexdigest()[:32]
        network = settings.networks[planned.network]
        tiles = cut(height, width, network.scale, network.halo, settings.unit_pixels, alignment=network.alignment)
        about = planned.network, needs_precision(given)
        units = [Unit(planned.path, f"{name}-{index}", tile, *about) for index, tile in enumerate(tiles)]
        for unit in units:
            part = values.map(lambda array, source=unit.tile.source: array[source])
            storage.put_array(settings.scratch, f"{unit.name}.lr", part.channels())
        size, upscaled = settings.size.of(width, height), (width * network.scale, height * network.scale)
        metadata = frame.metadata.of_result(given.size, size, given.grey)
        notes += batch.not_held(AS_INPUT[planned.written_as], frame.metadata, metadata)
        kinds = given.grey, given.deep, given.transparent
        return Sheet(planned, size, upscaled, *kinds, metadata, playing, lossless, len(units), notes), units


class UpscaleUnit(Networked):
    """`Unit` -> (path, `Unit`), whose result is then in the scratch folder."""

    def process(self, unit: Unit) -> Iterator[tuple[str, Unit]]:
        done = self.tried(unit.path, self._upscaled, unit)
        yield unit.path, replace(unit, failure=done.reason) if isinstance(done, Outcome) else done

    def _upscaled(self, unit: Unit) -> Unit:
        scratch, name, loaded = self.settings.scratch, f"{unit.name}.sr", self.networks[unit.network]
        # It may be of an earlier attempt.
        if storage.last_written(f"{scratch}/{name}") is None:
            pixels = from_channels(storage.get_array(scratch, f"{unit.name}.lr"))
            upscaler = loaded.upscaler.precise if unit.precise else loaded.upscaler
            result = upscale_bled(upscaler, pixels).map(lambda array: array[unit.tile.inside])
            storage.put_array(scratch, name, result.channels())
        return replace(unit, seconds=loaded.seconds())


class Join(Step):
    """(path, sheet and units) -> `Outcome`: writes the result from its parts.

    They are laid out in a file as large as the result's pixels. Memory is needed for one part and, where the result is
    of more than `LARGE` bytes and its format is written row by row, for `BAND_ROWS` rows; else for the whole result.
    """

    def process(self, group: tuple[str, dict[str, Iterable]]) -> Iterator[Outcome]:
        path, parts = group
        yield self.tried(path, self._outcome, list(parts["sheets"]), list(parts["units"]))

    def _outcome(self, sheets: list[Sheet], units: list[Unit]) -> Outcome:
        sheet = sheets[0]
        planned, settings = sheet.planned, self.settings
        failures = sorted({unit.failure for unit in units if unit.failure})
        if failures:
            raise ValueError(failures[0])
        by_name = {unit.name: unit for unit in units}
        if len(by_name) != sheet.units:
            raise ValueError(f"{planned.path}: {len(by_name)} of its {sheet.units} parts came back")
        written_as = AS_INPUT[planned.written_as]
        with (
            tempfile.TemporaryFile(dir=worker.workspace(settings)) as file,
            storage.published(settings.scratch, planned.target) as target,
        ):
            laid = self._laid(file, sheet, by_name.values())
            bands = _bands(laid, sheet)
            frame: Frame | LargeFrame
            if written_as.streams and math.prod(sheet.size) * laid.shape[2] * laid.itemsize > LARGE:
                frame = LargeFrame(bands, sheet.metadata)
            else:
                frame = Frame(reduce(below, bands.bands()), sheet.metadata)
            write_frames(target, [frame], written_as, sheet.playing, sheet.lossless)
            _announce(planned, target)
        _remember(planned)
        seconds = sum(unit.seconds for unit in by_name.values())
        notes = (*sheet.notes, *planned.notes)
        return Outcome(planned.path, "upscaled", "", sheet.size[0] * sheet.size[1], seconds, notes)

    def _laid(self, file, sheet: Sheet, units: Iterable[Unit]) -> np.ndarray:
        channels = (1 if sheet.grey else 3) + sheet.transparent
        shape = sheet.upscaled[1], sheet.upscaled[0], channels
        dtype = np.dtype(np.uint16 if sheet.deep else np.uint8)
        if hasattr(os, "posix_fallocate"):
            # On a full disk this is an error, where to write into the map would end the process.
            os.posix_fallocate(file.fileno(), 0, math.prod(shape) * dtype.itemsize)
        laid = np.memmap(file, dtype, "w+", shape=shape)
        for unit in units:
            laid[unit.tile.target] = storage.get_array(self.settings.scratch, f"{unit.name}.sr")
        return laid


def _bands(laid: np.ndarray, sheet: Sheet) -> Bands:
    parts = (from_channels(np.array(laid[top : top + BAND_ROWS])) for top in range(0, len(laid), BAND_ROWS))
    source = parts if sheet.size == sheet.upscaled else shrunk(parts, sheet.upscaled, sheet.size)
    return Bands(sheet.size, sheet.grey, sheet.deep, sheet.transparent, source)


class Count(beam.DoFn):
    """`Outcome` -> (what is summed up, number); and Beam's own counters, in which what is done twice counts twice."""

    def __init__(self):
        self.pixels = Metrics.distribution("srzoo", "kilopixels_out")
        self.milliseconds = Metrics.distribution("srzoo", "inference_milliseconds")
        self.kinds = {kind: Metrics.counter("srzoo", f"images_{kind}") for kind in ("upscaled", "there", "failed")}

    def process(self, outcome: Outcome) -> Iterator[tuple[str, float]]:
        self.kinds[outcome.kind].inc()
        if outcome.kind == "upscaled":
            self.pixels.update(outcome.pixels // 1000)
            self.milliseconds.update(round(1000 * outcome.seconds))
        yield outcome.kind, 1
        yield "pixels", outcome.pixels
        yield "seconds", outcome.seconds
        for note in outcome.notes:
            yield f"note: {note}", 1
