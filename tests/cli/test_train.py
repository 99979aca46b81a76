"""From the command line to the settings of the runs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srzoo import zoo
from srzoo.cli.train import main
from srzoo.models.registry import GAN_TRAINED


@pytest.fixture
def planned(monkeypatch, tmp_path):
    """What would be trained, instead of training it; in a folder that has the folder `photos/mine`."""
    calls = []
    monkeypatch.chdir(tmp_path)
    Path("photos/mine").mkdir(parents=True)
    Path("photos/mine/a.png").touch()
    monkeypatch.setattr(
        "srzoo.training.session.train_stages",
        lambda folder, stages, distribution, **options: calls.append((folder, stages, options)),
    )

    def plan(*argv):
        assert main(list(argv)) == 0
        return calls.pop()

    return plan


def test_a_data_set_and_no_other_word_is_edsr_and_then_srgan(planned):
    folder, stages, options = planned("photos/mine")
    assert folder == Path("runs/edsr-gan-x4-mine")
    assert [stage.model for stage in stages] == ["edsr-baseline-x4", "edsr-gan-x4"]
    assert [stage.dataset for stage in stages] == ["photos/mine"] * 2
    options.pop("pixel_step")
    assert options == {"validate_every": 1000, "memory": 4_000_000_000, "data_dir": None, "teacher": None}


def test_a_run_has_the_name_of_the_folder_that_is_given_as_a_dot(planned, monkeypatch):
    monkeypatch.chdir("photos")
    assert planned(".")[0] == Path("runs/edsr-gan-x4-photos")
    assert planned("mine/..")[0] == Path("runs/edsr-gan-x4-photos")


def test_options_of_gan_training_reach_it(planned, tmp_path):
    for name in ("w.weights.h5", "a.npz", "vgg.h5"):
        (tmp_path / name).touch()
    _, (gan,), _ = planned(
        *(
            "photos",
            "--init-weights",
            str(tmp_path / "w.weights.h5"),
            "--content",
            "vgg22:0.5, vgg54",
            "--adversarial",
            "hinge",
            "--lpips",
            "a.npz",
        ),
        *("--vgg", "vgg.h5", "--vgg-preprocessing", "keras", "--pixel-weight", "2", "--discriminator-head", "flatten"),
        *("--content-weight", "0"),
        *("--discriminator-input", "details", "--discriminator-rate", "4"),
    )
    assert gan.content == {"vgg22": 0.5, "vgg54": 1.0}
    assert gan.adversarial == "hinge"
    assert gan.weights == {"adversarial": 1e-3, "pixel": 2}, "a term of weight 0 is not computed"
    assert (gan.vgg, gan.vgg_preprocessing, gan.lpips) == ("vgg.h5", "keras", "a.npz")
    assert (gan.discriminator_head, gan.discriminator_input) == ("flatten", "details")
    assert gan.discriminator_rate == 4


def test_a_teacher_is_whatever_resolve_image_takes(planned, tmp_path):
    model = zoo.create("edsr-baseline-x4.blocks1.filters4")
    zoo.save_weights(model, tmp_path / "teacher.weights.h5")
    file = str(tmp_path / "teacher.weights.h5")
    _, (stage,), options = planned("photos", "--model", "edsr-baseline", "--teacher", file, "--teacher-weight", "0.5")
    assert (stage.teacher, stage.teacher_weight) == (file, 0.5)
    lr = np.random.default_rng(0).integers(0, 256, (7, 9, 3), "uint8")
    np.testing.assert_allclose(options["teacher"](lr), np.asarray(model(np.float32(lr)[None]))[0], atol=1e-2)
    with pytest.raises(ValueError, match="teacher.weights.h5 upscales by 4, expected 2 as what is trained"):
        main(["photos", "--model", "edsr-baseline", "--scale", "2", "--teacher", file])


@pytest.mark.parametrize("flag", ["--init-weights", "--teacher", "--output"])
def test_an_empty_text_is_no_default(flag, capsys):
    with pytest.raises(SystemExit):
        main(["photos", flag, ""])
    assert f"{flag}: expected a name or a path, got an empty text" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["vgg54:x", "vgg54:-1", "vgg22:0"])
def test_weights_of_layers_must_be_numbers_above_0(content, capsys):
    with pytest.raises(SystemExit) as exit:
        main(["photos", "--content", content])
    assert exit.value.code == 2
    assert "expected a number above 0" in capsys.readouterr().err


def test_degradations_are_asked_for_by_name(planned):
    for share in ("0", "0.1"):
        _, (stage,), _ = planned("photos", "-m", "edsr-baseline", "--degrade", "bsrgan", "--degrade-clean", share)
        assert (stage.degrade, stage.degrade_clean) == ("bsrgan", float(share))


def test_the_help_names_every_model_of_two_stages(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert " ".join(capsys.readouterr().out.split()).count(", ".join(GAN_TRAINED)) == 2


def test_flags_are_known_by_the_names_that_others_give_them(planned):
    _, (stage,), _ = planned("photos", "-m", "edsr-baseline", "--batch-size", "8", "--lr", "2e-4", "-o", "run")
    assert (stage.batch, stage.learning_rate) == (8, 2e-4)


def test_epochs_are_answered_with_steps(capsys):
    with pytest.raises(SystemExit):
        main(["photos", "--epochs", "10"])
    assert "srzoo counts updates of the weights: give --steps; 10 epochs are" in capsys.readouterr().err


def test_what_is_not_there_is_told_before_anything_is_downloaded(here):
    Path("empty").mkdir()
    Path("photos").mkdir()
    Path("photos/a.png").touch()
    with pytest.raises(FileNotFoundError, match="nothere/: no such folder"):
        main(["nothere/"])
    with pytest.raises(NotADirectoryError, match="photos/a.png: a file; expected a folder"):
        main(["photos/a.png"])
    with pytest.raises(ValueError, match="empty: no pictures found"):
        main(["empty"])
    with pytest.raises(FileNotFoundError, match="nothere/: no such folder"):
        main(["photos", "--validation", "nothere/"])
    with pytest.raises(FileExistsError, match="expected a folder, but photos/a.png is a file"):
        main(["photos", "-o", "photos/a.png"])
    for flag in ("--lpips", "--vgg"):
        with pytest.raises(FileNotFoundError, match="none.h5: no such file"):
            main(["photos", flag, "none.h5"])


def test_a_word_that_is_no_data_set_is_told_without_tensorflow_and_the_network(tmp_path):
    (tmp_path / "pictures").mkdir()
    code = """
import socket, sys
def refuse(*_): raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
from srzoo.cli.train import main
from srzoo.models.registry import GAN_TRAINED
try:
    main(["picture"])
except FileNotFoundError as error:
    print(error)
print(bool({"tensorflow", "keras"} & set(sys.modules)))
"""
    out = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True).stdout
    told, imported = out.splitlines()
    assert told.startswith("picture: no such folder or data set; did you mean pictures/")
    assert imported == "False"
