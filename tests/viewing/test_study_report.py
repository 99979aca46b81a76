"""Answers, good and bad, and what the report makes of them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from srzoo.pictures.reading import read_image
from srzoo.viewing.answers import read_answers
from srzoo.viewing.key import ANSWERS_FORMAT, HR, KEY, Key, Stimulus, key_to_json, read_key
from srzoo.viewing.study_report import report, write_report

QUALITY = {HR: 5, "sharp": 4, "smooth": 2}


@pytest.fixture
def key():
    stimuli = {f"{picture}-{model}": Stimulus(picture, model) for picture in "abcd" for model in QUALITY}
    return Key("study1", tuple(QUALITY), 4, 3, stimuli)


def answers_of(key, rater, seed=0, spread=0.5, name=""):
    """A rater who sees the quality, with some noise; the first three pictures are repeated."""
    noise = np.random.default_rng(seed).normal(0, spread, len(key.stimuli))
    scores = {
        shown: int(np.clip(np.rint(QUALITY.get(stimulus.model, 3) + extra), 1, 5))
        for (shown, stimulus), extra in zip(key.stimuli.items(), noise)
    }
    ratings = [{"stimulus": shown, "repeat": False, "score": score} for shown, score in scores.items()]
    ratings += [{**rating, "repeat": True} for rating in ratings[: key.repeats]]
    return {"format": ANSWERS_FORMAT, "study": key.study, "rater": rater, "name": name, "ratings": ratings}


@pytest.fixture
def write(tmp_path):
    def write_(*contents):
        folder = tmp_path / "answers"
        folder.mkdir(exist_ok=True)
        for i, content in enumerate(contents):
            (folder / f"{i}.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return folder

    return write_


def test_three_raters_give_scores_and_comparisons(key, write, tmp_path):
    folder = write(*(answers_of(key, f"r{i}", i) for i in range(3)))
    result = report(key, read_answers([folder], key))
    assert [model.model for model in result.models] == [HR, "sharp", "smooth"]
    assert all(model.opinion.margin is not None and sum(model.shares) == pytest.approx(1) for model in result.models)
    assert [(each.first, each.second) for each in result.comparisons][-1] == ("sharp", "smooth")
    assert all(each.p <= each.adjusted < 0.05 for each in result.comparisons)
    text = write_report(result, tmp_path / "report")
    assert "3 raters, 4 pictures" in text and "screening cannot find anyone" in text
    assert (tmp_path / "report" / "report.md").read_text() == text
    assert json.loads((tmp_path / "report" / "report.json").read_text())["models"][0]["model"] == HR
    assert read_image(tmp_path / "report" / "mos.png").shape[2] == 3


def test_names_reach_the_report_as_text(key, write, tmp_path):
    stimuli = {name: replace(each, model=r"$\bad$") for name, each in key.stimuli.items() if each.model == "sharp"}
    key = replace(key, study="<i>", models=(r"$\bad$",), stimuli=stimuli)
    answers = answers_of(key, "r1", name="# me\n## you|\x1b[2J<img src=x> ![](//x)\ud800")
    text = write_report(report(key, read_answers([write(answers)], key)), tmp_path / "report")
    assert r"| # me\n## you\|\x1b\[2J&lt;img src=x> !\[](//x)\ud800 (r1) |" in text and "study &lt;i>:" in text
    assert [line[:3] for line in text.splitlines() if line.startswith("#")] == ["# M"] and "\x1b" not in text


def test_a_rater_whose_repeats_differ_is_left_out_and_named(key, write):
    strange = answers_of(key, "dice", name="Eve | x")
    for rating in strange["ratings"][-key.repeats :]:
        rating["score"] = 1 if rating["score"] > 2 else 5
    result = report(key, read_answers([write(answers_of(key, "r1", 1), strange)], key))
    assert result.counted == 1
    out = next(rater for rater in result.raters if rater.left_out)
    assert out.label == "Eve | x (dice)" and "grades apart" in out.left_out


def test_a_rater_far_from_the_others_is_left_out(key, write):
    key = replace(key, stimuli={f"{i}-{model}": Stimulus(str(i), model) for i in range(20) for model in QUALITY})
    files = [answers_of(key, f"r{i}", i, 0.9) for i in range(20)]
    files.append(answers_of(key, "dice", 20, 4))
    result = report(key, read_answers([write(*files)], key))
    left_out = {rater.label: rater.left_out for rater in result.raters if rater.left_out}
    assert left_out == {"dice": "far from the others in both directions (BT.500)"}


def test_if_nobody_is_left_it_is_said_why(key, write):
    strange = answers_of(key, "dice")
    for rating in strange["ratings"][-key.repeats :]:
        rating["score"] = 1 if rating["score"] > 2 else 5
    with pytest.raises(ValueError, match="no rater is left: dice: rated repeated pictures .* grades apart"):
        report(key, read_answers([write(strange)], key))


def test_a_study_of_one_model_without_reference_has_no_comparisons(write, tmp_path):
    key = Key("s", ("sharp",), 4, 0, {"x": Stimulus("a", "sharp")})
    result = report(key, read_answers([write(answers_of(key, "r"))], key))
    assert result.comparisons == () and "?" in (text := write_report(result, tmp_path / "out"))
    assert "1 rater, 1 picture," in text and "With 1 rater BT.500" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "other"}, "0.json: answers to another study, 'other' and not 'study1'"),
        ({"format": "else"}, "0.json: not a file of answers to a study"),
        ({"rater": None}, "0.json: damaged, the rater or the ratings are missing"),
        ({"ratings": {}}, "0.json: damaged, the rater or the ratings are missing"),
        ({"ratings": []}, "0.json: incomplete, 0 of 12 pictures and 0 of 3 repeats"),
        ({"ratings": [3]}, "0.json: damaged, a rating is int"),
        ({"ratings": [{"stimulus": "x"}]}, "0.json: damaged, it rates 'x', which the study does not show"),
        *(
            ({"ratings": [{"stimulus": "a-HR", "repeat": False, "score": score}]}, "0.json: damaged, the score of")
            for score in (0, 6, 2.5, True, "3", None)
        ),
        ({"ratings": [{"stimulus": "a-HR", "repeat": False, "score": 3}] * 2}, "rated more often than it was shown"),
    ],
)
def test_bad_answers_are_refused_by_name(change, message, key, write):
    with pytest.raises(ValueError, match=message):
        read_answers([write(answers_of(key, "r") | change)], key)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000])
def test_what_is_no_file_of_answers_is_refused(text, key, write):
    with pytest.raises(ValueError, match="0.json: not a file of answers"):
        read_answers([write(text)], key)


def test_two_files_of_one_rater_are_refused(key, write):
    with pytest.raises(ValueError, match="0.json and .*1.json are of one rater, r"):
        read_answers([write(answers_of(key, "r"), answers_of(key, "r", 1))], key)


def test_one_file_given_twice_counts_once(key, write):
    folder = write(answers_of(key, "r"))
    assert len(read_answers([folder, folder / "0.json"], key)) == 1


def test_no_answers_are_refused(key, tmp_path):
    with pytest.raises(ValueError, match="no answers in this folder"):
        read_answers([tmp_path], key)
    with pytest.raises(FileNotFoundError, match=r"nothing.json: no such file"):
        read_answers([tmp_path / "nothing.json"], key)


def test_a_key_comes_back_and_a_damaged_one_is_refused(key, tmp_path):
    (tmp_path / KEY).write_text(key_to_json(key))
    assert read_key(tmp_path) == key
    for text in ("", "[]", '{"format": "x"}', key_to_json(key).replace('"a"', '"b"', 1)):
        (tmp_path / KEY).write_text(text)
        with pytest.raises(ValueError, match=r"key.json: not the key of a study, or damaged"):
            read_key(tmp_path)
    with pytest.raises(FileNotFoundError, match="give the folder that `srzoo mos create` wrote"):
        read_key(tmp_path / "nowhere")
