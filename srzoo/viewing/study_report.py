"""Answers to a study -> mean opinion scores, as tables, a plot and JSON."""

import json
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from srzoo.atomic import atomic_file
from srzoo.tables import counted, in_markdown, markdown_table, printable
from srzoo.viewing import opinions
from srzoo.viewing.answers import Answers
from srzoo.viewing.key import HR, Key

ALPHA = 0.05

RECOMMENDED_RATERS = 15
"""ITU-R BT.500-13, Annex 1, section 2.5."""


@dataclass(frozen=True)
class Rater:
    """Consistency of a rater.

    Attributes:
        label: the rater's name, if given, and identifier.
        mean: mean of all scores.
        reference: mean of the hidden originals' scores; None if the study has none.
        repeat_difference: grades between two ratings of the same picture, on average.
        agreement: Pearson's correlation with the mean of the others, over all pictures; None if there is none.
        left_out: why, in words; None for those who count.
    """

    label: str
    mean: float
    reference: float | None
    repeat_difference: float
    agreement: float | None
    left_out: str | None


@dataclass(frozen=True)
class ModelScore:
    """What the raters who count thought of a model.

    Attributes:
        model: its name, or `HR`.
        opinion: the mean opinion score.
        shares: shares of the scores 1 to 5, each in [0, 1].
        pictures: picture -> mean score.
    """

    model: str
    opinion: opinions.Mean
    shares: tuple[float, ...]
    pictures: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """Whether one model was liked better than another.

    Attributes:
        first, second: their names; the first has the higher score.
        difference: difference of their scores in grades.
        p: p value of the permutation test.
        adjusted: the same, by Holm, over all comparisons.
    """

    first: str
    second: str
    difference: float
    p: float
    adjusted: float


@dataclass(frozen=True)
class StudyReport:
    """The result of a study; models are sorted by their score, the best first."""

    study: str
    scale: int
    raters: tuple[Rater, ...]
    models: tuple[ModelScore, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def counted(self) -> int:
        """Raters who count."""
        return sum(rater.left_out is None for rater in self.raters)


def report(key: Key, answers: list[Answers]) -> StudyReport:
    """Screens raters and computes scores.

    Args:
        key: key of the study.
        answers: one a rater, as `read_answers` gives them.

    Raises:
        ValueError: if no rater is left.
    """
    place = {(shown.picture, shown.model): name for name, shown in key.stimuli.items()}
    names = [[place[picture, model] for model in key.models] for picture in key.pictures]
    scores = np.array([[[each.scores[name] for name in row] for row in names] for each in answers])
    raters = _raters(key, answers, scores)
    kept = scores[[rater.left_out is None for rater in raters]]
    if not len(kept):
        raise ValueError("no rater is left: " + "; ".join(f"{rater.label}: {rater.left_out}" for rater in raters))
    of_model = {model: kept[:, :, i] for i, model in enumerate(key.models)}
    models = [_model(key, model, given) for model, given in of_model.items()]
    models.sort(key=lambda model: -model.opinion.value)
    return StudyReport(key.study, key.scale, raters, tuple(models), _compare(models, of_model))


def _raters(key: Key, answers: list[Answers], scores: np.ndarray) -> tuple[Rater, ...]:
    presentations = scores.reshape(len(answers), -1)
    far_off = opinions.screen(presentations)
    raters = []
    for i, (each, of_rater, far) in enumerate(zip(answers, scores, far_off)):
        first = [each.scores[name] for name in each.repeats]
        difference = opinions.repeat_difference(first, list(each.repeats.values()))
        reasons = ["far from the others in both directions (BT.500)"] if far else []
        if difference > opinions.MAX_REPEAT_DIFFERENCE:
            reasons.append(f"rated repeated pictures {difference:.1f} grades apart")
        reference = float(of_rater[:, key.models.index(HR)].mean()) if HR in key.models else None
        left_out = " and ".join(reasons) or None
        similarity = opinions.agreement(presentations, i)
        raters.append(Rater(each.label, float(of_rater.mean()), reference, difference, similarity, left_out))
    return tuple(raters)


def _model(key: Key, name: str, scores: np.ndarray) -> ModelScore:
    """`scores` is of shape (raters, pictures)."""
    shares = tuple(float(np.mean(scores == score)) for score in range(1, 6))
    pictures = dict(zip(key.pictures, map(float, scores.mean(axis=0))))
    return ModelScore(name, opinions.mean_of_raters(scores), shares, pictures)


def _compare(models: list[ModelScore], scores: dict[str, np.ndarray]) -> tuple[Comparison, ...]:
    pairs = list(combinations([model.model for model in models], 2))
    differences = [scores[first] - scores[second] for first, second in pairs]
    chances = [opinions.permutation_p(difference) for difference in differences]
    return tuple(
        Comparison(first, second, float(difference.mean()), p, adjusted)
        for (first, second), difference, p, adjusted in zip(pairs, differences, chances, opinions.holm(chances))
    )


def write_report(result: StudyReport, output: Path) -> str:
    """Writes `report.md`, `mos.png` and `report.json` into a folder, each whole or not at all.

    Returns:
        The text of `report.md`.
    """
    text = to_markdown(result)
    contents = {"report.md": text, "report.json": json.dumps(asdict(result), indent=1) + "\n"}
    for name, content in contents.items():
        with atomic_file(output / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    draw(result, output / "mos.png")
    return text


def to_markdown(result: StudyReport) -> str:
    """The tables of scores, of comparisons and of raters, with what they mean in words."""
    title = f"Mean opinion scores of study {in_markdown(result.study)}: {_numbers(result)}, x{result.scale}"
    tables = [_scores_table(result), "![scores](mos.png)", _comparisons_table(result), _raters_table(result)]
    return "\n\n".join([f"# {title}", *filter(None, tables), *_notes(result)]) + "\n"


def _scores_table(result: StudyReport) -> str:
    rows = []
    for model in result.models:
        value, margin = model.opinion.value, model.opinion.margin
        interval = "?" if margin is None else f"± {margin:.2f}"
        rows.append([model.model, f"{value:.2f}", interval, *(f"{share:.0%}" for share in model.shares)])
    return markdown_table(["model", "MOS", "95 %", "1 bad", "2 poor", "3 fair", "4 good", "5 excellent"], rows)


def _comparisons_table(result: StudyReport) -> str:
    rows = [
        [
            f"{each.first} over {each.second}",
            f"{each.difference:+.2f}",
            _chance(each.p),
            _chance(each.adjusted),
            "yes" if each.adjusted < ALPHA else "no",
        ]
        for each in result.comparisons
    ]
    return markdown_table(["liked better", "grades", "p", "p (Holm)", "significant"], rows) if rows else ""


def _chance(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _raters_table(result: StudyReport) -> str:
    rows = [
        [
            rater.label,
            f"{rater.mean:.2f}",
            "-" if rater.reference is None else f"{rater.reference:.2f}",
            f"{rater.repeat_difference:.2f}",
            "-" if rater.agreement is None else f"{rater.agreement:.2f}",
            f"no: {rater.left_out}" if rater.left_out else "yes",
        ]
        for rater in result.raters
    ]
    return markdown_table(["rater", "mean", "of HR", "repeats apart", "like others", "counts"], rows)


def _numbers(result: StudyReport) -> str:
    return f"{counted(result.counted, 'rater')}, {counted(len(result.models[0].pictures), 'picture')}"


def _notes(result: StudyReport) -> list[str]:
    notes = [
        "95 %: the interval of other raters before the same pictures (ITU-R BT.500, with Student's factor). p: exact "
        "paired permutation test over (rater, picture), two-sided; Holm's correction over all comparisons. It is about "
        "these raters and these pictures. Like others: the correlation with the mean of the other raters; near 0 is "
        "somebody who did not look."
    ]
    if len(result.raters) < opinions.LEAST_RATERS:
        notes.append(
            f"With {counted(len(result.raters), 'rater')} BT.500's screening cannot find anyone: it needs "
            f"{opinions.LEAST_RATERS}. Only the repeats were looked at."
        )
    if result.counted < RECOMMENDED_RATERS:
        notes.append(f"BT.500 asks for at least {RECOMMENDED_RATERS} raters; here are {result.counted}.")
    return notes


def draw(result: StudyReport, path: Path) -> None:
    """Draws the scores with their intervals, and how often each grade was given, as a PNG."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    names = [printable(model.model).replace("$", r"\$") for model in result.models]  # between two of them is TeX
    places = np.arange(len(names))
    figure = Figure(figsize=(11, 1.6 + 0.5 * len(names)), dpi=110, layout="constrained")
    means, shares = figure.subplots(1, 2, sharey=True)
    means.errorbar(
        [model.opinion.value for model in result.models],
        places,
        xerr=[model.opinion.margin or 0 for model in result.models],
        fmt="o",
        capsize=5,
    )
    means.set(xlim=(0.9, 5.1), xlabel="mean opinion score, 95 %", yticks=places, yticklabels=names)
    means.set_xticks(range(1, 6))
    means.grid(alpha=0.3)
    means.invert_yaxis()
    left = np.zeros(len(names))
    for grade, colour in enumerate(colormaps["RdYlBu"](np.linspace(0.05, 0.95, 5))):
        width = np.array([model.shares[grade] for model in result.models])
        shares.barh(places, width, left=left, color=colour, label=str(grade + 1), edgecolor="white")
        left += width
    shares.set(xlim=(0, 1), xlabel="share of each grade")
    shares.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False)
    figure.suptitle(_numbers(result))
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")
