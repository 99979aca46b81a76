"""What compares pictures, from files as torchvision, LPIPS and DISTS offer them."""

import keras
import numpy as np
import pytest
from pickles import write_state

from srzoo.cli.import_weights import main
from srzoo.metrics.lpips import ALEXNET

VGG19 = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
"""Numbers of torchvision's layers."""

DENSE = {"classifier.6.weight": np.zeros((1000, 16), np.float32)}


def theirs(arrays, layers):
    """`conv0_kernel`, ... under torchvision's names, in OIHW."""
    names = {f"conv{i}_kernel": f"features.{layer}.weight" for i, layer in enumerate(layers)}
    names |= {f"conv{i}_bias": f"features.{layer}.bias" for i, layer in enumerate(layers)}
    return {
        names[name]: np.ascontiguousarray(each.transpose(3, 2, 0, 1)) if each.ndim == 4 else each
        for name, each in arrays.items()
    }


def heads_of(arrays):
    return {f"lin{name[4]}.model.1.weight": each[None, :, None, None] for name, each in arrays.items()}


@pytest.fixture
def lpips_arrays():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in ALEXNET.shapes.items()}


def lpips_files(folder, arrays):
    heads = {name: each for name, each in arrays.items() if name.startswith("head")}
    convolutions = {name: each for name, each in arrays.items() if name not in heads}
    alexnet = write_state(folder / "alexnet.pth", theirs(convolutions, (0, 3, 6, 8, 10)) | DENSE)
    return str(alexnet), str(write_state(folder / "alex.pth", heads_of(heads)))


def test_lpips_is_alexnet_and_its_heads_in_any_order(lpips_arrays, tmp_path, capsys):
    alexnet, heads = lpips_files(tmp_path, lpips_arrays)
    for files in ([alexnet, heads], [heads, alexnet]):
        assert main(["lpips", *files, str(tmp_path / "lpips.npz")]) == 0
        with np.load(tmp_path / "lpips.npz") as made:
            assert set(made.files) == set(lpips_arrays)
            for name, array in lpips_arrays.items():
                np.testing.assert_array_equal(made[name], array)
    assert capsys.readouterr().out.splitlines()[0] == f"{tmp_path}/lpips.npz: for --lpips {tmp_path}/lpips.npz"


def test_torchvisions_vgg19_is_that_of_keras_applications(tmp_path):
    network = keras.applications.VGG19(include_top=False, weights=None)
    arrays = {f"conv{i // 2}_{('kernel', 'bias')[i % 2]}": each for i, each in enumerate(network.get_weights())}
    checkpoint = write_state(tmp_path / "vgg19.pth", theirs(arrays, VGG19) | DENSE)
    assert main(["vgg", str(checkpoint), str(tmp_path / "vgg19.weights.h5")]) == 0
    read = keras.applications.VGG19(include_top=False, weights=str(tmp_path / "vgg19.weights.h5"))
    for ours, array in zip(read.get_weights(), arrays.values(), strict=True):
        np.testing.assert_array_equal(ours, array)


def test_dists_has_its_coefficients_without_their_empty_axes(tmp_path):
    arrays = {name: np.random.default_rng(0).random(1475).astype(np.float32) for name in ("alpha", "beta")}
    checkpoint = write_state(
        tmp_path / "weights.pt", {name: each[None, :, None, None] for name, each in arrays.items()}
    )
    assert main(["dists", str(checkpoint), str(tmp_path / "dists.npz")]) == 0
    with np.load(tmp_path / "dists.npz") as made:
        np.testing.assert_array_equal([made["alpha"], made["beta"]], list(arrays.values()))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "lpips alex.pth out.npz",
            "alex.pth: not alexnet-owt-7be5be79.pth beside LPIPS's alex.pth: expected the arrays",
        ),
        ("lpips alexnet.pth alex.pth out.h5", "must end in .npz, got out.h5"),
        ("lpips alexnet.pth none.pth out.npz", "none.pth: no such file"),
        ("vgg alexnet.pth out.weights.h5", "alexnet.pth: expected torchvision's vgg19.*got 10 kernels and biases"),
        ("dists alex.pth out.npz", r"alex.pth: not DISTS's weights.pt: expected the arrays alpha, beta, got lin0"),
    ],
)
def test_other_files_are_refused_and_nothing_is_written(command, message, lpips_arrays, here):
    lpips_files(here, lpips_arrays)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        main(command.split())
    assert sorted(path.name for path in here.iterdir()) == ["alex.pth", "alexnet.pth"]
