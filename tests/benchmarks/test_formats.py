"""The table of formats has a row for each format that srzoo runs, with the size of all that it wrote."""

import numpy as np
import pytest

from benchmarks import formats
from srzoo import zoo


@pytest.mark.slow
def test_a_network_has_a_row_in_each_format_and_precision(monkeypatch, tmp_path):
    real = zoo.load
    tiny = zoo.create("edsr-baseline", blocks=1, filters=64)
    monkeypatch.setattr(zoo, "load", lambda source: tiny if source == "edsr-baseline-x4" else real(source))
    rows = formats.lines("edsr-baseline-x4", tmp_path, runs=1, pixels=np.full((16, 16, 3), 128, np.uint8))
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert all(len(row) == formats.HEAD.splitlines()[0].count("|") - 1 for row in cells)
    assert [tuple(row[1:3]) for row in cells[1:]] == [
        ("saved_model", "float32"),
        *(("litert", precision) for precision in ("float32", "float16", "dynamic", "int8", "int16x8")),
        ("onnx", "float32"),
        *(("openvino", precision) for precision in ("float32", "float16", "int8")),
        ("keras", "float32"),
    ]
    weights = tiny.count_params() * 4 / 1e6
    openvino = {row[2]: float(row[3]) for row in cells if row[1] == "openvino"}
    assert openvino["float32"] > 0.9 * weights > 1  # its weights are in a second file
