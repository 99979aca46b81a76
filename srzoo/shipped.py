"""The trained weights that come with the package: which there are, and whether they are whole."""

import hashlib
from pathlib import Path

SHIPPED = Path(__file__).parent / "weights"
"""Their folder, one `<full name>.weights.h5` a model."""


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksums() -> dict[str, str]:
    """File name -> SHA-256 of the weights that ship, from the table beside them."""
    table = SHIPPED / "SHA256SUMS"
    lines = table.read_text().splitlines() if table.is_file() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def shipped_models() -> list[str]:
    """Full names of the models whose trained weights come with the package."""
    return sorted(path.name.removesuffix(".weights.h5") for path in SHIPPED.glob("*.weights.h5"))
