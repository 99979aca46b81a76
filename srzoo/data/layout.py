"""Finds HR and LR in a folder, in the layouts that people use, for training and measuring alike."""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from srzoo.data.copies import SCALED, find_small_copy
from srzoo.images import SUFFIXES, check_folder, image_files
from srzoo.pictures.reading import ENDINGS, RAW
from srzoo.pictures.record import Record

if TYPE_CHECKING:
    from srzoo.data.degraded import Degradation  # SciPy, which measuring does not need

LOGGER = logging.getLogger(__name__)

LR_WORD = r"(?:lr|lq)(?:bi(?:c(?:ubic)?)?)?(?:x\d)?(?![a-z])"
HR_NAME, LR_NAME = re.compile(r"(?:^|_)(?:hr|gt)$"), re.compile(rf"(?:^|_){LR_WORD}")
SCALE_NAME = re.compile(r"x(\d)$")
OTHER_ENDINGS = {*ENDINGS, *RAW}.difference(SUFFIXES)
"""Endings of pictures that are not looked for."""

TRAINING, VALIDATION = ("train", "training"), ("valid", "validation", "val", "test", "testing")


@dataclass(frozen=True)
class Layout:
    """HR and maybe LR of one part of a data set.

    Attributes:
        root: the folder that was given.
        hr: folder of HR.
        lr: folder of LR at the scale that is asked for; None where LR is made from HR.
        passed_over: folders of LR at other scales.
    """

    root: Path
    hr: Path
    lr: Path | None = None
    passed_over: tuple[Path, ...] = ()

    @property
    def part(self) -> str:
        """`training` or `validation` where names say so, else empty."""
        words = {word for name in (self.hr.name, self.hr.parent.name) for word in name.lower().split("_")}
        words &= {*TRAINING, *VALIDATION}
        return "training" if words & {*TRAINING} else "validation" if words else ""

    @property
    def lr_in_words(self) -> str:
        """Origin of LR."""
        if self.lr:
            return f"as given in {self._named(self.lr)}"
        others = f" ({', '.join(map(self._named, self.passed_over))}: another scale)" if self.passed_over else ""
        return f"made from HR by MATLAB's bicubic{others}"

    def in_words(self, degradation: Optional["Degradation"] = None) -> str:
        """What is HR, and where LR comes from; `degradation`: what a training makes of it."""
        hr = f"HR in {self._named(self.hr)}" if self.hr != self.root else "its pictures are HR"
        lr = degradation.in_words(self.lr_in_words) if degradation else self.lr_in_words
        return f"{self.root}: {hr}, LR {lr}"

    def _named(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix()

    def pairs(self) -> tuple[list[tuple[Path, Path | None]], list[str]]:
        """Finds HR files with their LR files, which are named alike or have the scale behind (`0001x4`).

        What a training or `resolve_image.py` wrote is none of them, unless there is nothing else. It is logged, and so
        are pictures of other formats.

        Returns:
            (pairs, sorted, whose LR is None where it is made from HR; what does not fit, in words).
        """
        hr_files = self._without_output(image_files(self.hr))
        others = Counter(file.suffix.lower() for file in image_files(self.hr, OTHER_ENDINGS))
        if others:
            kinds = ", ".join(f"{count} {ending}" for ending, count in others.most_common())
            LOGGER.info("%s: passed over, because they are no %s: %s", self.hr, ", ".join(SUFFIXES), kinds)
        if not self.lr:
            copy = find_small_copy(Record().without_results([*hr_files, *self._beside()])[0])
            if copy:
                raise ValueError(
                    f"{self.root}: which of its pictures are HR is not clear, as {copy[0]} is {copy[1]} made smaller; "
                    "name their folders HR and LR, or give a folder of HR alone"
                )
            return [(file, None) for file in hr_files], []
        bad: list[str] = []
        hr_of = _by_name(hr_files, self.hr, bad)
        lr_of: dict[Path, Path] = {}
        for key, file in _by_name(image_files(self.lr), self.lr, bad).items():
            plain = key.with_name(SCALED.sub("", key.name))
            of_hr = key if key in hr_of or plain not in hr_of else plain
            if of_hr in lr_of:
                bad.append(f"{lr_of[of_hr]} and {file} are both LR of {hr_of[of_hr]}, so which is meant is not known")
            lr_of[of_hr] = file
        bad += [f"{hr_of[key]} has no LR in {self.lr}" for key in hr_of.keys() - lr_of.keys()]
        bad += [f"{lr_of[key]} has no HR in {self.hr}" for key in lr_of.keys() - hr_of.keys()]
        return [(hr_of[key], lr_of[key]) for key in sorted(hr_of.keys() & lr_of.keys())], bad

    def _beside(self) -> list[Path]:
        """Pictures beside the folder of HR that may be LR under an unknown name."""
        folders = _folders(self.hr.parent) if self.hr != self.root else []
        files = [file for folder in folders if not _is_hr(folder) for file in image_files(folder)]
        return [file for file in files if not set(self.passed_over).intersection(file.parents)]

    def _without_output(self, files: list[Path]) -> list[Path]:
        pictures, results = Record().without_results(files)
        inner = {folder for file in pictures for folder in file.parents if folder.is_relative_to(self.hr)}
        runs = {folder for folder in inner - {self.hr} if _is_run(folder)}
        of_runs = [file for file in pictures if runs.intersection(file.parents)]
        if len(of_runs) == len(pictures):
            of_runs = []
        for folder in sorted(runs if of_runs else ()):
            count = sum(folder in file.parents for file in of_runs)
            LOGGER.info("%s: passed over, because a training wrote it (%d pictures)", folder, count)
        for folder, count in sorted(Counter(file.parent for file in results).items()):
            LOGGER.info("%s: passed over %d pictures, which are results of srzoo's", folder, count)
        return sorted(set(pictures).difference(of_runs))


def find_layout(folder: Path, scale: int, part: str) -> tuple[Layout, Layout | None]:
    """Finds HR and LR in a folder.

    There is `HR` or `GT` with `LR`, `LQ`, `LR_x4`, `LRbicx4` or `LR_bicubic/X4` beside it, in any case of letters;
    DIV2K's names (`DIV2K_train_HR`, `DIV2K_train_LR_bicubic/X4`); these in `train` and `valid`; or just pictures.

    Args:
        folder: folder of the data set.
        scale: scale of LR.
        part: `training` or `validation`: which is meant where there are both.

    Returns:
        (the part that is meant, the other one if there is one).

    Raises:
        FileNotFoundError, NotADirectoryError: the errors of `srzoo.images.check_folder`.
        ValueError: if it is not clear what is what.
    """
    check_folder(folder)
    places = [folder]
    if not any(map(_is_hr, _folders(folder))):
        places = [each for each in _folders(folder) if each.name.lower() in (*TRAINING, *VALIDATION)]
    found = [_layout(folder, hr, scale) for place in places for hr in _folders(place) if _is_hr(hr)]
    if not found:
        stray = next((each for each in _below(folder) if _is_hr(each) or LR_NAME.search(each.name.lower())), None)
        if stray:
            raise ValueError(
                f"{folder}: which of its pictures are HR is not clear, as {stray} is among them; give the folder in "
                "which HR lies beside LR, or one of HR alone"
            )
        return Layout(folder, folder), None
    meant = [each for each in found if each.part == part] if len(found) > 1 else found
    if len(meant) != 1:
        raise ValueError(
            f"{folder}: which HR is meant is not clear: {', '.join(str(each.hr) for each in found)}; give a folder "
            "with one of them, or name them for training and validation"
        )
    others = [each for each in found if each is not meant[0] and each.part]
    return meant[0], others[0] if len(others) == 1 else None


def _layout(root: Path, hr: Path, scale: int) -> Layout:
    named = re.compile(re.escape(hr.name[:-2].lower()) + LR_WORD)
    folders = []
    for lr in _folders(hr.parent):
        if named.match(lr.name.lower()):
            of_scales = [each for each in _folders(lr) if SCALE_NAME.search(each.name.lower())]
            folders += of_scales or [lr]
    scales = {lr: SCALE_NAME.search(lr.name.lower()) for lr in folders}
    fitting = [lr for lr, found in scales.items() if not found or int(found[1]) == scale]
    if len(fitting) > 1:
        raise ValueError(
            f"{root}: which LR is meant is not clear: {', '.join(map(str, fitting))}; give a folder with one of them"
        )
    return Layout(root, hr, next(iter(fitting), None), tuple(lr for lr in folders if lr not in fitting))


def _is_run(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any((folder / each).exists() for each in ("log.csv", ".lock"))


def _is_hr(folder: Path) -> bool:
    return bool(HR_NAME.search(folder.name.lower()))


def _folders(place: Path) -> list[Path]:
    return sorted(each for each in place.iterdir() if each.is_dir() and not each.name.startswith("."))


def _below(folder: Path) -> Iterator[Path]:
    for place, names, _ in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        yield from (Path(place, name) for name in names)


def _by_name(files: list[Path], folder: Path, bad: list[str]) -> dict[Path, Path]:
    """Path below the folder without its ending -> file; two files of one name are added to what is bad."""
    found: dict[Path, Path] = {}
    for file in files:
        key = file.relative_to(folder).with_suffix("")
        if key in found:
            bad.append(f"{found[key]} and {file} have the same name, so which of them is meant is not known")
        found[key] = file
    return found
