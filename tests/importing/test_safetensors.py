"""`.safetensors` files; `make_torch_files.py` made the one in `files/`."""

import json
from pathlib import Path

import numpy as np
import pytest

from srzoo.importing.safetensors import MAX_HEADER, read_safetensors

FILE = Path(__file__).parent / "files" / "edsr.safetensors"


def write(path: Path, header, data: bytes, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(start: int = 0, stop: int = 8, shape=(2,), dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def test_tensors_have_their_names_shapes_and_values(tmp_path):
    arrays = {"F16": np.float16([[1, 2, 3]]), "F32": np.float32([4]), "F64": np.float64([[5], [6]]), "I64": np.int64(7)}
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for dtype, array in arrays.items():
        header[dtype], data = entry(len(data), len(data) + array.nbytes, array.shape, dtype), data + array.tobytes()
    header["BF16"], data = entry(len(data), len(data) + 4, (2,), "BF16"), data + b"\x80\x3f\x00\xc0"
    read = read_safetensors(write(tmp_path / "a.safetensors", header, data))
    np.testing.assert_array_equal(read.pop("BF16").array(), [1, -2])
    for dtype, array in arrays.items():
        np.testing.assert_array_equal(read[dtype].array(), array)
        assert read[dtype].array().dtype == array.dtype


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": entry(0, 4)}, "'a' is declared as 2 elements of float32, but has 4 bytes"),
        ({"a": entry(shape=(2**40,))}, "'a' does not lie behind the tensor before it"),
        ({"a": entry(shape=(2,) * 9)}, "'a' does not lie behind the tensor before it"),
        ({"a": entry(), "b": entry()}, "'b' does not lie behind the tensor before it"),
        ({"a": entry(0, 16, (4,))}, "'a' does not lie behind the tensor before it"),
        ({"a": entry(4, 8, (1,))}, "'a' does not lie behind the tensor before it"),
        ({"a": entry(0, 4, (1,))}, "its tensors have 4 bytes, but the file has 8 for them"),
        ({"a": entry(shape=(-2,))}, "'a' does not lie behind the tensor before it"),
        ({"a": entry(dtype="F8_E4M3")}, "'a' is of the type 'F8_E4M3', expected F16, F32"),
        ({"a": {"dtype": "F32"}}, "a damaged safetensors file"),
        ({"a": 1}, "a damaged safetensors file"),
        ([1], "a damaged safetensors file"),
        (b"[" * 100_000, "a damaged safetensors file"),
        (b"<html>404</html>", "a damaged safetensors file"),
    ],
)
def test_sizes_that_are_not_the_files_are_refused(header, message, tmp_path):
    path = write(tmp_path / "a.safetensors", header, bytes(8))
    with pytest.raises(ValueError, match=f"^{path}: .*{message}"):
        read_safetensors(path)


def test_a_header_longer_than_the_file_or_than_a_networks_is_refused(tmp_path):
    with pytest.raises(ValueError, match=f"its header declares {2**62} bytes, expected {MAX_HEADER} at most"):
        read_safetensors(write(tmp_path / "a.safetensors", {}, b"", 2**62))
    with pytest.raises(ValueError, match="its header declares 1000 bytes"):
        read_safetensors(write(tmp_path / "a.safetensors", {}, b"", 1000))


def test_a_truncated_file_is_refused(tmp_path):
    data = FILE.read_bytes()
    for length in (0, 5, 100, len(data) - 1):
        (tmp_path / "a.safetensors").write_bytes(data[:length])
        with pytest.raises(ValueError, match="get it again|get the file again"):
            read_safetensors(tmp_path / "a.safetensors")
    with pytest.raises(FileNotFoundError, match="none.safetensors: no such file"):
        read_safetensors("none.safetensors")
