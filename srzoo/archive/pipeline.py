"""The pipeline: match, look, sort out, upscale whole or in units, join, sum up."""

import json
from collections.abc import Iterable

import apache_beam as beam
from apache_beam.utils.shared import Shared

from srzoo.archive import storage
from srzoo.archive.matching import PASSED_OVER, Match
from srzoo.archive.records import ArchiveSettings
from srzoo.archive.steps import LARGE_ONES, OUTCOMES, SHEETS, Count, Cut, Join, Look, SortOut, UpscaleUnit, Whole

FAILED, REPORT = "failed.jsonl", "report.json"


def build(pipeline: beam.Pipeline, settings: ArchiveSettings, shared: Shared) -> None:
    """Adds all steps to a pipeline; each input has one outcome, however often a runner tries it.

    After it ran, `settings.scratch` holds `totals.json`, and the folder of results `failed.jsonl` if some failed.

    Args:
        pipeline: pipeline of any runner.
        settings: settings of the call.
        shared: token of the network, which each process loads once.
    """
    matched = (
        pipeline
        | "inputs" >> beam.Create([settings.pattern])
        | "match" >> beam.ParDo(Match(settings)).with_outputs(OUTCOMES, PASSED_OVER, main="found")
    )
    found = matched.found | "spread inputs" >> beam.Reshuffle()
    looked = found | "look" >> beam.ParDo(Look(settings)).with_outputs(OUTCOMES, main="planned")
    sorted_out = (
        looked.planned
        | "by target" >> beam.GroupByKey()
        | "sort out" >> beam.ParDo(SortOut(settings)).with_outputs(OUTCOMES, LARGE_ONES, main="small")
    )
    whole = (
        sorted_out.small
        | "spread pictures" >> beam.Reshuffle()
        | "upscale pictures" >> beam.ParDo(Whole(settings, shared))
    )
    cut = (
        sorted_out[LARGE_ONES]
        | "spread large pictures" >> beam.Reshuffle()
        | "cut" >> beam.ParDo(Cut(settings)).with_outputs(OUTCOMES, SHEETS, main="units")
    )
    units = (
        cut.units | "spread units" >> beam.Reshuffle() | "upscale units" >> beam.ParDo(UpscaleUnit(settings, shared))
    )
    joined = (
        {"sheets": cut[SHEETS], "units": units}
        | "by picture" >> beam.CoGroupByKey()
        | "join" >> beam.ParDo(Join(settings))
    )
    outcomes = (
        (matched[OUTCOMES], looked[OUTCOMES], sorted_out[OUTCOMES], whole, cut[OUTCOMES], joined)
        | "outcomes" >> beam.Flatten()
        # What a runner computes again after this is not counted again.
        | "commit" >> beam.Reshuffle()
    )
    _sum_up(outcomes, matched[PASSED_OVER], settings)


def _sum_up(outcomes: beam.PCollection, passed_over: beam.PCollection, settings: ArchiveSettings) -> None:
    (
        (outcomes | "count" >> beam.ParDo(Count()), passed_over)
        | "all counts" >> beam.Flatten()
        | "sum" >> beam.CombinePerKey(sum)
        | "totals" >> beam.combiners.ToDict()
        | "write totals" >> beam.Map(_write_totals, settings)
    )
    (
        outcomes
        | "the failed" >> beam.Filter(lambda outcome: outcome.kind == "failed")
        | "to one" >> beam.Map(lambda outcome: ("", (outcome.path, outcome.reason)))
        | "all failed" >> beam.GroupByKey()
        | "write failed" >> beam.Map(_write_failed, settings)
    )


def _write_totals(totals: dict[str, float], settings: ArchiveSettings) -> None:
    storage.write_text(settings.scratch, f"{settings.scratch}/totals.json", json.dumps(totals))


def _write_failed(group: tuple[str, Iterable[tuple[str, str]]], settings: ArchiveSettings) -> None:
    lines = [json.dumps({"path": path, "reason": reason}) for path, reason in sorted(group[1])]
    storage.write_text(settings.scratch, f"{settings.output}/{FAILED}", "\n".join(lines) + "\n")
