"""`resolve_image.py`: sizes, and where results go, as people type it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import srzoo
from srzoo import shipped, zoo
from srzoo.cli.arguments import size_in_bytes
from srzoo.cli.resolve import main
from srzoo.images import write_image


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a photograph, whose network is a tiny one."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "ships"
    folder.mkdir()
    lines = []
    for scale in (2, 4):
        path = folder / f"edsr-baseline-x{scale}.weights.h5"
        zoo.save_weights(zoo.create(f"edsr-baseline-x{scale}.blocks1.filters4"), path)
        lines.append(f"{shipped.checksum(path)}  {path.name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))
    monkeypatch.setattr(shipped, "SHIPPED", folder)
    write_image("cup.jpg", data.coffee()[150:180, 200:241])
    return tmp_path


def sizes(*paths):
    return [Image.open(path).size for path in paths]


def test_the_name_that_is_asked_for_is_written_in_its_format(here, capsys):
    assert main(["cup.jpg", "-o", "out.png"]) == 0
    assert Image.open("out.png").format == "PNG" and sizes("out.png") == [(164, 120)]
    assert not Path("results").exists() and capsys.readouterr().out.endswith("out.png\n")
    assert main(["cup.jpg", "--output", "new/a.webp", "--quality", "30"]) == 0
    small = Path("new/a.webp").stat().st_size
    assert main(["cup.jpg", "--output", "new/a.webp"]) == 0
    assert Path("new/a.webp").stat().st_size > 2 * small
    assert main(["cup.jpg", "--output", "out.png", "--quality", "30"]) == 0
    assert "--quality has no effect on PNG" in capsys.readouterr().out


def test_a_name_whose_format_cannot_hold_the_result_is_refused(here, capsys):
    Image.fromarray(data.logo()[:20, :20]).save("logo.png")
    assert main(["logo.png", "-o", "logo.jpg"]) == 1
    assert "logo.jpg cannot hold the result (JPEG holds no transparency); name it logo.png" in capsys.readouterr().err
    assert main(["cup.jpg", "-o", "out.png", "--format", "jpg"]) == 1
    assert "out.png cannot hold the result (--format is JPEG); name it out.jpg" in capsys.readouterr().err
    assert main(["cup.jpg", "-o", "cup.jpg"]) == 1
    assert "cup.jpg would be written to cup.jpg, an input" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "in_python", "size", "network"),
    [
        (["--scale", "2"], {"scale": 2}, (82, 60), "edsr-baseline-x2"),
        (["-s", "1.5"], {"scale": 1.5}, (62, 45), "edsr-baseline-x2"),
        (["--scale", "x3"], {"scale": 3}, (123, 90), "edsr-baseline-x4"),
        (["--scale", "9"], {"scale": 9}, (369, 270), "edsr-baseline-x4"),
        (["--width", "100"], {"width": 100}, (100, 73), "edsr-baseline-x4"),
        (["--height", "60"], {"height": 60, "model": "auto"}, (82, 60), "edsr-baseline-x2"),
        (["--size", "82x60"], {"width": 82, "height": 60}, (82, 60), "edsr-baseline-x2"),
        (["--size", "99x99", "--fit"], {"width": 99, "height": 99, "fit": True}, (99, 72), "edsr-baseline-x4"),
        (
            ["--scale", "2", "-m", "edsr-baseline-x4"],
            {"scale": 2, "model": "edsr-baseline-x4"},
            (82, 60),
            "edsr-baseline-x4",
        ),
    ],
)
def test_any_size_comes_from_the_nearest_network_at_or_above(
    here, asked, in_python, size, network, monkeypatch, capsys
):
    from srzoo.runtimes import choice

    used, choose = [], choice.choose
    monkeypatch.setattr(
        choice, "choose", lambda given, pictures=(): (used.append(given.source), choose(given, pictures))[1]
    )
    assert main(["cup.jpg", *asked]) == 0
    assert sizes("results/cup.jpg") == [size] and used == [network]
    assert srzoo.upscale("cup.jpg", **in_python).size == size and used == [network] * 2
    told, exact = capsys.readouterr().out, size == (82, 60) and network == "edsr-baseline-x2"
    assert (f" by {network}.blocks1.filters4" in told) == ("then reduced" in told) == (not exact)
    assert (" twice, " in told) == (asked == ["--scale", "9"])


def test_the_network_reaches_the_width_for_the_smallest_of_pages_too(here, capsys):
    large, small = Image.new("RGB", (40, 30), "teal"), Image.new("L", (10, 20), 99)
    large.save("scan.tif", save_all=True, append_images=[small])
    assert main(["scan.tif", "--width", "60"]) == 0
    with Image.open("results/scan.tif") as scan:
        assert [(scan.seek(page), scan.size)[1] for page in (0, 1)] == [(60, 45), (60, 120)]
    assert "40x30 -> 60x45 (2 frames)" in capsys.readouterr().out
    assert main(["scan.tif", "--width", "20"]) == 1  # before any page is computed
    assert "scan.tif: 20x15 is 0.5 times the picture's 40x30" in capsys.readouterr().err


def test_another_aspect_is_refused_with_what_would_fit(here, capsys):
    assert main(["cup.jpg", "--size", "99x99"]) == 1
    assert "cup.jpg: 99x99 has another aspect than the picture's 41x30; give --fit for 99x72" in capsys.readouterr().err


def test_results_go_beside_their_inputs_and_are_not_upscaled_again(here):
    write_image("more/b.png", data.coffee()[:20, :20])
    for _ in range(2):
        assert main(["more", "cup.jpg", "--beside", "--suffix", "_x4"]) == 0
        assert sorted(path.name for path in Path("more").glob("[!.]*")) == ["b.png", "b_x4.png"]
        assert sizes("more/b_x4.png", "cup_x4.jpg") == [(80, 80), (164, 120)]
    assert main(["cup.jpg", "--suffix", "_large", "--format", "tif"]) == 0
    assert sizes("results/cup_large.tif") == [(164, 120)]


def test_a_picture_of_ones_own_that_is_named_like_a_result_is_an_input(here, capsys):
    write_image("cup_sr.jpg", data.coffee()[:20, :20])
    before = Path("cup_sr.jpg").read_bytes()
    for _ in range(2):
        assert main(["cup.jpg", "cup_sr.jpg", "--beside"]) == 1
        assert "cup.jpg would be written to cup_sr.jpg, an input; choose another --suffix" in capsys.readouterr().err
        assert Path("cup_sr.jpg").read_bytes() == before and sizes("cup_sr_sr.jpg") == [(80, 80)]


def test_what_another_model_made_is_not_silently_replaced(here, capsys):
    zoo.save_weights(zoo.create("srresnet-x4.blocks1.filters4"), "other.weights.h5")
    assert main(["cup.jpg"]) == main(["cup.jpg", "-m", "edsr-baseline-x4"]) == 0
    before = Path("results/cup.jpg").read_bytes()
    other = ["cup.jpg", "--weights", "other.weights.h5"]
    assert main(other) == main(["cup.jpg", "--scale", "2"]) == 1
    err = capsys.readouterr().err
    assert "results/cup.jpg is there, made by edsr-baseline-x4, x4, and would be replaced; keep both by --suffix" in err
    assert Path("results/cup.jpg").read_bytes() == before
    assert main([*other, "--suffix", "_srresnet"]) == main([*other, "--overwrite"]) == 0
    assert Path("results/cup.jpg").read_bytes() != before
    assert main([*other, "-o", "results/cup.jpg"]) == 0 and main(["cup.jpg", "-o", "results/cup.jpg"]) == 1
    assert "x4, and would be replaced; keep both by another --output, or" in capsys.readouterr().err


def test_what_srzoo_did_not_make_is_not_replaced(here, capsys):
    write_image("out.png", data.coffee()[:20, :20])
    write_image("results/cup_compare.png", data.coffee()[:20, :20])
    for command, kept in ((["-o", "out.png"], "out.png"), (["--compare"], "results/cup_compare.png")):
        before = Path(kept).read_bytes()
        assert main(["cup.jpg", *command]) == 1 and Path(kept).read_bytes() == before
        assert f"{kept} is there, which is not known as a result of srzoo's, and would be" in capsys.readouterr().err
        assert main(["cup.jpg", *command, "--overwrite"]) == 0 and Path(kept).read_bytes() != before
    Path("new.jpg").touch()  # as `mktemp` makes it
    assert main(["cup.jpg", "-o", "new.jpg"]) == 0


def test_of_a_size_in_pixels_the_network_for_it_and_one_that_is_named_are_two_models(here, capsys):
    sized = ["cup.jpg", "--height", "60", "-o", "out.png"]
    assert main(sized) == main([*sized, "--resume"]) == 0
    before = Path("out.png").read_bytes()
    other = [*sized, "-m", "edsr-baseline-x4"]
    assert main(other) == main([*other, "--resume"]) == 1 and Path("out.png").read_bytes() == before
    assert "out.png is there, made by edsr-baseline, x60, and would be replaced" in capsys.readouterr().err


def test_weights_of_one_name_in_two_folders_are_two_models(here, capsys, monkeypatch):
    for folder in (here / "a", here / "b"):
        folder.mkdir()
        monkeypatch.chdir(folder)
        zoo.save_weights(zoo.create("srresnet-x4.blocks1.filters4"), "best.weights.h5")
        ended = main([str(here / "cup.jpg"), "--weights", "best.weights.h5", "-o", str(here / "out.jpg")])
        assert ended == (folder.name == "b")
    assert f"made by {here / 'a' / 'best.weights.h5'}, x4, and would be replaced" in capsys.readouterr().err


def test_a_runs_folder_is_a_model(here):
    Path("runs/mine").mkdir(parents=True)
    zoo.save_weights(zoo.create("edsr-baseline-x3.blocks1.filters4"), "runs/mine/best.weights.h5")
    assert main(["cup.jpg", "-m", "runs/mine"]) == 0 and sizes("results/cup.jpg") == [(123, 90)]


def test_quiet_prints_nothing_but_errors(here, capsys):
    assert main(["cup.jpg", "--quiet", "--threads", "1", "--device", "cpu"]) == 0
    assert capsys.readouterr() == ("", "")
    Path("bad.png").write_text("no picture")
    assert main(["bad.png", "-q"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: bad.png: not an image")


@pytest.mark.parametrize(("text", "size"), [("4GiB", 4 * 2**30), ("800MB", 800e6), ("1.5", 1.5e9), ("512 KiB", 2**19)])
def test_memory_is_understood_in_both_kinds_of_units(text, size):
    assert size_in_bytes(text) == size


PROGRAM = """
import json, os, sys
os._exit = sys.exit  # which lets the modules be told
if sys.argv[1] != "resolve":  # as if these were not installed
    sys.modules |= dict.fromkeys(("ai_edge_litert", "skimage", "skimage.data"))
from srzoo.__main__ import main
try:
    main()
finally:
    print("modules:", json.dumps([name for name in ("tensorflow", "keras") if name in sys.modules]), file=sys.stderr)
"""


def run(*arguments, stdin=None):
    """The command in a process of its own; the last line of its errors tells which modules it imported."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(command, input=stdin, capture_output=True, check=False, env=environment)


def test_a_picture_comes_and_goes_by_standard_input_and_output_and_no_line_of_tensorflow_reaches_the_terminal(here):
    weights = "ships/edsr-baseline-x2.weights.h5"
    ran = run("resolve", "-", "--weights", weights, stdin=Path("cup.jpg").read_bytes())
    image = Image.open(io.BytesIO(ran.stdout))
    assert ran.returncode == 0 and (image.format, image.size) == ("JPEG", (82, 60))
    *lines, modules = ran.stderr.decode().splitlines()
    assert json.loads(modules.removeprefix("modules: ")) == ["tensorflow", "keras"]
    assert [line.split(",")[0] for line in lines if not line.startswith("edsr-baseline")] == [
        "standard input: 41x30 -> 82x60"
    ]
    assert lines[-1].endswith(" s, standard output")


@pytest.mark.parametrize("name", ["cup_compare.jpg", ".cup.jpg"])
def test_the_standard_output_takes_a_file_of_any_name_in_another_format(here, name, capfdbinary):
    Path("cup.jpg").rename(name)
    assert main([name, "-o", "-", "--format", "png"]) == 0
    assert Image.open(io.BytesIO(capfdbinary.readouterr().out)).format == "PNG" and not Path("results").exists()
    assert main([name, "-o", "-", "--dry-run"]) == 0
    assert b": 41x30 -> 164x120, standard output" in capfdbinary.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["resolve", "missing.png"],
        ["resolve", "cup.jpg", "-m", "waifu"],
        ["resolve", "cup.jpg", "-m", "runs/none"],
        ["resolve", "cup.jpg", "-m", "cup.jpg"],
        ["resolve", "cup.jpg", "--weights", "missing.weights.h5", "--fidelity", "0.5"],
        ["resolve", "cup.jpg", "out.jpg"],
        ["evaluate", "missing", "--model", "edsr-baseline-x4"],
        ["evaluate", ".", "--model", "waifu"],
        ["export", "waifu", "--output", "out"],
        ["export", "edsr-baseline-x2", "--output", "out", "--format", "litert"],
        ["compare", "cup.jpg", "--models", "waifu"],
        ["mos", "create", "--models", "bicubic", "waifu", ".", "-o", "study"],
        ["demo", "--models", "waifu"],
        ["train", "nothere/"],
        ["train", "sample"],
        ["train", ".", "--model", "edsr-baseline", "--init-weights", "nothere.weights.h5"],
        ["train", ".", "--model", "edsr-basline"],
        ["train", ".", "--model", "srgan", "--scale", "5"],
        ["resolve", "cup.jpg", "--model", "edsr-baseline-x2", "--fidelity", "0.5"],
        ["resolve", "cup.jpg", "--weights", "ships/edsr-baseline-x2.weights.h5", "--fidelity", "0.5"],
    ],
)
def test_what_is_not_there_is_told_without_tensorflow(here, arguments):
    ran = run(*arguments)
    error, modules = ran.stderr.decode().splitlines()[-2:]
    assert ran.returncode == 2 and error.startswith("error: ")
    assert "tensorflow" not in json.loads(modules.removeprefix("modules: "))
