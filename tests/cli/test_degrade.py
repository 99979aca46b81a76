"""`srzoo degrade`, as a user runs it."""

import hashlib
import json
import os

import numpy as np
import pytest

from srzoo.cli import evaluate
from srzoo.cli.degrade import main
from srzoo.data.folder import folder as training_folder
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.pictures.record import Made, Record

PHOTO = read_image(sample_path("coffee.png"))


@pytest.fixture
def photos(tmp_path):
    write_image(tmp_path / "photos" / "a.png", PHOTO[:82, :101])
    write_image(tmp_path / "photos" / "b.png", PHOTO[100:180, 100:180])
    return tmp_path / "photos"


def files_of(folder):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_folder_becomes_hr_beside_lr_and_the_same_each_time(photos, tmp_path, capsys, monkeypatch):
    (tmp_path / "second").mkdir()
    monkeypatch.chdir(tmp_path / "second")
    for out in (tmp_path / "first", "."):
        assert main([str(photos), str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'first'}: 2 picture(s), real at x4, seed 0\n")
    first = files_of(tmp_path / "first")
    assert first == files_of(tmp_path / "second")
    assert list(first) == ["HR/a.png", "HR/b.png", "LR/a.png", "LR/b.png", "degradation.json"]
    np.testing.assert_array_equal(read_image(tmp_path / "first" / "HR" / "a.png"), PHOTO[:80, :100])
    assert read_image(tmp_path / "first" / "LR" / "a.png").shape == (20, 25, 3)
    made_by = json.loads((tmp_path / "first" / "degradation.json").read_text())
    assert (made_by["preset"], made_by["scale"], made_by["seed"]) == ("real", 4, 0) and "scipy" in made_by


def test_a_picture_does_not_depend_on_the_others_but_on_the_seed(photos, tmp_path):
    (photos / "a.png").rename(photos / os.fsdecode(b"caf\xe9.png"))
    write_image(photos / "results" / "b.png", PHOTO)  # by an earlier call of srzoo
    Record().add(photos / "results" / "b.png", Made("edsr-baseline-x4", ""))
    main([str(photos), str(tmp_path / "both")])
    assert len(files_of(tmp_path / "both")) == 5
    (photos / os.fsdecode(b"caf\xe9.png")).unlink()
    main([str(photos), str(tmp_path / "alone")])
    main([str(photos), str(tmp_path / "seed"), "--seed", "1"])
    lr = {name: (tmp_path / name / "LR" / "b.png").read_bytes() for name in ("both", "alone", "seed")}
    assert lr["both"] == lr["alone"] != lr["seed"]


def test_evaluate_and_training_take_what_it_writes(photos, tmp_path, capsys):
    out = tmp_path / "out"
    main([str(photos), str(out), "--preset", "bsrgan", "--scale", "2"])
    assert evaluate.main(["--model", "bicubic", "--scale", "2", str(out)]) == 0
    assert "bicubic on out, LR as given in LR:" in capsys.readouterr().out
    lr, hr = next(iter(training_folder(out, 2).train)).read()
    np.testing.assert_array_equal(lr, read_image(out / "LR" / "a.png"))
    assert hr.shape == (82, 100, 3)


@pytest.mark.parametrize(("hr", "lr"), [("HR", "LR_x4"), ("GT", "LQ"), ("valid/hr", "valid/lr")])
def test_hr_of_a_benchmark_is_taken_and_not_its_lr(photos, tmp_path, hr, lr):
    (photos / hr).mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (photos / name).rename(photos / hr / name)
    write_image(photos / lr / "a.png", PHOTO[:20, :25])
    main([str(photos), str(tmp_path / "out")])
    assert "HR/a.png" in files_of(tmp_path / "out") and len(files_of(tmp_path / "out")) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", "out"], "none: no such folder"),
        (["photos", "photos/out"], "lies within .*give another folder"),
        (["photos", "broken"], "expected a folder, but .*broken is a broken link"),
        (["photos", "photos"], "there already, and not an empty folder"),
        (["empty", "out"], "no pictures found"),
        (["photos", "out", "--seed", "-1"], "--seed must be a whole number of at least 0, got -1"),
        (["photos", "out", "--scale", "8"], r"small.png: 7x7 pixels are too few for scale 8"),
        (["twice", "out"], r"a.jpg and .*a.png would both become a.png"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(arguments, message, photos, here):
    (here / "empty").mkdir()
    (here / "broken").symlink_to("nothing")
    write_image(photos / "small.png", PHOTO[:7, :7])
    for name in ("a.png", "a.jpg"):
        write_image(here / "twice" / name, PHOTO[:16, :16])
    with pytest.raises((ValueError, OSError), match=message):
        main(arguments)
    assert {file.name for file in here.iterdir()} == {"photos", "empty", "twice", "broken"}
