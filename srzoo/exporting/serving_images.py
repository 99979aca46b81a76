"""Encoded images to RGB pixels in TensorFlow operations alone, and what is wrong with those that cannot be decoded.

PNG, JPEG, BMP and WebP. The pixels are those of `srzoo.pictures.reading.read_image`: gray becomes RGB with three equal
channels, alpha is dropped, 16 bits are rounded to 8, and an image is turned upright as its EXIF orientation says.
Operations report errors for the whole request, so headers are read here first, to name the image and the reason.
"""

from collections.abc import Callable

import tensorflow as tf

from srzoo.pictures.metadata import ORIENTATION
from srzoo.pictures.reading import CHANCE, MAX_SCANS

PNG, JPEG, BMP, WEBP, UNKNOWN = range(5)
"""Kinds of image that `kind_of` returns."""

HEAD = 64
"""First bytes that hold the kind and, except in JPEG, the size."""

MAX_SEGMENTS = 500
"""Largest number of a JPEG's segments before EXIF or the pixels, of which the longest profile has 255; of the chunks of
a PNG or WebP, as many are searched for EXIF."""


def check_image(index: tf.Tensor, content: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Adds assertions that an image can be decoded; the size is looked at before anything is decoded.

    Args:
        index: int32 scalar, the image's in the batch, for the messages.
        content: string scalar, the encoded image.
        max_pixels: the most that it may have.

    Returns:
        bool scalar, true. Computing it raises `InvalidArgumentError` for an image that is refused.
    """
    head = _bytes_at(content, 0, HEAD)
    kind, size = kind_of(head), _size_of(content)
    image = tf.strings.format("image {} of the batch, counted from 0,", index)

    def require(condition: tf.Tensor, what: tf.Tensor | str) -> tf.Operation:
        return tf.debugging.Assert(condition, [tf.strings.join([image, what], " ")])

    # One at a time, or an image of no known kind would be called damaged.
    with tf.control_dependencies([require(kind != UNKNOWN, "is not a PNG, JPEG, BMP or WebP; send one of these")]):
        webp = (kind == WEBP) & _has(head, 12, b"VP8X") & (head[20] // 2 % 2 == 1)
        animation = tf.cond(kind == PNG, lambda: _has_frames(content), lambda: webp)
        checked = require(~animation, "is an animation; send a still image")
    damaged = (
        "cannot be decoded, because it is damaged, cut short or of an unusual kind; "
        "send it again, or as a PNG of 8 bits"
    )
    with tf.control_dependencies([checked]):
        checked = require(tf.reduce_all(size > 0), damaged)
    with tf.control_dependencies([checked]):
        pixels = tf.strings.format("has {}x{} pixels", (size[1], size[0]))
        checked = require(
            size[0] * size[1] <= max_pixels,
            tf.strings.join([pixels, f", expected {max_pixels} at most; send a smaller one, or parts of it"]),
        )
    with tf.control_dependencies([checked]):
        decoded = tf.shape(decode_image(tf.identity(content)))
        checked = require(tf.reduce_all(decoded > 0), damaged)
    with tf.control_dependencies([checked]):
        return tf.constant(True)


def decode_image(content: tf.Tensor) -> tf.Tensor:
    """Decodes a string scalar to uint8 (H, W, 3), RGB; (0, 0, 3) if it cannot be decoded."""
    return _attempt(_decoded, content, tf.zeros((0, 0, 3), tf.uint8))


def kind_of(head: tf.Tensor) -> tf.Tensor:
    """`PNG` to `UNKNOWN` as an int32 scalar, from the first `HEAD` bytes as int64 (HEAD,)."""
    is_webp = _has(head, 0, b"RIFF") & _has(head, 8, b"WEBP")
    kind = tf.where(is_webp, WEBP, UNKNOWN)
    for number, start in ((PNG, b"\x89PNG\r\n\x1a\n"), (JPEG, b"\xff\xd8\xff"), (BMP, b"BM")):
        kind = tf.where(_has(head, 0, start), number, kind)
    return kind


def _attempt(function: Callable[[tf.Tensor], tf.Tensor], content: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
    """`function(content)`, or `otherwise` if that fails: a data set is the one place in a graph to catch an error."""
    attempts = tf.data.Dataset.from_tensors(content).map(function).ignore_errors()
    return attempts.concatenate(tf.data.Dataset.from_tensors(otherwise)).take(1).get_single_element()


def _size_of(content: tf.Tensor) -> tf.Tensor:
    """Height and width by the header, int64 (2,); zeros if it is damaged or of no known kind."""

    def read(content: tf.Tensor) -> tf.Tensor:
        head = _bytes_at(content, 0, HEAD)
        return tf.switch_case(
            kind_of(head),
            {
                PNG: lambda: tf.stack([_number(head[20:24], False), _number(head[16:20], False)]),
                JPEG: lambda: tf.image.extract_jpeg_shape(content, tf.int64)[:2],
                # A negative height says that the rows go from top to bottom.
                BMP: lambda: tf.abs(tf.stack([_signed(head[22:26]), _signed(head[18:22])])),
                WEBP: lambda: _webp_size(head),
                UNKNOWN: lambda: tf.zeros(2, tf.int64),
            },
        )

    def read_all(content: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(read(content), (2,))

    return _attempt(read_all, content, tf.zeros(2, tf.int64))


def _webp_size(head: tf.Tensor) -> tf.Tensor:
    lossless = _number(head[21:25], True)
    extended = 1 + tf.stack([_number(head[27:30], True), _number(head[24:27], True)])
    lossy = tf.stack([_number(head[28:30], True), _number(head[26:28], True)]) % 2**14
    return tf.where(
        _has(head, 12, b"VP8X"),
        extended,
        tf.where(_has(head, 12, b"VP8L"), 1 + tf.stack([lossless // 2**14, lossless]) % 2**14, lossy),
    )


def _decoded(content: tf.Tensor) -> tf.Tensor:
    head = _bytes_at(content, 0, HEAD)
    pixels = tf.switch_case(
        kind_of(head),
        {
            PNG: lambda: tf.cond(head[24] == 16, lambda: _decode_png_16(content), lambda: _decode(content)),
            JPEG: lambda: _decode_jpeg(content),
            BMP: lambda: _decode_bmp(content, head),
            # TensorFlow refuses a WebP with alpha unless it is asked for all channels that there are.
            WEBP: lambda: tf.io.decode_image(content, channels=0, expand_animations=False)[:, :, :3],
            UNKNOWN: lambda: tf.zeros((0, 0, 3), tf.uint8),
        },
    )
    return tf.ensure_shape(_upright(pixels, _orientation(content)), (None, None, 3))


def _decode(content: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(content, channels=3, expand_animations=False)


def _decode_png_16(content: tf.Tensor) -> tf.Tensor:
    # Asked for 8 bits, TensorFlow drops the lower ones.
    pixels = tf.io.decode_png(content, channels=3, dtype=tf.uint16)
    return tf.cast(tf.round(tf.cast(pixels, tf.float32) / 257), tf.uint8)


def _decode_bmp(content: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    # TensorFlow takes compressed pixels for plain ones, and of other orders of the colours red for blue.
    compression, usual_order = _number(head[30:34], True), _has(head, 54, b"\0\0\xff\0\0\xff\0\0")
    plain = tf.debugging.Assert((compression == 0) | (compression == 3) & usual_order, ["pixels of another order"])
    with tf.control_dependencies([plain]):
        bits = _number(head[28:30], True)
    return tf.cond(bits == 8, lambda: _decode_bmp_8(content, head), lambda: _decode(content))


def _decode_bmp_8(content: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    # TensorFlow takes the numbers of a palette's colours for gray levels.
    numbers = tf.io.decode_bmp(content, channels=0)[:, :, 0]
    colours = tf.reshape(_bytes_at(content, 14 + _number(head[14:18], True), 4 * 256), (256, 4))
    return tf.cast(tf.gather(colours[:, 2::-1], tf.cast(numbers, tf.int32)), tf.uint8)


def _decode_jpeg(content: tf.Tensor) -> tf.Tensor:
    numbers = tf.io.decode_raw(content, tf.uint8)
    scans = tf.math.count_nonzero((numbers[:-1] == 0xFF) & (numbers[1:] == 0xDA))
    most = MAX_SCANS + tf.size(numbers, tf.int64) // CHANCE
    with tf.control_dependencies([tf.debugging.Assert(scans <= most, ["more scans than a photograph has"])]):
        # The default, a faster inverse transform, is up to four grey levels off the one that others take.
        return tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")


def _upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    def is_one_of(*numbers: int) -> tf.Tensor:
        return tf.reduce_any(orientation == tf.constant(numbers, tf.int64))

    pixels = tf.cond(is_one_of(5, 6, 7, 8), lambda: tf.transpose(pixels, (1, 0, 2)), lambda: pixels)
    upright = tf.cond(is_one_of(2, 3, 6, 7), lambda: tf.reverse(pixels, [1]), lambda: pixels)
    return tf.cond(is_one_of(3, 4, 7, 8), lambda: tf.reverse(upright, [0]), lambda: upright)


def _orientation(content: tf.Tensor) -> tf.Tensor:
    """EXIF's number as an int64 scalar; 1, which is upright, without EXIF. What is not from 1 to 8 says nothing."""
    head = _bytes_at(content, 0, HEAD)
    start = tf.switch_case(
        kind_of(head),
        {
            PNG: lambda: _chunk(content, 8, b"eXIf", little=False),
            JPEG: lambda: _exif_segment(content),
            BMP: lambda: tf.constant(0, tf.int64),
            WEBP: lambda: _chunk(content, 12, b"EXIF", little=True),
        },
    )
    little = tf.reduce_all(_bytes_at(content, start, 2) == tf.constant(list(b"II"), tf.int64))
    directory = start + _number(_bytes_at(content, start + 4, 4), little)
    count = _number(_bytes_at(content, directory, 2), little)
    entries = tf.reshape(_bytes_at(content, directory + 2, 12 * count), (-1, 12))
    tags, values = _number(entries[:, :2], little), _number(entries[:, 8:10], little)
    found = tf.reduce_sum(tf.where(tags == ORIENTATION, values, 0))
    return tf.where(start > 0, found, 1)


def _has_frames(content: tf.Tensor) -> tf.Tensor:
    """Whether a PNG says that it has more than one frame."""
    control = _chunk(content, 8, b"acTL", little=False)
    return (control > 0) & (_number(_bytes_at(content, control, 4), False) > 1)


def _chunk(content: tf.Tensor, first: int, name: bytes, little: bool) -> tf.Tensor:
    """Position of the data in a PNG (length and name, data, a checksum) or a WebP (name and length, even data).

    It is an int64 scalar, 0 if there is no such chunk; of EXIF that of the directories.
    """

    def is_open(at: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        return (found == 0) & (at < tf.cast(tf.strings.length(content), tf.int64))

    def step(at: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chunk = _bytes_at(content, at, 14)
        size = _number(chunk[4:8] if little else chunk[:4], little)
        start = at + 8 + tf.where(_has(chunk, 8, b"Exif\0\0"), tf.constant(6, tf.int64), 0)
        found = tf.where(_has(chunk, 0 if little else 4, name), start, found)
        return at + 8 + size + (size % 2 if little else 4), found

    start = tf.constant(first, tf.int64), tf.constant(0, tf.int64)
    return tf.while_loop(is_open, step, start, parallel_iterations=1, maximum_iterations=MAX_SEGMENTS)[1]


def _exif_segment(content: tf.Tensor) -> tf.Tensor:
    """Position of EXIF's directories in a JPEG, as an int64 scalar; 0 if there are none.

    It fails after `MAX_SEGMENTS`, because each takes 60 us, and a small file may have any number of them.
    """

    def is_open(at: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        marker = _bytes_at(content, at, 2)
        return (found == 0) & (marker[0] == 0xFF) & (marker[1] != 0xDA)  # after which come the pixels

    def step(at: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        segment = _bytes_at(content, at, 10)
        is_exif = (segment[1] == 0xE1) & _has(segment, 4, b"Exif\0\0")
        # Any number of 0xFF may stand before a marker.
        size = tf.where(segment[1] == 0xFF, tf.constant(1, tf.int64), 2 + _number(segment[2:4], False))
        return at + size, tf.where(is_exif, at + 10, found)

    start = tf.constant(2, tf.int64), tf.constant(0, tf.int64)
    at, found = tf.while_loop(is_open, step, start, parallel_iterations=1, maximum_iterations=MAX_SEGMENTS)
    with tf.control_dependencies([tf.debugging.Assert(~is_open(at, found), ["more segments than a photograph has"])]):
        return tf.identity(found)


def _bytes_at(content: tf.Tensor, start: tf.Tensor | int, count: tf.Tensor | int) -> tf.Tensor:
    """`count` bytes of a string scalar as int64, with zeros for those beyond its end."""
    length, wanted = tf.cast(tf.strings.length(content), tf.int64), tf.cast(count, tf.int64)
    part = tf.strings.substr(content, tf.minimum(tf.cast(start, tf.int64), length), wanted)
    numbers = tf.cast(tf.io.decode_raw(part, tf.uint8), tf.int64)
    padded = tf.pad(numbers, [[0, wanted - tf.size(numbers, tf.int64)]])
    return tf.ensure_shape(padded, (count if isinstance(count, int) else None,))


def _has(numbers: tf.Tensor, at: int, expected: bytes) -> tf.Tensor:
    return tf.reduce_all(numbers[at : at + len(expected)] == tf.constant(list(expected), tf.int64))


def _number(numbers: tf.Tensor, little: tf.Tensor | bool) -> tf.Tensor:
    """Bytes in the last axis, int64, as one number; `little`: whether the first byte is the lowest."""
    powers = tf.constant([256**power for power in range(numbers.shape[-1])], tf.int64)
    return tf.reduce_sum(numbers * tf.where(little, powers, powers[::-1]), -1)


def _signed(numbers: tf.Tensor) -> tf.Tensor:
    number = _number(numbers, True)
    return tf.where(number < 2**31, number, number - 2**32)
