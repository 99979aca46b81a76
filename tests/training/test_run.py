"""The folder of a run."""

import contextlib
import json
from dataclasses import replace

import pytest

from srzoo.training.run import Run
from srzoo.training.settings import LOG_COLUMNS
from srzoo.training.stages import settings_of

SETTINGS = settings_of("sample", steps=10, precision="float32")


def test_a_run_with_other_settings_in_the_folder_is_refused(tmp_path):
    Run(tmp_path / "run", SETTINGS).begin()
    Run(tmp_path / "run", SETTINGS)
    with pytest.raises(ValueError, match="learning_rate was 0.0001 and is now 0.1; patch was 192 and is now 96"):
        Run(tmp_path / "run", replace(SETTINGS, learning_rate=0.1, patch=96))


def test_a_run_goes_on_with_its_folder_in_another_spelling(tmp_path):
    Run(tmp_path / "run", replace(SETTINGS, dataset="photos/", validation="./valid")).begin()
    Run(tmp_path / "run", replace(SETTINGS, dataset="./photos", validation="valid/"))
    with pytest.raises(ValueError, match="dataset was 'photos/' and is now 'other/'; validation was"):
        Run(tmp_path / "run", replace(SETTINGS, dataset="other/"))


@pytest.mark.parametrize("steps", ["ten", [10], {}, True, float("nan"), -1, 10**400, None, "x" * 10**6])
def test_settings_that_somebody_changed_are_refused_in_a_sentence(tmp_path, steps):
    Run(tmp_path / "run", SETTINGS).begin()
    config = tmp_path / "run" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "steps": steps}))
    with pytest.raises(ValueError, match="steps was .* and is now 10") as error:
        Run(tmp_path / "run", SETTINGS)
    assert len(str(error.value)) < 1000


def test_a_second_stage_goes_on_where_both_stages_have_moved_to(tmp_path):
    (tmp_path / "new").mkdir()
    started = [replace(SETTINGS, init_weights=f"{place}/best.weights.h5") for place in ("old/run/pixel", "mine")]
    for stored, refused in zip(started, (False, True), strict=True):
        Run(tmp_path / "old" / str(refused) / "adversarial", stored).begin()
        (tmp_path / "old" / str(refused)).rename(tmp_path / "new" / str(refused))
        folder = tmp_path / "new" / str(refused)
        given = replace(SETTINGS, init_weights=str(folder / "pixel" / "best.weights.h5"))
        with pytest.raises(ValueError, match="init_weights was") if refused else contextlib.nullcontext():
            Run(folder / "adversarial", given)


def test_a_run_by_time_does_not_go_on_as_one_by_steps(tmp_path):
    Run(tmp_path / "run", replace(SETTINGS, steps=None, minutes=5)).begin()
    with pytest.raises(ValueError, match="minutes was 5 and is now None; steps was None and is now 10"):
        Run(tmp_path / "run", SETTINGS)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty and not a run"):
        Run(tmp_path, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_run_that_could_write_nothing_but_its_lock_begins_again(tmp_path):
    (tmp_path / ".lock").touch()
    run = Run(tmp_path, SETTINGS)
    run.begin()
    assert run.config.exists()


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path):
    with pytest.raises(ValueError, match="names are UTF-8; give another folder with --output"):
        Run(tmp_path / "run\udcff", SETTINGS)


def test_rows_after_a_step_are_forgotten(tmp_path):
    run = Run(tmp_path / "run", SETTINGS)
    run.begin()
    run.append_log([{"step": step, "loss": 0.5} for step in range(1, 6)])
    run.forget_after(3)
    run.append_log([{"step": 4, "loss": 0.25}])
    assert [(row["step"], row["loss"]) for row in run.read_log()] == [
        ("1", "0.5"),
        ("2", "0.5"),
        ("3", "0.5"),
        ("4", "0.25"),
    ]


def test_a_row_cut_short_by_a_crash_is_forgotten(tmp_path):
    run = Run(tmp_path / "run", SETTINGS)
    run.begin()
    run.append_log([{"step": 1, "loss": 0.5}])
    with run.log.open("a") as file:
        file.write("2")
    run.forget_after(1)
    assert [row["step"] for row in run.read_log()] == ["1"]


@pytest.mark.parametrize(
    "tail",
    [
        "1",
        "\u00c2\u00b2" + "," * (len(LOG_COLUMNS) - 1) + "\n",
        "3," + "9" * 200_000 + "\n",
        "12,3.5,0.001",
        "\0" * 40,
        "\0\0\n",
        "2,3\n",
        "x" * 30 + "\n",
        "\xff",
        "3" + (len(LOG_COLUMNS) - 1) * "," + "cu",
        "3" + LOG_COLUMNS.index("colour_shift") * "," + "1.2.5" + ",,\n",
        "9" * 5000 + "," * (len(LOG_COLUMNS) - 1) + "\n",
    ],
)
def test_a_log_with_a_damaged_end_can_be_read_and_gone_on_with(tmp_path, tail):
    run = Run(tmp_path / "run", SETTINGS)
    run.begin()
    run.append_log([{"step": step, "loss": 0.5} for step in (1, 2)])
    with run.log.open("ab") as file:
        file.write(tail.encode("latin-1"))
    assert [row["step"] for row in run.read_log()] == ["1", "2"]
    run.forget_after(20)
    run.append_log([{"step": 3, "loss": 0.25}])
    assert [row["step"] for row in run.read_log()] == ["1", "2", "3"]


def test_a_log_of_other_columns_has_those_of_now(tmp_path):
    run = Run(tmp_path / "run", SETTINGS)
    run.begin()
    run.log.write_text("step,loss,moon\n1,0.5,full\n")
    run.forget_after(1)
    (row,) = run.read_log()
    assert list(row) == list(LOG_COLUMNS) and (row["loss"], row["colour_shift"]) == ("0.5", "")


def test_a_log_as_a_spreadsheet_saves_it_is_refused_and_stays(tmp_path):
    run = Run(tmp_path / "run", SETTINGS)
    run.begin()
    run.log.write_text("step;seconds;loss\n1;0,5;0,25\n")
    with pytest.raises(ValueError, match="log.csv: its first line is 'step;seconds;loss', expected step,seconds,...; "):
        run.forget_after(1)
    assert run.log.read_text() == "step;seconds;loss\n1;0,5;0,25\n"


def test_a_log_whose_header_is_cut_short_is_begun_again(tmp_path):
    run = Run(tmp_path / "run", SETTINGS)
    run.begin()
    run.log.write_text("step,sec")
    assert run.read_log() == []
    run.forget_after(0)
    run.append_log([{"step": 1, "loss": 0.5}])
    assert [row["loss"] for row in run.read_log()] == ["0.5"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1', "[" * 10**5])
def test_a_damaged_configuration_is_named(tmp_path, text):
    Run(tmp_path / "run", SETTINGS).begin()
    (tmp_path / "run" / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json (is damaged|holds a list)"):
        Run(tmp_path / "run", SETTINGS)


def test_a_damaged_record_of_the_pictures_is_named(tmp_path):
    run = Run(tmp_path / "run", SETTINGS)
    run.begin()
    run.pictures.write_text('{"train": ["a.png"], "validation": {}}')
    with pytest.raises(ValueError, match=r"pictures\.json is damaged; remove it, and the run goes on"):
        run.compare_pictures({"train": {"a.png": "0"}, "validation": {}})
