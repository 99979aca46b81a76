"""HDF5 files of weights: plain arrays within the file and nothing else."""

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

if TYPE_CHECKING:
    import keras

from srzoo.atomic import unfinished_folder

MAX_OBJECTS = 20_000
"""Groups and arrays that are looked at; EDSR with 32 blocks has some 500."""

MAX_DEPTH = 16

HEAP = b"GCOL\x01"
"""Signature of a heap of texts."""

CHECKSUM = "crc32"
"""Attribute of a file with its checksum."""

MAX_ATTRIBUTE = 1 << 10
"""Bytes of text in an attribute."""


@dataclass(frozen=True)
class Declared:
    """Declarations of a weights file.

    Attributes:
        shapes: shapes of its layers' arrays, in the order of their names, without an optimizer's.
        layers: names of the layers, those without arrays too.
        model: name of the model, if the file holds it.
        elements: numbers in all arrays; the file has room for them.
    """

    shapes: list[tuple[int, ...]]
    layers: set[str]
    model: str | None

    @property
    def elements(self) -> int:
        return sum(math.prod(shape) for shape in self.shapes)


@contextmanager
def open_weights(data: bytes) -> Iterator[h5py.File]:
    """Opens a file of weights that is in memory.

    Raises:
        ValueError: if it is damaged in a way that HDF5's own library never comes back from.
    """
    _check_heaps(data)
    with h5py.File(io.BytesIO(data), "r") as file:
        yield file


def _check_heaps(data: bytes) -> None:
    """Refuses a heap of texts with an entry that has no successor: HDF5's library would read it for ever.

    A heap is its signature and version, its size at byte 8, and from byte 16 on entries: their number at byte 0, which
    is 0 for what is free, and their size at byte 8, for what is free with these 16 bytes; each is padded to 8 bytes.
    Heaps that overlap, as none do in a whole file, could be many and long: their entries are more than the file has.
    """
    start, entries = data.find(HEAP), 0
    while start >= 0:
        end = start + int.from_bytes(data[start + 8 : start + 16], "little")
        place = start + 16
        while place + 16 <= min(end, len(data)):
            size = int.from_bytes(data[place + 8 : place + 16], "little")
            free = data[place : place + 2] == b"\0\0"
            needed = size if free else 16 + (size + 7) // 8 * 8
            entries += 1
            if not 16 <= needed <= end - place or 16 * entries > len(data):
                raise ValueError("its heap of texts is damaged")
            place += needed
        start = data.find(HEAP, start + 1)


def read_declared(file: h5py.File, size: int) -> Declared:
    """Looks through a file's structure, and reads no array.

    Args:
        file: open for reading.
        size: bytes that the file has.

    Raises:
        ValueError: if it holds anything but groups and plain arrays of numbers: links to elsewhere, virtual or external
            arrays, arrays that are compressed or of objects, or arrays that the file has not the bytes for.
    """
    shapes: list[tuple[int, ...]] = []
    names: dict[str, str] = {}
    groups: list[tuple[h5py.Group, int]] = [(file, 0)]
    seen = nbytes = 0
    while groups:
        group, depth = groups.pop()
        if "name" in group.attrs:
            names[group.name] = read_attribute(group, "name")
        for name in group:
            seen += 1
            if seen > MAX_OBJECTS or depth > MAX_DEPTH:
                raise ValueError(f"it holds more than {MAX_OBJECTS} objects, or groups more than {MAX_DEPTH} deep")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{ascii(name)[:60]} is a link to another place, expected the weights themselves")
            item = group[name]
            if isinstance(item, h5py.Group):
                groups.append((item, depth + 1))
                continue
            _check_array(item, name, size)
            nbytes += item.nbytes
            if not item.name.startswith("/optimizer/"):
                shapes.append(item.shape)
            # Many names may stand for the same bytes.
            if nbytes > size:
                raise ValueError(f"its arrays declare more than the {size} bytes of the file")
    layers = {name for path, name in names.items() if path.startswith("/layers/")}
    return Declared(shapes, layers, names.get("/vars"))


def _check_array(item: h5py.Dataset, name: str, size: int) -> None:
    text = ascii(name)[:60]
    if not isinstance(item, h5py.Dataset) or item.shape is None or item.dtype.kind not in "fiu":
        raise ValueError(f"{text} is not an array of numbers")
    if item.is_virtual or item.external:
        raise ValueError(f"{text} is kept in other files, expected the weights themselves")
    layout = item.id.get_create_plist().get_layout()
    if layout not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
        raise ValueError(f"{text} is kept in chunks, maybe compressed; weights of srzoo never are")
    # An array without an offset is one that was never written, of whatever shape it says that it is.
    offset = 0 if layout == h5py.h5d.COMPACT else item.id.get_offset()
    written = item.nbytes == 0 or (offset is not None and item.id.get_storage_size() == item.nbytes)
    if not written or (offset or 0) + item.nbytes > size:
        raise ValueError(f"{text} declares the shape {item.shape}, for which the file lacks the bytes")


def crc32_of(file: h5py.File) -> str:
    """CRC-32 of all arrays in the order of their names, as eight hexadecimal digits: HDF5 notices no changed byte."""
    found = 0

    def add(_: str, item: h5py.Group | h5py.Dataset) -> None:
        nonlocal found
        if isinstance(item, h5py.Dataset):
            found = zlib.crc32(item[()].tobytes(), found)

    file.visititems(add)
    return f"{found:08x}"


def check_sum(file: h5py.File) -> None:
    """Raises ValueError if arrays are not as `write_weights` wrote them. Reads them, so `read_declared` goes before."""
    if CHECKSUM in file.attrs and read_attribute(file, CHECKSUM) != crc32_of(file):
        raise ValueError("its numbers are not those that were written; get the file again")


def read_attribute(file: h5py.Group, name: str) -> str:
    """The text of an attribute of a file or of a group in it.

    Raises:
        ValueError: if there is none, or it is no short text.
    """
    if name not in file.attrs:
        raise ValueError(f"it has no attribute {name!r}")
    attribute = file.attrs.get_id(name)
    small = attribute.shape == () and attribute.get_storage_size() <= MAX_ATTRIBUTE
    value = file.attrs[name] if small else None
    if not isinstance(value, str) or len(value) > MAX_ATTRIBUTE:
        raise ValueError(f"its attribute {name!r} is not a short text")
    return value


def write_weights(model: "keras.Model", path: Path, attributes: dict[str, str]) -> None:
    """Writes a model's weights as Keras does, with attributes of the file's, one of them the checksum.

    HDF5's own library crashes the process when a disk is full as it closes a file, so it writes into memory here.

    Args:
        model: model whose weights are written.
        path: a file that ends in `.weights.h5`.
        attributes: name -> text.

    Raises:
        OSError: if the file cannot be written.
    """
    with unfinished_folder(path.parent) as folder:
        archive = folder / "model.keras"
        model.save(archive)
        with zipfile.ZipFile(archive) as entries:
            weights = io.BytesIO(entries.read("model.weights.h5"))
    with h5py.File(weights, "r+") as file:
        file.attrs.update({**attributes, CHECKSUM: crc32_of(file)})
    path.write_bytes(weights.getbuffer())
