"""`python resolve_image.py`: which files are read and written, and what is said of the bad ones."""

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srzoo import shipped, zoo
from srzoo.cli.resolve import main
from srzoo.exporting.formats import export
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.runtimes import choice
from srzoo.runtimes.network import Network
from srzoo.upscaling import Upscaler, compare

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    zoo.save_weights(zoo.create("edsr-baseline-x4.blocks2.filters8"), path)
    return path


def photo(path, height=30, width=41):
    write_image(path, data.coffee()[150 : 150 + height, 200 : 200 + width])
    return Path(path)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("[!.]*") if path.is_file())


def test_a_picture_comes_out_four_times_as_large_in_results(here, weights, capsys):
    photo("cup.png")
    assert main(["cup.png", "--weights", str(weights)]) == 0
    assert files("results") == ["cup.png"]
    expected = Upscaler(zoo.load(weights))(read_image("cup.png"))
    np.testing.assert_array_equal(read_image("results/cup.png"), expected)
    assert expected.shape == (120, 164, 3)
    out = capsys.readouterr().out
    assert out.startswith("cup.png: 41x30 -> 164x120, ") and out.endswith(f" s, {Path('results/cup.png')}\n")


def test_compare_adds_the_side_by_side_picture(here, weights):
    photo("cup.png")
    assert main(["cup.png", "--weights", str(weights), "--compare", "--output", "out"]) == 0
    assert files("out") == ["cup.png", "cup_compare.png"]
    height, width = read_image("out/cup_compare.png").shape[:2]
    assert height > 120 and width > 3 * 164


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder as that of the weights that ship: edsr-gan, tiny, and its pixel-trained partner."""
    folder = tmp_path_factory.mktemp("trained")
    names = [f"{name}-x4.blocks1.filters4.weights.h5" for name in ("edsr-baseline", "edsr-gan")]
    for name in names:
        zoo.save_weights(zoo.create(name.removesuffix(".weights.h5")), folder / name)
    (folder / "SHA256SUMS").write_text("".join(f"{shipped.checksum(folder / name)}  {name}\n" for name in names))
    return folder


@pytest.fixture
def pixel_file(trained):
    return str(trained / "edsr-baseline-x4.blocks1.filters4.weights.h5")


@pytest.fixture
def gan_file(trained):
    return str(trained / "edsr-gan-x4.blocks1.filters4.weights.h5")


def upscaled(model):
    return Upscaler(model)(read_image("cup.png"))


@pytest.mark.parametrize("option", [pytest.param("--weights", marks=pytest.mark.slow), "--model"])
def test_fidelity_goes_from_the_adversarial_model_to_the_pixel_trained_one(here, pixel_file, gan_file, option):
    photo("cup.png")
    expected = {
        "0": zoo.load(gan_file),
        "0.25": zoo.interpolate(pixel_file, gan_file, 0.75),
        "1": zoo.load(pixel_file),
    }
    pictures = {fidelity: upscaled(model) for fidelity, model in expected.items()}
    assert not np.array_equal(pictures["0"], pictures["0.25"]) and not np.array_equal(pictures["0.25"], pictures["1"])
    for fidelity, picture in pictures.items():
        assert (
            main(["cup.png", option, gan_file, "--pixel-weights", pixel_file, "--fidelity", fidelity, "--overwrite"])
            == 0
        )
        np.testing.assert_array_equal(read_image("results/cup.png"), picture)


def test_fidelity_takes_the_partner_that_ships(here, trained, pixel_file, gan_file, monkeypatch):
    monkeypatch.setattr(shipped, "SHIPPED", trained)
    photo("cup.png")
    picture = upscaled(zoo.interpolate(pixel_file, gan_file, 0.5))
    for given in (["--weights", gan_file], ["--model", "edsr-gan-x4.blocks1.filters4"]):
        assert main(["cup.png", *given, "--fidelity", "0.5", "--overwrite"]) == 0
        np.testing.assert_array_equal(read_image("results/cup.png"), picture)


def test_the_comparison_tells_the_fidelity(here, pixel_file, gan_file, monkeypatch):
    titles = []
    monkeypatch.setattr(compare, "side_by_side", lambda lr, sr, name: titles.append(name) or sr)
    photo("cup.png")
    main(["cup.png", "--weights", gan_file, "--pixel-weights", pixel_file, "--fidelity", "0.50", "--compare"])
    main(["cup.png", "--weights", gan_file, "--compare", "--overwrite"])
    assert titles == ["edsr-gan-x4.blocks1.filters4, fidelity 0.5", "edsr-gan-x4.blocks1.filters4"]


def test_fidelity_without_the_partner_is_refused(here, weights, gan_file):
    photo("cup.png")
    start = ["cup.png", "--fidelity", "0.5", "--weights"]
    with pytest.raises(FileNotFoundError, match=r"'edsr-baseline-x4.blocks1.*do not ship; give them with --pixel-w"):
        main([*start, gan_file])
    with pytest.raises(ValueError, match=r"'edsr-gan-x4.* must be 'edsr-baseline-x4.blocks1.*, got .*blocks2"):
        main([*start, gan_file, "--pixel-weights", str(weights)])
    with pytest.raises(ValueError, match="has no pixel-trained partner"):
        main([*start, str(weights), "--pixel-weights", str(weights)])
    with pytest.raises(FileNotFoundError, match=r"missing.weights.h5: no such file"):
        main([*start, gan_file, "--pixel-weights", "missing.weights.h5"])
    assert files(here) == ["cup.png"]


def test_pictures_of_a_folder_keep_their_places(here, weights, capsys):
    photo("photos/a.jpg"), photo("photos/trip/b.png"), photo("c.webp")
    Path("photos/notes.txt").write_text("no picture")
    assert main(["photos", "c.webp", "--weights", str(weights), "--output", "out"]) == 0
    assert files("out") == ["a.jpg", "c.webp", "trip/b.png"]
    assert "3 of 3 images upscaled to out" in capsys.readouterr().out


def test_a_keras_file_serves_as_model(here):
    zoo.create("srresnet-x2.blocks1.filters4").save("tiny.keras")
    photo("cup.png")
    assert main(["cup.png", "--model", "tiny.keras"]) == 0
    assert read_image("results/cup.png").shape == (60, 82, 3)


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    """The network's file in a format and a precision; each is made once."""

    @functools.cache
    def made(format, precision, calibration):
        folder = tmp_path_factory.mktemp("exported")
        return export(zoo.load(weights), folder, format, precision, calibration=calibration)[0]

    return made


@pytest.mark.parametrize(
    ("format", "precision", "needed"),
    [
        ("saved_model", "float32", ()),
        ("litert", "float32", ("ai_edge_litert",)),
        pytest.param("litert", "int8", ("ai_edge_litert",), marks=pytest.mark.slow),
        ("onnx", "float32", ("onnx", "tf2onnx", "onnxruntime")),
        ("openvino", "float32", ("openvino",)),
    ],
)
def test_an_exported_file_serves_as_model_with_the_same_tiling(
    here, weights, exported, format, precision, needed, capsys
):
    for package in needed:
        pytest.importorskip(package, reason=f"the format {format} needs {package}, which is not installed")
    photo("cup.png", 90, 120), photo("calibration/cup.png")
    path = exported(format, precision, Path("calibration") if precision == "int8" else None)
    expected = Upscaler(zoo.load(weights))(read_image("cup.png")).astype(int)
    for memory in ("2GB", "2.5MB"):
        assert main(["cup.png", "--model", str(path), "--memory", memory]) == 0
        difference = np.abs(read_image("results/cup.png") - expected)
        assert difference.max() <= (16 if precision == "int8" else 1)
    if format == "saved_model":
        assert main(["cup.png", "--model", str(path.parent), "--overwrite"]) == 0
    assert "120x90 -> 480x360" in capsys.readouterr().out


def test_an_exported_file_is_named_in_the_comparison_and_takes_no_fidelity(here, exported, monkeypatch):
    titles = []
    monkeypatch.setattr(compare, "side_by_side", lambda lr, sr, name: titles.append(name) or sr)
    photo("cup.png")
    path = exported("saved_model", "float32", None)
    main(["cup.png", "--model", str(path), "--compare"])
    assert titles == ["edsr-baseline-x4.blocks2.filters8"]
    with pytest.raises(
        ValueError, match=r"--fidelity mixes weights, but .*1 is an exported model; give the .weights.h5"
    ):
        main(["cup.png", "--model", str(path), "--fidelity", "0.5"])


def test_little_memory_gives_the_same_picture(here, weights):
    photo("cup.png", 90, 120)
    main(["cup.png", "--weights", str(weights), "--output", "whole"])
    main(["cup.png", "--weights", str(weights), "--output", "tiles", "--memory", "2.5MB"])
    difference = np.abs(read_image("whole/cup.png").astype(int) - read_image("tiles/cup.png"))
    assert difference.max() <= 1


def test_too_little_memory_is_refused(here, weights, capsys):
    photo("cup.png", 90, 120)
    assert main(["cup.png", "--weights", str(weights), "--memory", "0.1MB"]) == 1
    assert "memory must be at least" in capsys.readouterr().err and not files("results")


def test_a_result_that_cannot_be_written_is_named(here, weights, capsys):
    photo("photos/trip/a.png")
    Path("out").mkdir()
    Path("out/trip").write_text("a file in the way")
    assert main(["photos", "--weights", str(weights), "--output", "out"]) == 1
    assert "trip" in capsys.readouterr().err
    assert files("out") == ["trip"]


def test_two_pictures_with_one_result_are_done_if_it_is_asked_for(here, weights):
    photo("a/cup.png"), photo("b/cup.png", 20, 20)
    assert main(["a/cup.png", "b/cup.png", "--weights", str(weights), "--overwrite"]) == 0
    assert read_image("results/cup.png").shape == (80, 80, 3)


def test_a_result_replaces_an_input_if_it_is_asked_for(here, weights):
    photo("cup.png")
    assert main(["cup.png", "--weights", str(weights), "--output", ".", "--overwrite"]) == 0
    assert read_image("cup.png").shape == (120, 164, 3)


def test_results_of_an_earlier_run_are_not_upscaled_again(here, weights):
    photo("cup.png")
    for _ in range(2):
        assert main([".", "--weights", str(weights)]) == 0
    assert files("results") == ["cup.png"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.png"], "missing.png: no such file or folder"),
        (["empty"], r"empty: no images in this folder; srzoo reads .png, .jpg"),
        (["cup.png", "--output", "notes"], "expected a folder, but notes is a file"),
        (["cup.png", "--output", "notes/a.png"], "expected a folder, but notes is a file"),
        (["cup.png", "--output", "broken"], "expected a folder, but broken is a broken link"),
        (["cup.png", "cup.png", "--output", "out.png"], "--output out.png names one picture's file; give a folder"),
        (["cup.png", "out.png"], "out.png: no such file or folder; for a result there: cup.png --output out.png"),
        (["cup.png", "--beside", "--output", "out"], "--beside writes beside the inputs; leave out --output"),
        (["cup.png", "-", "-o", "a.png"], "- stands for one picture; give no other with it"),
        (["empty", "-o", "-"], "- stands for one picture; give no other with it, and no folder"),
        (["-", "--beside"], "--beside writes a file beside another, which - is not; name the result by --output"),
        (["cup.png", "-o", "-", "--compare"], "--compare writes a file beside another, which - is not"),
        (["cup.png", "-o", "-", "--suffix", "_x4"], "--suffix _x4 is for a result with a name; leave it out"),
        (["cup.png", "-o", "a.png", "--suffix", "_b"], "--output a.png is the whole name; .* or give --output a_b.png"),
        (["cup.png", "-o", "out.ico"], "--output out.ico: srzoo does not write this format; choose one of .png, "),
        (["cup.png", "--scale", "2", "--width", "90"], "--scale was given beside a size in pixels; leave out one"),
        (["cup.png", "--size", "9x9", "--width", "90"], "--size says width and height; leave out --width and --h"),
        (["cup.png", "--width", "90", "--fit"], "--fit needs both sides; give --size WxH with it"),
        (["cup.png", "--device", "gpu"], "--device gpu: no GPU was found"),
        (["cup.png", "--weights", "missing.weights.h5"], "missing.weights.h5: no such file"),
        (
            ["cup.png", "--model", "notes"],
            "notes: expected a .weights.h5, .keras, .* `srzoo import` makes a .weights.h5",
        ),
        (["cup.png", "--model", "missing.keras"], "missing.keras: no such file"),
        (["cup.png", "--model", "missing.tflite"], "missing.tflite: no such file or folder"),
        (["cup.png", "--model", "missing.pth"], "missing.pth: no such file or folder"),
        (["cup.png", "--model", "empty"], "empty: no SavedModel; expected saved_model.pb in it"),
        (["cup.png", "--model", "edsr-baseline-x4", "--fidelity", "1"], "'edsr-baseline-x4' has no pixel-trained part"),
        (["cup.png", "--pixel-weights", "a.keras"], "--pixel-weights a.keras has no use without --fidelity"),
        (["cup.png", "--model", "waifu"], r"no trained weights ship for 'waifu' \(there are: edsr-baseline-x"),
        (["cup.png", "--fidelity", "0.5", "--pixel-weights", "auto"], "'auto' chooses for each picture, and one model"),
        (["cup.png", "--model", "edsr-basline-x4"], "did you mean 'edsr-baseline-x4'?"),
        (
            ["cup.png", "--model", "edsr"],
            "'edsr' has no included weights; edsr-baseline-x4 has; give a file of your own",
        ),
        (
            ["cup.png", "--model", "edsr-baseline-x4.blocks9"],
            "'edsr-baseline-x4.blocks9' has no included weights; edsr-b",
        ),
    ],
)
def test_bad_input_is_told_in_a_sentence_and_leaves_nothing(here, arguments, sentence):
    photo("cup.png"), Path("empty").mkdir(), Path("notes").write_text("no folder")
    Path("broken").symlink_to("nothing")
    with pytest.raises((ValueError, OSError), match=sentence):
        main(arguments)
    assert files(here) == ["cup.png", "notes"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cup.png", "--memory", "much"], "expected a size such as 800MB or 1.5GB, got 'much'"),
        (["cup.png", "--memory", "0"], "expected a size such as 800MB or 1.5GB, got '0'"),
        (["cup.png", "--max-pixels", "many"], "expected a number of pixels such as 400M or 2.5G, got 'many'"),
        (["cup.png", "--format", "xyz"], "invalid choice: 'xyz'"),
        (["cup.png", "--fidelity", "1.1"], "expected a number from 0 to 1, got '1.1'"),
        (["cup.png", "--fidelity=-0.1"], "expected a number from 0 to 1, got '-0.1'"),
        (["cup.png", "--fidelity", "nan"], "expected a number from 0 to 1, got 'nan'"),
        (["cup.png", "--fidelity", "high"], "expected a number from 0 to 1, got 'high'"),
        (["cup.png", "--weights", "model.keras"], "expected a file ending in .weights.h5, got 'model.keras'"),
        (["cup.png", "--weights", "a.weights.h5", "--model", "edsr"], "not allowed with argument"),
        ([""], "expected a name or a path, got an empty text"),
        (["cup.png", "--model", ""], "argument -m/--model: expected a name or a path, got an empty text"),
        (["cup.png", "--suffix", "a/b"], "expected a part of a file's name, without folders, got 'a/b'"),
        (["cup.png", "--size", "9"], "expected width and height such as 3840x2160, got '9'"),
        (["cup.png", "--scale", "17"], "expected a number from 1 to 16, got '17'"),
        (["cup.png", "--quality", "101"], "expected a whole number from 1 to 100, got '101'"),
        (
            ["cup.png", "--ouput", "a", "--ext", "b"],
            "unrecognized arguments: --ouput a --ext b; did you mean --output?\n",
        ),
        ([], "the following arguments are required: images"),
    ],
)
def test_bad_options_are_told_with_the_usage(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2 and sentence in capsys.readouterr().err


def test_grey_and_transparent_pictures_come_out_as_such_and_the_format_is_as_asked_for(here, weights, capsys):
    Image.fromarray(data.camera()[:20, :20]).save("grey.png")
    Image.fromarray(data.logo()[:20, :20]).save("alpha.png")
    assert main(["grey.png", "alpha.png", "--weights", str(weights), "--format", "jpeg", "--compare"]) == 0
    assert files("results") == ["alpha.png", "alpha_compare.png", "grey.jpg", "grey_compare.png"]
    modes = {path: Image.open(path).mode for path in Path("results").glob("[!.]*")}
    assert modes[Path("results/grey.jpg")] == "L" and modes[Path("results/alpha.png")] == "RGBA"
    assert "JPEG holds no transparency; written as PNG" in capsys.readouterr().out


def test_the_script_ends_with_a_sentence_and_status_2(here):
    command = [sys.executable, ROOT / "resolve_image.py", "missing.png"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2 and ran.stdout == ""
    assert ran.stderr.splitlines()[-1] == "error: missing.png: no such file or folder"


def test_auto_says_which_network_it_took_and_why(here, capsys, monkeypatch):
    monkeypatch.setenv("SRZOO_CACHE", "off")
    photo("clean.png", 48, 64)
    Image.fromarray(read_image("clean.png")).save("damaged.jpg", quality=40)
    assert main(["clean.png", "damaged.jpg", "--model", "auto"]) == 0
    out = capsys.readouterr().out
    assert "clean.png; edsr-baseline-x4, because it has no damage\n" in out
    assert "damaged.jpg; edsr-real-x4, because it has JPEG of quality 40\n" in out
    assert read_image("results/damaged.jpg").shape == (192, 256, 3)
    assert main(["damaged.jpg", "--model", "auto", "--dry-run", "--scale", "3", "--overwrite"]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("; x3 by edsr-real-x4, then reduced; edsr-real-x4, because it has JPEG of quality 40\n")
    assert err.startswith("edsr-real-x4: ") and "edsr-baseline" not in err, "a network is told when it is used"


def test_restore_goes_to_the_network_for_damaged_pictures(here, monkeypatch):
    asked, twice = [], Network("twice-x2", 2, 1, 1, lambda pixels: pixels.repeat(2, axis=1).repeat(2, axis=2))
    monkeypatch.setattr(choice, "choose", lambda choice, _: asked.append((choice.source, choice.restore)) or twice)
    photo("cup.png", 24, 24)
    assert main(["cup.png", "--restore", "0.5"]) == 0
    assert asked == [("edsr-real-x4", 0.5)]


@pytest.mark.parametrize("asked", [["--model", "auto"], ["--restore", "0.5"]])
def test_fidelity_is_for_a_model_that_is_named(here, asked):
    photo("cup.png")
    with pytest.raises(ValueError, match="--fidelity is for one model of GAN training; name it by --model"):
        main(["cup.png", *asked, "--fidelity", "0.5"])
