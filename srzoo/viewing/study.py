"""Makes a study of opinions: one web page for the raters, and the key that says which picture is whose.

The protocol is that of SRGAN's paper (arXiv 1609.04802, section 3.4), single stimuli on a scale of five grades as in
ITU-R BT.500 (Annex 1, section 6.1); docs/mos.md says what was taken from where.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srzoo.atomic import check_place, make_folder, unfinished_folder
from srzoo.images import middle
from srzoo.upscaling.compare import enlarged
from srzoo.viewing.key import ANSWERS_FORMAT, HR, KEY, Key, Stimulus, key_to_json
from srzoo.viewing.methods import Method
from srzoo.viewing.pages import png_url, render
from srzoo.viewing.pictures import Shown, find_pictures

PAGE = "study.html"
"""Name of the page for the raters in a study's folder."""

TITLE = "How good do these pictures look?"


@dataclass(frozen=True)
class Plan:
    """Plan of a study.

    Attributes:
        crop: HR pixels a side of what is shown, at most.
        pictures: largest number of pictures, evenly spread over the folder.
        repeats: versions that each rater is shown twice; None: a tenth, at least three.
        examples: pictures of the training at the start.
        reference: if the folder's pictures are HR; else they are LR, and there is no hidden reference.
    """

    crop: int = 320
    pictures: int = 20
    repeats: int | None = None
    examples: int = 3
    reference: bool = True


def create_study(
    folder: Path,
    methods: Sequence[Method],
    output: Path,
    plan: Plan = Plan(),
    progress: Callable[[list[Shown]], Iterable[Shown]] = iter,
) -> Key:
    """Writes a study's folder: `study.html` for the raters and `key.json`; it appears whole or not at all.

    Args:
        folder: folder of pictures, see `srzoo.viewing.pictures.find_pictures`.
        methods: what is compared; the original comes on top.
        output: the study's folder, which must be new.
        plan: what is asked.
        progress: is given the list of pictures and gives them back one by one, as `tqdm.tqdm` does.

    Returns:
        The key.

    Raises:
        FileNotFoundError, ValueError: for a bad folder, as `find_pictures`, a bad plan, or an output that is there.
    """
    check_output(output)
    _check_plan(plan)
    scale = methods[0].scale
    found = find_pictures([folder], scale, plan.reference)
    _check_names(found)
    rated, examples = _choose(found, plan)
    stimuli: dict[str, Stimulus] = {}
    page: list[dict[str, Any]] = []
    for number, shown in enumerate(progress(rated)):
        for model, pixels in _versions(shown, methods, plan.crop):
            identifier = secrets.token_hex(8)
            stimuli[identifier] = Stimulus(shown.name, model)
            page.append({"id": identifier, "picture": number, "source": png_url(pixels)})
    names = ([HR] if plan.reference else []) + [method.name for method in methods]
    repeats = max(3, round(len(stimuli) / 10)) if plan.repeats is None else plan.repeats
    key = Key(secrets.token_hex(8), tuple(names), scale, min(repeats, len(stimuli) // 2), stimuli)
    data = {
        "format": ANSWERS_FORMAT,
        "study": key.study,
        "repeats": key.repeats,
        "minutes": key.minutes,
        # By their random names: otherwise the order would reveal the models.
        "stimuli": sorted(page, key=lambda stimulus: stimulus["id"]),
        "training": [example for shown in examples for example in _anchors(shown, scale, plan.crop)],
    }
    _write(output, {PAGE: render("study", TITLE, data), KEY: key_to_json(key)})
    return key


def check_output(output: Path) -> None:
    """Raises ValueError if a study's folder is there already, and FileExistsError if none can be there."""
    check_place(output)
    if output.exists():
        raise ValueError(f"{output} is there already; a study is never overwritten, so give another --output")


def _check_plan(plan: Plan) -> None:
    for name, least in (("crop", 64), ("pictures", 1), ("examples", 0), ("repeats", 0)):
        value = getattr(plan, name)
        if value is not None and value < least:
            raise ValueError(f"--{name} must be at least {least}, got {value}")


def _check_names(found: list[Shown]) -> None:
    names = [shown.name for shown in found]
    twice = [shown for shown in found if names.count(shown.name) > 1]
    if twice:
        raise ValueError(f"{twice[0].file} and {twice[1].file} have one name; rename one of them")


def _choose(found: list[Shown], plan: Plan) -> tuple[list[Shown], list[Shown]]:
    """Pictures that are rated, and those of the training: others, if there are enough."""
    rated = _spread(found, plan.pictures)
    others = [shown for shown in found if shown not in rated]
    return rated, _spread(others if len(others) >= plan.examples else found, plan.examples)


def _spread(items: list[Shown], most: int) -> list[Shown]:
    places = np.linspace(0, len(items) - 1, min(most, len(items)))
    return [items[round(place)] for place in places]


def _versions(shown: Shown, methods: Sequence[Method], crop: int) -> Iterable[tuple[str, np.ndarray]]:
    scale = methods[0].scale
    lr, hr = shown.read(scale)
    rows, columns = middle(lr.shape, crop // scale, crop // scale)
    if hr is not None:
        yield HR, hr[enlarged((rows, columns), lr.shape, hr.shape)]
    for method in methods:
        yield method.name, method.upscale_part(lr, rows, columns)


def _anchors(shown: Shown, scale: int, crop: int) -> list[dict[str, Any]]:
    """The ends of the scale, as SRGAN's raters were shown them: nearest neighbour is 1, the original is 5."""
    lr, hr = shown.read(scale)
    rows, columns = middle(lr.shape, crop // scale, crop // scale)
    nearest = lr[rows, columns].repeat(scale, axis=0).repeat(scale, axis=1)
    # Without HR, LR's own pixels are as sharp as an original's.
    original = lr[middle(lr.shape, crop, crop)] if hr is None else hr[enlarged((rows, columns), lr.shape, hr.shape)]
    return [{"score": 1, "source": png_url(nearest)}, {"score": 5, "source": png_url(original)}]


def _write(output: Path, files: dict[str, str]) -> None:
    make_folder(output.parent)
    with unfinished_folder(output.parent) as temporary:
        # Within it, because the temporary folder itself is private and the study is not.
        written = temporary / output.name
        written.mkdir()
        for name, text in files.items():
            (written / name).write_text(text, encoding="utf-8")
        written.rename(output)
