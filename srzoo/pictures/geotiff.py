"""GeoTIFF's fields: where on the map a picture's pixels lie (OGC 19-008r4, section 7)."""

from typing import Any

PIXEL_SCALE, TIEPOINT, TRANSFORMATION, DIRECTORY = 33550, 33922, 34264, 34735
GEO = (PIXEL_SCALE, TIEPOINT, TRANSFORMATION, DIRECTORY, 34736, 34737)
RASTER_TYPE, IS_POINT = 1025, 2


def placed(fields: dict[int, Any], scale: int) -> dict[int, Any]:
    """Gives the fields of a picture for its enlargement: its pixels are `scale` times smaller, and lie in between.

    Where a place is that of a pixel's centre (RasterPixelIsPoint), the first pixel's centre moves too.
    """
    directory = tuple(fields.get(DIRECTORY, ()))
    keys = {directory[at]: directory[at + 3] for at in range(4, len(directory) - 3, 4)}
    shift = (scale - 1) / 2 if keys.get(RASTER_TYPE) == IS_POINT else 0
    result = dict(fields)
    if PIXEL_SCALE in fields:
        across, down, *up = fields[PIXEL_SCALE]
        result[PIXEL_SCALE] = (across / scale, down / scale, *up)
    if TIEPOINT in fields:
        result[TIEPOINT] = tuple(
            value * scale + shift if index % 6 < 2 else value for index, value in enumerate(fields[TIEPOINT])
        )
    if TRANSFORMATION in fields:
        rows = [fields[TRANSFORMATION][at : at + 4] for at in range(0, 16, 4)]
        moved = [(a / scale, b / scale, c, d - (a + b) * shift / scale) for a, b, c, d in rows]
        result[TRANSFORMATION] = tuple(value for row in moved for value in row)
    return result
