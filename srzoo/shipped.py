"""The trained weights that come with the package: which there are, and whether they are whole."""

import contextlib
import hashlib
import json
import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from srzoo import hub, names

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the weights that ship, one `<full name>.weights.h5` a model."""

FILES = (".h5", ".keras", ".tflite", ".onnx", ".xml")
"""Endings of files that hold a network."""

CHECKPOINTS = (".pt", ".pth", ".ckpt", ".safetensors")
"""Endings of files of PyTorch, which `srzoo import` reads."""

RESULTS = SHIPPED / "results.json"
"""Their scores on the benchmarks, from `tools/results.py`."""

RANGES = SHIPPED / "int8.npz"
"""What their convolutions are given, for 8 bits, as `tools/ship_weights.py` found it on photographs."""

FOR_CLEAN, FOR_DAMAGED = "edsr-baseline", "edsr-real"
"""Models for pictures that were only shrunk, and for those with noise, JPEG and blur."""

AUTO = "auto"
"""The word in the place of a model's name that takes one of these two for each picture."""


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksums() -> dict[str, str]:
    """File name -> SHA-256 of the weights that ship, from the table beside them."""
    table = SHIPPED / "SHA256SUMS"
    lines = table.read_text().splitlines() if table.is_file() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def verified(path: Path) -> Path:
    """The same path, if the file is what was shipped.

    Raises:
        ValueError: if it is damaged.
    """
    if checksum(path) != checksums().get(path.name):
        raise ValueError(f"{path} is damaged: its SHA-256 is not the recorded one; install srzoo again")
    return path


def shipped_models() -> list[str]:
    """Full names of the models whose trained weights come with the package."""
    return sorted(path.name.removesuffix(".weights.h5") for path in SHIPPED.glob("*.weights.h5"))


@dataclass(frozen=True)
class ShippedModel:
    """A model whose trained weights ship.

    Attributes:
        name: what `--model` and `srzoo.load` take.
        scale: HR pixels a side of an LR pixel.
        megabytes: size of its weights file.
        purpose: what it is for.
        psnr_y, lpips: PSNR-Y in dB and LPIPS on Set5; None: not measured.
    """

    name: str
    scale: int
    megabytes: float
    purpose: str = ""
    psnr_y: float | None = None
    lpips: float | None = None


def list_models() -> list[ShippedModel]:
    """The models that come with the package, by name."""
    purposes, results = (
        json.loads(path.read_text("utf-8")) if path.is_file() else {}
        for path in (SHIPPED / "purposes.json", SHIPPED / RESULTS.name)
    )
    found = []
    for name in shipped_models():
        on_set5 = results.get("clean", {}).get(name, {}).get("Set5", {})
        size = (SHIPPED / f"{name}.weights.h5").stat().st_size / 1e6
        figures = on_set5.get("psnr_y"), on_set5.get("lpips")
        found.append(ShippedModel(name, names.parse(name).scale, size, purposes.get(name, ""), *figures))
    return found


def weights_of_name(name: str) -> Path | None:
    """The file of weights that ships for a model's name, whose scale may be left out; None if there is none."""
    try:
        path = SHIPPED / f"{names.parse(name).name}.weights.h5"
    except ValueError:
        return None
    return path if path.is_file() else None


def locate(source: str | os.PathLike) -> str:
    """Resolves a model's name or path: to the name itself, or to a path that exists.

    Of a run's folder and of a preset's it is the file of weights; what is on a hub (`hf://user/name`) is fetched.

    Raises:
        FileNotFoundError: if there is none; the message names what ships, and what is written alike.
        ValueError: if it is a file of another kind, or as `srzoo.hub.fetch`.
        OSError: as `srzoo.hub.fetch`.
    """
    path, text = Path(source), os.fspath(source)
    if weights_of_name(text):
        return text
    if text.startswith(hub.SCHEME):
        path = hub.fetch(text)
    runs = [path / place / "best.weights.h5" for place in ("", "adversarial", "pixel")]
    presets = [path / hub.WEIGHTS] if hub.is_preset(path) else []
    there = next((each for each in (*runs, *presets, path) if each.exists()), None)
    if there and text:
        if there.is_file() and there.suffix not in FILES:
            raise ValueError(
                f"{source}: expected a .weights.h5, .keras, .tflite, .onnx or .xml file, a folder with a network, or a "
                "name of `srzoo list`; `srzoo import` makes a .weights.h5 file of a checkpoint of PyTorch"
            )
        return text if there == path else str(there)
    if path.suffix in (*FILES, *CHECKPOINTS) or path.parent != Path():
        raise FileNotFoundError(f"{source}: no such file or folder")
    if text == AUTO:
        raise FileNotFoundError(f"{AUTO!r} chooses for each picture, and one model is expected here; give its name")
    from srzoo.models import registry  # which imports all models

    with contextlib.suppress(ValueError):  # no name of a network
        scale = registry.parse_known(text).scale
        raise FileNotFoundError(
            f"{text!r} has no included weights; {nearest(FOR_CLEAN, scale)} has; give a file of your own, or train it "
            "with `srzoo train`"
        )
    close = get_close_matches(text, [*shipped_models(), *map(_base, shipped_models())], 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise FileNotFoundError(
        f"no trained weights ship for {text!r} (there are: {', '.join(shipped_models()) or 'none yet'}); "
        f"give another by its file, or train it with `srzoo train`{hint}"
    )


def absolute_source(source: str) -> str:
    """The name of a model; of a path the absolute one, as another folder may have a file of this name."""
    named = weights_of_name(source) or not Path(source).exists()
    return source if named else str(Path(source).absolute())


def content_of(source: str | os.PathLike) -> str:
    """A checksum of the weights that a model's name or path stands for; of a name, of all that ship.

    Raises:
        FileNotFoundError: the errors of `locate`.
    """
    path, digests = Path(locate(source)), sorted(checksums().values())
    if not weights_of_name(os.fspath(source)):
        digests = [checksum(each) for each in files_of(path)]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def files_of(path: Path) -> list[Path]:
    """The files of a network: of a preset's weights also what describes it, of OpenVINO's `.xml` file the weights."""
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file())
    in_preset = path.name == hub.WEIGHTS and hub.is_preset(path.parent)
    beside = [path.with_name("config.json")] * in_preset + [path.with_suffix(".bin")] * (path.suffix == ".xml")
    return [path, *(each for each in beside if each.is_file())]


def nearest(name: str, factor: float) -> str:
    """The network of a name without a scale that ships and enlarges by a factor or more with the least work.

    It is the one of the least scale that does so in one pass, or else in two; or the largest. A name with a scale, and
    whatever else is no model's name, stays.
    """
    try:
        asked = names.parse(name)
    except ValueError:
        return name
    if asked.name == name:
        return name
    of_base = {names.parse(each).scale: each for each in shipped_models() if _base(each) == _base(name)}
    reaching = [scale for count in (1, 2) for scale in sorted(of_base) if scale**count >= factor]
    return of_base[reaching[0] if reaching else max(of_base)] if of_base else name


def _base(name: str) -> str:
    """Without the scale: `edsr-baseline-x4.blocks4` -> `edsr-baseline.blocks4`."""
    return re.sub(r"-x\d+", "", names.parse(name).name, count=1)
