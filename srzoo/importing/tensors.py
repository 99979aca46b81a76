"""Tensors from files of strangers, which the readers of the formats return."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

MAX_DIMENSIONS = 8

BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""The bits of bfloat16, which NumPy lacks, under a name that differs from whole numbers."""


class Refused(ValueError):
    """An error of a file. Its text is for the user, and follows the file's name."""


class Sealed:
    """An object that a pickle can pass on and cannot change."""

    def __setstate__(self, state: Any) -> None:
        raise Refused(f"it sets attributes of a {type(self).__name__}, expected tensors and containers only")


@dataclass(eq=False)
class Storage(Sealed):
    """A piece of memory that tensors look into; `size` is in elements."""

    dtype: np.dtype
    size: int
    data: bytes | memoryview = b""

    def take(self, name: str, data: bytes | memoryview) -> None:
        """Takes its bytes, if they are as many as the file declares; `name` is what the file calls it."""
        if self.size * self.dtype.itemsize != len(data):
            kind = self.dtype.names[0] if self.dtype.names else self.dtype.name
            raise Refused(
                f"{short(name)} is declared as {short(self.size)} elements of {kind}, but has {len(data)} bytes; "
                "get the file again"
            )
        self.data = data


@dataclass(frozen=True, eq=False)
class Tensor(Sealed):
    """A view of a storage; offset and strides are in elements and stay within it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> np.ndarray:
        """The tensor's values; float32 for bfloat16, else of the storage's type. Maybe a read-only view."""
        dtype = self.storage.dtype
        strides = tuple(stride * dtype.itemsize for stride in self.strides)
        view = np.ndarray(self.shape, dtype, self.storage.data, self.offset * dtype.itemsize, strides)
        # bfloat16 is the upper half of a float32.
        return (view["bfloat16"].astype("<u4") << 16).view("<f4") if dtype == BFLOAT16 else view


@contextlib.contextmanager
def opened(path: str | os.PathLike, kind: str) -> Iterator[BinaryIO]:
    """Opens a file of that kind; whatever is wrong with it becomes a ValueError with its name."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:
        try:
            yield file
        except Refused as error:
            raise ValueError(f"{path}: {error}") from error
        except Exception as error:
            # Damage can come out of the parsers as nearly any exception.
            raise ValueError(
                f"{path}: a damaged {kind} ({type(error).__name__}: {str(error)[:100]}); get it again"
            ) from error


def short(value: str | int | tuple[int, ...]) -> str:
    """A file's own words for a message: quoted, no control characters, no longer than a line."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
