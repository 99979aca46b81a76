"""What the benchmarks share: runs in turns, medians, what the machine is, and the files of results."""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from statistics import median

PACKAGES = ("srzoo", "tensorflow", "keras", "numpy", "pillow", "openvino", "onnxruntime", "ai-edge-litert", "torch")
FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp", "bf16")
"""Instructions that say how fast a processor can be in which precision, by Linux's names."""


@dataclass(frozen=True)
class Row:
    """One measured thing.

    Attributes:
        section: table that holds the row.
        name: what ran.
        value: median, in `unit`.
        unit: unit of the value.
        ratio: speed-up of srzoo over this, median over the rounds; below 1 this is faster. None for srzoo itself, and
            if there is nothing to compare with.
        figures: other figures of the row, name -> number.
    """

    section: str
    name: str
    value: float
    unit: str
    ratio: float | None = None
    figures: Mapping[str, float] | None = None


def threads() -> int:
    """Processor cores that this process may use: as many threads as every runtime is given."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_turns(candidates: Mapping[str, Callable], rounds: int) -> dict[str, list[float]]:
    """Seconds of each candidate in each round; all run once before, and in each round one after the other.

    Other work on the machine comes and goes, and so hits all of them; the ratios within a round stand. Each round
    begins with another candidate, as who comes first may find caches and threads otherwise than the rest.
    """
    for run in candidates.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for number in range(rounds):
        first = number * (1 + len(names) // 2) % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            candidates[name]()
            taken[name].append(time.perf_counter() - start)
    return taken


def ratio(taken: list[float], reference: list[float]) -> float:
    """How many times as long as the reference it took, median over the rounds."""
    return median(a / b for a, b in zip(taken, reference, strict=True))


def processor() -> dict:
    """Name and instructions of the processor, as far as the system tells."""
    name, flags = platform.processor() or platform.machine(), set()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            if key.strip() in ("flags", "Features"):
                flags = set(value.split())
    except OSError:
        pass
    return {"name": name, "instructions": [flag for flag in FLAGS if flag in flags]}


def machine() -> dict:
    """What the figures hold for: date, processor, threads, load by others before the start, seconds, versions."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    python = {"python": platform.python_version(), **versions}
    return {
        "date": date.today().isoformat(),
        "processor": processor(),
        "threads": threads(),
        "load_before": load,
        "seconds": {},  # of each module, by the clock and of the processor's cores together
        "versions": python,
    }


def write(folder: Path, about: dict, rows: list[Row], notes: list[str]) -> None:
    """Writes `results.json`, `results.md` and `results.png` (bars of the ratios)."""
    folder.mkdir(parents=True, exist_ok=True)
    result = {"machine": about, "rows": [asdict(row) for row in rows], "notes": notes}
    (folder / "results.json").write_text(json.dumps(result, indent=2), "utf-8")
    (folder / "results.md").write_text(to_markdown(about, rows, notes), "utf-8")
    _draw(folder / "results.png", [row for row in rows if row.ratio is not None and "the best" not in row.name])


def to_markdown(about: dict, rows: list[Row], notes: list[str]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    instructions = ", ".join(about["processor"]["instructions"])
    taken = ", ".join(f"{name} {clock:.0f} and {used:.0f}" for name, (clock, used) in about["seconds"].items())
    text = [
        f"{about['date']}, {about['processor']['name']} ({instructions}), {about['threads']} threads, load of the "
        f"machine before the start {about['load_before']}; {versions}.",
    ]
    if taken:
        text.append(f"Seconds by the clock and of all cores together: {taken}.")
    for section in dict.fromkeys(row.section for row in rows):
        own = [row for row in rows if row.section == section]
        extra = list(dict.fromkeys(name for row in own for name in row.figures or {}))
        heads = ["", own[0].unit, *extra, "speed-up of srzoo"]
        text += ["", f"### {section}", "", f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
        for row in own:
            figures = [(row.figures or {}).get(name) for name in extra]
            cells = [_number(row.value), *map(_number, figures), _number(row.ratio)]
            text.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join([*text, "", *(f"- {note}" for note in notes), ""])


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _draw(path: Path, rows: list[Row]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.26 * len(rows)), layout="constrained")
    names = [f"{row.section}: {row.name}" for row in rows][::-1]
    ratios = [row.ratio or 1.0 for row in rows][::-1]
    bars = axes.barh(names, [ratio - 1 for ratio in ratios], left=1, color="#4477aa")
    axes.bar_label(bars, [f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}" for ratio in ratios], padding=3, fontsize=7)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 5, 10, 20, 50, 100])
    axes.minorticks_off()
    axes.set_xlim(min([0.5, *ratios]) / 1.2, 2 * max([2, *ratios]))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("speed-up of srzoo")
    axes.tick_params(axis="y", labelsize=7)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
