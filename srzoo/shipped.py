"""The trained weights that come with the package: which there are, and whether they are whole."""

import hashlib
from pathlib import Path

from srzoo import names

SHIPPED = Path(__file__).parent / "weights"
"""Their folder, one `<full name>.weights.h5` a model."""


STARTS = SHIPPED / "starts"
"""Where an adversarial model's pixel-trained partner has been trained on since, the partner as it was: the other end
of the fidelity dial. One `<full name of the adversarial model>.weights.h5` each."""


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksums() -> dict[str, str]:
    """Path below their folder -> SHA-256 of the weights that ship, from the table beside them."""
    table = SHIPPED / "SHA256SUMS"
    lines = table.read_text().splitlines() if table.is_file() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def whole(path: Path) -> Path:
    """The same path, if the file is what was shipped.

    Raises:
        ValueError: if it is damaged.
    """
    if checksum(path) != checksums().get(path.relative_to(SHIPPED).as_posix()):
        raise ValueError(f"{path} is damaged: its SHA-256 is not the recorded one; install srzoo again")
    return path


def shipped_models() -> list[str]:
    """Full names of the models whose trained weights come with the package."""
    return sorted(path.name.removesuffix(".weights.h5") for path in SHIPPED.glob("*.weights.h5"))


def weights_of_name(name: str) -> Path | None:
    """The file of weights that ships for a model's name, whose scale may be left out; None if there is none."""
    try:
        path = SHIPPED / f"{names.parse(name).name}.weights.h5"
    except ValueError:
        return None
    return path if path.is_file() else None
