"""GeoTIFF's fields: where on the map a picture's pixels lie (OGC 19-008r4, section 7)."""

from typing import Any

PIXEL_SCALE, TIEPOINT, TRANSFORMATION, DIRECTORY = 33550, 33922, 34264, 34735
GEO = (PIXEL_SCALE, TIEPOINT, TRANSFORMATION, DIRECTORY, 34736, 34737)
RASTER_TYPE, IS_POINT = 1025, 2


def placed(fields: dict[int, Any], factors: tuple[float, float]) -> dict[int, Any]:
    """Returns the fields of a picture for its enlargement: its pixels are smaller by the factors across and down.

    Where a place is that of a pixel's centre (RasterPixelIsPoint), the first pixel's centre moves too.
    """
    directory = tuple(fields.get(DIRECTORY, ()))
    keys = {directory[at]: directory[at + 3] for at in range(4, len(directory) - 3, 4)}
    right, lower = ((factor - 1) / 2 if keys.get(RASTER_TYPE) == IS_POINT else 0 for factor in factors)
    x, y = factors
    result = dict(fields)
    if PIXEL_SCALE in fields:
        across, down, *up = fields[PIXEL_SCALE]
        result[PIXEL_SCALE] = (across / x, down / y, *up)
    if TIEPOINT in fields:
        result[TIEPOINT] = tuple(
            {0: value * x + right, 1: value * y + lower}.get(index % 6, value)
            for index, value in enumerate(fields[TIEPOINT])
        )
    if TRANSFORMATION in fields:
        rows = [fields[TRANSFORMATION][at : at + 4] for at in range(0, 16, 4)]
        moved = [(a / x, b / y, c, d - a * right / x - b * lower / y) for a, b, c, d in rows]
        result[TRANSFORMATION] = tuple(value for row in moved for value in row)
    return result
