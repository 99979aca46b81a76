"""`srzoo.upscaling` in TensorFlow operations alone: a picture tile by tile in bounded memory, within a graph.

The grid and the tiles are those of `srzoo.runtimes.tiles.cut`, for sizes that are known only when the graph runs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from srzoo.bicubic import mirrored


@dataclass(frozen=True)
class TiledNetwork:
    """A network and what has to be known of it to tile its pictures.

    Attributes:
        run: function from RGB pixels in [0, 255], float32 (N, H, W, 3), to float32 (N, scale H, scale W, 3).
        scale: HR pixels a side of an LR pixel.
        halo, alignment, border: the same as for `srzoo.runtimes.network.Network`; without a halo no picture may exceed
            `max_pixels`.
        max_pixels: area that the network's input may have, in LR pixels; at least a pixel's with its halo.
    """

    run: Callable[[tf.Tensor], tf.Tensor]
    scale: int
    halo: int | None
    max_pixels: int
    alignment: int = 1
    border: int = 0


def upscale_batch(pixels: tf.Tensor, network: TiledNetwork) -> tf.Tensor:
    """Upscales pictures of one size: as many at once as fit, or one by one in tiles.

    Args:
        pixels: uint8 (N, H, W, 3), RGB, none of its sides 0.
        network: the network.

    Returns:
        uint8 (N, scale H, scale W, 3), rounded and clipped once.
    """
    shape = tf.shape(pixels, tf.int64)
    height, width = shape[1] + 2 * network.border, shape[2] + 2 * network.border
    at_once = tf.maximum(network.max_pixels // (height * width), 1)

    def part(index: tf.Tensor) -> tf.Tensor:
        return upscale_tiled(pixels[index * at_once : (index + 1) * at_once], network)

    return _concatenated(_ceil_divided(shape[0], at_once), part)


def upscale_tiled(pixels: tf.Tensor, network: TiledNetwork) -> tf.Tensor:
    """Like `upscale_batch`, with the same place in all pictures in one tile: for one picture, or a few that fit."""
    margin = network.border
    if not margin:
        return _tiled(pixels, network)
    inside = slice(margin * network.scale, -margin * network.scale)
    return _tiled(mirrored(pixels, margin), network)[:, inside, inside]


def _tiled(pixels: tf.Tensor, network: TiledNetwork) -> tf.Tensor:
    shape = tf.shape(pixels, tf.int64)
    height, width = shape[1], shape[2]
    scale, alignment = network.scale, network.alignment
    halo = _ceil_divided(network.halo or 0, alignment)
    # The grid's unit is a square of `alignment` pixels a side. The last may reach beyond the picture; slices do not.
    tall, wide = _ceil_divided(height, alignment), _ceil_divided(width, alignment)
    if network.halo is None:
        rows = columns = tf.constant(1, tf.int64)
    else:
        rows, columns = grid(tall, wide, halo, network.max_pixels // alignment**2)

    def strip(row: tf.Tensor) -> tf.Tensor:
        spans = _span(tall, rows, halo, row)
        top, bottom, first_row, last_row = (each * alignment for each in spans)

        def part(column: tf.Tensor) -> tf.Tensor:
            spans = _span(wide, columns, halo, column)
            left, right, first, last = (each * alignment for each in spans)
            sr = network.run(tf.cast(pixels[:, top:bottom, left:right], tf.float32))
            inside = sr[
                :,
                (first_row - top) * scale : (last_row - top) * scale,
                (first - left) * scale : (last - left) * scale,
            ]
            return tf.transpose(_to_uint8(inside), (2, 0, 1, 3))

        return tf.transpose(_concatenated(columns, part), (2, 1, 0, 3))

    return tf.transpose(_concatenated(rows, strip), (1, 0, 2, 3))


def grid(height: tf.Tensor, width: tf.Tensor, halo: int, max_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Numbers of rows and columns of the tiles that have the least area in sum, halos included; all int64 scalars."""
    rows = tf.range(1, height + 1)
    tile_heights = _extent(height, rows, halo)
    widest = max_pixels // tile_heights
    fits = widest >= width
    # Not below one, because where neither the width nor a halo fits the result is not looked at but computed.
    columns = tf.maximum(_ceil_divided(width - 2 * halo, tf.maximum(widest - 2 * halo, 1)), 1)
    work = rows * tile_heights * columns * _extent(width, columns, halo)
    best = tf.argmin(tf.where(fits | (widest > 2 * halo), work, tf.int64.max))
    return rows[best], columns[best]


def _span(
    length: tf.Tensor, count: tf.Tensor, halo: int, index: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """First and last position that the tile `index` of an axis sees, and those that it is responsible for."""
    extent = _extent(length, count, halo)

    def start(index: tf.Tensor) -> tf.Tensor:
        return index * (length - extent) // tf.maximum(count - 1, 1)

    def cut_before(index: tf.Tensor) -> tf.Tensor:
        return (start(index - 1) + extent + start(index)) // 2

    first = tf.where(index > 0, cut_before(index), 0)
    last = tf.where(index == count - 1, length, cut_before(index + 1))
    return start(index), start(index) + extent, first, last


def _extent(length: tf.Tensor, count: tf.Tensor, halo: int) -> tf.Tensor:
    return tf.where(count == 1, length, 2 * halo + _ceil_divided(length - 2 * halo, count))


def _ceil_divided(number: tf.Tensor, by: tf.Tensor) -> tf.Tensor:
    return -(-number // by)


def _to_uint8(pixels: tf.Tensor) -> tf.Tensor:
    """`srzoo.images.to_uint8`, its check that all is finite included."""
    finite = tf.reduce_all(tf.math.is_finite(pixels))
    check = tf.debugging.Assert(finite, ["the network gave NaN or infinite values; export one that is trained"])
    with tf.control_dependencies([check]):
        return tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)


def _concatenated(count: tf.Tensor, element: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """`element(0)` to `element(count - 1)`, uint8 of four axes, along the first; one at a time, to bound the memory."""
    # Without its shape's rank the loop cannot hold parts that differ in size.
    parts = tf.TensorArray(
        tf.uint8, size=tf.cast(count, tf.int32), element_shape=(None, None, None, 3), infer_shape=False
    )

    def step(index: tf.Tensor, parts: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        return index + 1, parts.write(tf.cast(index, tf.int32), element(index))

    start = tf.constant(0, tf.int64), parts
    _, parts = tf.while_loop(lambda index, _: index < count, step, start, parallel_iterations=1)
    return parts.concat()
