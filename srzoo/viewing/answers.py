"""The files that raters saved, checked against the study."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srzoo.viewing.key import ANSWERS_FORMAT, Key

MAX_BYTES = 10_000_000
"""Largest size of a file of answers; a thousand pictures take some hundred kilobytes."""


@dataclass(frozen=True)
class Answers:
    """Answers of one rater.

    Attributes:
        file: where it was read.
        rater: the rater's identifier, drawn by the page.
        name: name that the rater gave, or "".
        scores: stimulus -> score from 1 to 5, at its first showing.
        repeats: stimulus -> score at its second showing.
    """

    file: Path
    rater: str
    name: str
    scores: dict[str, int]
    repeats: dict[str, int]

    @property
    def label(self) -> str:
        """Name of the rater in the report."""
        return f"{self.name.strip()} ({self.rater})" if self.name.strip() else self.rater


def read_answers(paths: Sequence[Path], key: Key) -> list[Answers]:
    """Reads answers.

    Args:
        paths: files, and folders whose `.json` files are read.
        key: key of the study.

    Returns:
        One a rater, at least one.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        ValueError: if a folder holds no answers, a file is damaged, of another study or incomplete, or two are of one
            rater; the message names the file.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
        found = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not found:
            raise ValueError(f"{path}: no answers in this folder; raters save them as .json")
        files |= {file.resolve(): file for file in found}
    answers: dict[str, Answers] = {}
    for file in files.values():
        each = _read(file, key)
        if each.rater in answers:
            raise ValueError(f"{answers[each.rater].file} and {file} are of one rater, {each.rater}; leave one out")
        answers[each.rater] = each
    return list(answers.values())


def _read(path: Path, key: Key) -> Answers:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: more than {MAX_BYTES // 10**6} MB, which no file of answers has")
    try:
        data = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a file of answers, or damaged ({error})") from error
    if not isinstance(data, dict) or data.get("format") != ANSWERS_FORMAT:
        raise ValueError(f"{path}: not a file of answers to a study of srzoo")
    if data.get("study") != key.study:
        raise ValueError(f"{path}: answers to another study, {str(data.get('study'))[:40]!r} and not {key.study!r}")
    rater, name, ratings = data.get("rater"), data.get("name", ""), data.get("ratings")
    if not (isinstance(rater, str) and rater and isinstance(name, str) and isinstance(ratings, list)):
        raise ValueError(f"{path}: damaged, the rater or the ratings are missing")
    scores: dict[str, int] = {}
    repeats: dict[str, int] = {}
    for rating in ratings:
        stimulus, repeat, score = _checked(path, rating, key)
        into = repeats if repeat else scores
        if stimulus in into:
            raise ValueError(f"{path}: damaged, {stimulus!r} is rated more often than it was shown")
        into[stimulus] = score
    if len(scores) < len(key.stimuli) or len(repeats) != key.repeats:
        raise ValueError(
            f"{path}: incomplete, {len(scores)} of {len(key.stimuli)} pictures and {len(repeats)} of {key.repeats} "
            "repeats are rated"
        )
    return Answers(path, rater, name, scores, repeats)


def _checked(path: Path, rating: Any, key: Key) -> tuple[str, bool, int]:
    """Stimulus, whether it is a second showing, and score."""
    if not isinstance(rating, dict):
        raise ValueError(f"{path}: damaged, a rating is {type(rating).__name__}")
    stimulus, repeat, score = rating.get("stimulus"), rating.get("repeat"), rating.get("score")
    if not isinstance(stimulus, str) or stimulus not in key.stimuli:
        raise ValueError(f"{path}: damaged, it rates {str(stimulus)[:40]!r}, which the study does not show")
    if not isinstance(repeat, bool) or type(score) is not int or not 1 <= score <= 5:
        raise ValueError(f"{path}: damaged, the score of {stimulus!r} is {str(score)[:40]!r} and not one from 1 to 5")
    return stimulus, repeat, score
