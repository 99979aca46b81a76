"""Networks that compare pictures, from the PyTorch files that people have: VGG, LPIPS and DISTS."""

import re
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from srzoo.importing.checkpoints import float32_array, read_state
from srzoo.metrics.dists import CHANNELS
from srzoo.metrics.lpips import ALEXNET, VGG16
from srzoo.metrics.weights import check_arrays


def read_vgg(path: Path) -> keras.Model:
    """Reads VGG19 or VGG16.

    Args:
        path: torchvision's file, such as `vgg19-dcbb9e9d.pth`; its dense layers are dropped.

    Returns:
        `keras.applications.VGG19(include_top=False)` or `VGG16` with these weights.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds anything else.
    """
    arrays = _convolutions(_read(path))
    build = {26: keras.applications.VGG16, 32: keras.applications.VGG19}.get(len(arrays))
    if not build:
        raise ValueError(
            f"{path}: expected torchvision's vgg19-dcbb9e9d.pth or vgg16-397923af.pth, with 16 or 13 convolutions and "
            f"no batch normalisation, got {len(arrays)} kernels and biases"
        )
    network = build(include_top=False, weights=None)
    shapes = {name: tuple(weight.shape) for name, weight in zip(arrays, network.weights)}
    check_arrays(path, arrays, shapes, f"torchvision's {network.name}")
    network.set_weights(list(arrays.values()))
    return network


def read_lpips(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """Reads the arrays that `srzoo.metrics.lpips.load` expects in its file.

    Args:
        paths: `alexnet-owt-7be5be79.pth` of torchvision and `alex.pth` of the LPIPS repository, in any order; or its
            `vgg.pth` alone, whose convolutions `read_vgg` reads.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if they hold anything else.
    """
    found = {name: array for path in paths for name, array in _read(path).items()}
    heads = {f"head{name[3]}": array.reshape(-1) for name, array in found.items() if name.startswith("lin")}
    arrays = _convolutions(found) | heads
    if "head1" in heads and heads["head1"].shape == VGG16.shapes["head1"]:
        check_arrays(paths[0], arrays, VGG16.shapes, "LPIPS's vgg.pth alone")
    else:
        check_arrays(paths[0], arrays, ALEXNET.shapes, "alexnet-owt-7be5be79.pth beside LPIPS's alex.pth")
    return arrays


def read_dists(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays that `srzoo.metrics.dists.load` expects in its file.

    Args:
        path: `weights.pt` of the DISTS repository.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds anything else.
    """
    arrays = {name: array.reshape(-1) for name, array in _read(path).items()}
    check_arrays(path, arrays, dict.fromkeys(("alpha", "beta"), (sum(CHANNELS),)), "DISTS's weights.pt")
    return arrays


def _read(path: Path) -> dict[str, np.ndarray]:
    """float32 arrays by name, kernels in HWIO: convolutions, LPIPS's heads, DISTS's coefficients; no dense layers."""
    wanted = re.compile(r"features\.\d+\.(weight|bias)|lin\d\.model\.1\.weight|alpha|beta")
    found = {name: tensor for name, tensor in read_state(path).items() if wanted.fullmatch(name)}
    try:
        arrays = {name: float32_array(name, tensor, tensor.shape) for name, tensor in found.items()}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return {name: each.transpose(2, 3, 1, 0) if each.ndim == 4 else each for name, each in arrays.items()}


def _convolutions(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`conv0_kernel`, `conv0_bias`, `conv1_kernel`, ... in the order of the layers, whose numbers have gaps."""
    parts = [name.split(".") for name in found if name.startswith("features.")]
    parts.sort(key=lambda each: (int(each[1]), each[2] == "bias"))
    layers = list(dict.fromkeys(number for _, number, _ in parts))
    return {
        f"conv{layers.index(number)}_{'bias' if part == 'bias' else 'kernel'}": found[f"features.{number}.{part}"]
        for _, number, part in parts
    }
