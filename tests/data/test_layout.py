"""One way to find HR and LR, in the layouts in which people keep data sets."""

import logging

import numpy as np
import pytest
from PIL import Image

from srzoo import bicubic
from srzoo.data.copies import same_picture, size_of
from srzoo.data.degraded import Degradation
from srzoo.data.folder import folder
from srzoo.data.layout import find_layout
from srzoo.data.sample import sample_path
from srzoo.data.sources import open_source
from srzoo.evaluation import find_pairs
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.pictures.record import Made, Record

PHOTO = read_image(sample_path("coffee.png"))


def write_pairs(root, hr, lr, names, ending="", scale=4):
    """HR and LR whose first pixel tells that it is not made from HR."""
    for index, name in enumerate(names):
        picture = np.ascontiguousarray(PHOTO[40 * index : 40 * index + 64, :64])
        write_image(root / hr / f"{name}.png", picture)
        if lr:
            small = bicubic.downscale(picture, scale)
            small[0, 0] = (7, 8, 9)
            write_image(root / lr / f"{name}{ending}.png", small)


LAYOUTS = {
    "pairs": ("HR", "LR", ""),
    "pairs with the scale in names": ("HR", "LR", "x4"),
    "benchmark": ("HR", "LR_x4", ""),
    "by degradation": ("HR", "LR_bicubic/X4", "x4"),
    "lower case": ("hr", "lr", ""),
    "lower case with the scale": ("hr", "lr_x4", ""),
    "DIV2K": ("DIV2K_train_HR", "DIV2K_train_LR_bicubic/X4", "x4"),
    "within train": ("train/HR", "train/LR", ""),
    "BasicSR": ("GT", "LQ", ""),
    "KAIR": ("HR", "LRbicx4", ""),
    "scale without a line": ("HR", "LRx4", "x4"),
    "by a short name": ("HR", "LRBI/x4", ""),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_training_and_measuring_find_the_same_pairs_and_say_so(name, tmp_path, caplog):
    hr, lr, ending = LAYOUTS[name]
    write_pairs(tmp_path, hr, lr, ["0001", "0002"], ending)
    with caplog.at_level(logging.INFO, "srzoo"):
        trained = [item.read() for item in folder(tmp_path, 4).train]
    measured = [pair.read(4) for pair in find_pairs(tmp_path, 4)]
    assert f"HR in {hr}, LR as given in {lr}" in caplog.text
    for read in (trained, measured):
        assert [small[0, 0].tolist() for small, _ in read] == [[7, 8, 9]] * 2
        np.testing.assert_array_equal(read[1][1], PHOTO[40:104, :64])


@pytest.mark.parametrize("split", ["DIV2K_{}_{}", "{}/{}"])
def test_the_part_for_validation_is_validated_on_and_measured_and_not_trained_on(split, tmp_path):
    for part, names in (("train", ["0001", "0002"]), ("valid", ["0801"])):
        write_pairs(tmp_path, split.format(part, "HR"), split.format(part, "LR_bicubic") + "/X4", names, "x4")
    source = folder(tmp_path, 4)
    assert [item.name[-8:] for item in source.train] == ["0001.png", "0002.png"]
    assert [item.name[-8:] for item in source.validation] == ["0801.png"]
    assert [pair.name for pair in find_pairs(tmp_path, 4)] == ["0801"]


def test_lr_of_another_scale_is_passed_over_and_that_is_said(tmp_path):
    write_pairs(tmp_path, "HR", "LR_bicubic/X4", ["a"], "x4")
    layout, _ = find_layout(tmp_path, 2, "training")
    assert layout.in_words().endswith("HR in HR, LR made from HR by MATLAB's bicubic (LR_bicubic/X4: another scale)")
    assert layout.pairs() == ([(tmp_path / "HR" / "a.png", None)], [])


def test_two_files_of_lr_for_one_hr_are_refused(tmp_path):
    for ending in ("", "x4"):
        write_pairs(tmp_path, "HR", "LR", ["a"], ending)
    _, (reason,) = find_layout(tmp_path, 4, "training")[0].pairs()
    assert reason == f"{tmp_path}/LR/a.png and {tmp_path}/LR/ax4.png are both LR of {tmp_path}/HR/a.png" + (
        ", so which is meant is not known"
    )


def test_names_of_hr_may_end_as_a_scale_does(tmp_path):
    write_pairs(tmp_path, "HR", "LR", ["a", "ax2", "bx2"])
    pairs, bad = find_layout(tmp_path, 4, "training")[0].pairs()
    assert [(hr.name, lr.name) for hr, lr in pairs] == [(name, name) for name in ("a.png", "ax2.png", "bx2.png")]
    assert not bad


@pytest.mark.parametrize("way", [(slice(None, None, -1), slice(None)), (slice(None, None, -1),) * 2])
def test_a_picture_and_what_has_its_mean_alone_are_two(way):
    lr = bicubic.downscale(PHOTO, 4)
    assert same_picture(lr, PHOTO) and not same_picture(np.ascontiguousarray(lr[way]), PHOTO)


def test_the_size_by_which_pictures_are_compared_is_that_of_what_is_read(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PHOTO[:40, :64]).save(tmp_path / "a.jpg", exif=exif)
    assert size_of(tmp_path / "a.jpg") == read_image(tmp_path / "a.jpg").shape[1::-1] == (40, 64)


def test_what_is_plain_is_called_that(tmp_path):
    write_pairs(tmp_path, "photos", None, ["a"])
    layout, _ = find_layout(tmp_path, 4, "training")
    assert layout.in_words() == f"{tmp_path}: its pictures are HR, LR made from HR by MATLAB's bicubic"


@pytest.mark.parametrize(
    ("clean", "line"),
    [
        (0.0, "its pictures are HR, LR made from HR by the degradation 'mixed'"),
        (0.1, "LR made from HR by the degradation 'mixed', in 10 % of the crops made from HR by MATLAB's bicubic"),
    ],
)
def test_the_line_of_a_folder_tells_what_degrades_lr(clean, line, tmp_path, caplog):
    write_pairs(tmp_path, "photos", None, ["a"])
    caplog.set_level("INFO", "srzoo")
    open_source(str(tmp_path), 4, degradation=Degradation("mixed", clean))
    assert caplog.messages[0].endswith(line)


@pytest.mark.parametrize(
    ("folders", "reason"),
    [
        ([("HR", "LR"), ("HR", "LR_x4")], "which LR is meant is not clear: .*LR, .*LR_x4; give a folder with one"),
        ([("HR", "LR_bicubic/X4"), ("HR", "LR_unknown/X4")], "which LR is meant is not clear"),
        ([("a_HR", "a_LR"), ("b_HR", "b_LR")], "which HR is meant is not clear: .*a_HR, .*b_HR"),
        ([("photos", "LR")], "which of its pictures are HR is not clear, as .*LR is among them"),
        ([("high", "low")], "is not clear, as .*low/a.png is .*high/a.png made smaller; name their folders HR and LR"),
        ([("HR", "X4")], "is not clear, as .*X4/a.png is .*HR/a.png made smaller"),
        ([("DIV2K/DIV2K_train_HR", None)], "is not clear, as .*DIV2K_train_HR is among them; give the folder in"),
    ],
)
def test_what_is_not_clear_is_refused_by_training_and_measuring(folders, reason, tmp_path):
    for hr, lr in folders:
        write_pairs(tmp_path, hr, lr, ["a"])
    for read in (folder, find_pairs):
        with pytest.raises(ValueError, match=reason):
            read(tmp_path, 4)


def test_pictures_of_other_formats_are_passed_over_and_counted(tmp_path, caplog):
    write_pairs(tmp_path, "photos", None, ["a"])
    for name in ("a.heic", "b.HEIC", "c.nef", "notes.txt"):
        (tmp_path / "photos" / name).touch()
    with caplog.at_level(logging.INFO, "srzoo"):
        assert len(folder(tmp_path, 4).train) == 1
    assert caplog.messages[-1].endswith(".tif, .tiff: 2 .heic, 1 .nef")


def test_pictures_of_one_name_that_show_something_else_are_all_hr(tmp_path):
    for index in range(3):
        write_image(tmp_path / f"trip/{index}.png", PHOTO[:64, :64])
        write_image(tmp_path / f"garden/{index}.png", PHOTO[100 * index + 80 : 100 * index + 96, 200:216])
    assert len(folder(tmp_path, 4).train) == 6


@pytest.mark.parametrize("witness", ["log.csv", ".lock"])
def test_what_a_training_or_upscaling_wrote_within_its_data_is_not_trained_on(tmp_path, caplog, witness):
    write_pairs(tmp_path, "photos", None, ["a", "b"])
    write_pairs(tmp_path, "photos/run/samples", None, ["step-100", "step-200"])
    (tmp_path / "photos/run/config.json").write_text("{}")
    (tmp_path / "photos/run" / witness).touch()
    write_pairs(tmp_path, "photos/large", None, ["a"])
    Record().add(tmp_path / "photos/large/a.png", Made("edsr-baseline-x4, x4", ""))
    with caplog.at_level(logging.INFO, "srzoo"):
        assert [item.name[-5:] for item in folder(tmp_path, 4).train] == ["a.png", "b.png"]
    assert f"{tmp_path / 'photos/run'}: passed over, because a training wrote it (2 pictures)" in caplog.text
    assert f"{tmp_path / 'photos/large'}: passed over 1 pictures, which are results of srzoo's" in caplog.text
    # Whoever gives them alone means them.
    assert len(folder(tmp_path / "photos/run", 4).train) == 2
    assert len(folder(tmp_path / "photos/large", 4).train) == 1


def test_beside_hr_results_of_it_and_hidden_folders_are_no_reason_to_doubt_which_is_hr(tmp_path):
    write_pairs(tmp_path, "results", "HR", ["a"])
    write_image(tmp_path / ".thumbnails/a.png", bicubic.downscale(read_image(tmp_path / "HR/a.png"), 2))
    Record().add(tmp_path / "results/a.png", Made("edsr-baseline-x4, x4", ""))
    assert [item.name[-8:] for item in folder(tmp_path, 4).train] == ["HR/a.png"]
