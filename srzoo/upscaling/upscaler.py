"""Upscales LR pixels with a trained model, tile by tile."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import groupby
from numbers import Real
from typing import TYPE_CHECKING, Union

import numpy as np

from srzoo import shipped
from srzoo.images import check_pixels, to_uint8
from srzoo.names import DEFAULT_SCALE
from srzoo.pictures.damage import find_damage
from srzoo.pictures.pixels import Pixels
from srzoo.runtimes import wrapped
from srzoo.runtimes.network import Network
from srzoo.runtimes.tiles import Tile, area, cut, halve, least_area
from srzoo.upscaling import memory as machine
from srzoo.upscaling import sizes

if TYPE_CHECKING:
    import keras

LOGGER = logging.getLogger(__name__)

DEFAULT_MEMORY = 2_000_000_000
"""Bytes for a tile. With it a process that upscales 1920x1080 to 7680x4320 stays below 3 GB."""

SHARED, BAND, LEAST_TILE = 0.65, 0.1, 0.3
"""Shares of the memory if a result comes in bands: for all, for a band, and at least for a tile. With `DEFAULT_MEMORY`
a process that upscales 100 megapixels then stays below 2.5 GB."""

FINISHED_ROWS = 32  # at a time, because rounding makes copies as large as what it rounds

PROBE = 192
"""LR pixels a side of the tile by which a run's time is estimated: a second for EDSR-baseline on two cores."""

Progress = Callable[[list[Tile]], Iterable[Tile]]


class Upscaler:
    """Upscales pictures of any size with one model, in bounded memory.

    A picture that does not fit is cut into tiles with a halo; the result is that of the whole picture, within one grey
    level of rounding, or as near as `srzoo.models.geometry.MOST_HALO` allows for a network that looks farther. One that
    must see the whole picture is never cut. If the memory that it may take is not there, tiles get smaller, for this
    and all later pictures. Several threads may use one.

    Args:
        model: `auto`, which looks at each picture and takes `edsr-real` if it looks damaged and `edsr-baseline` if not;
            a functional model from RGB pixels in [0, 255], float32 (N, H, W, 3), to
            (N, scale H, scale W, 3), as `srzoo.load` gives it, or a `Network`; or what `srzoo resolve` takes as
            --model, which is then run in the fastest way that there is.
        memory: bytes that the network may take for a tile. TensorFlow itself (0.6 to 0.9 GB, with what its
            allocator keeps) and the result come on top. The more, the less time is lost on halos.
        scale: how many times as wide and high the result is, from 1 to 16, maybe a fraction; default: the model's. A
            model of another scale is applied, twice if necessary, and its result is reduced.
        self_ensemble: whether the result is the mean over eight flips and turns, which takes eight times as long.
        restore: how much damage (noise, JPEG, blur) is taken away, from 0 (as `edsr-baseline`) to 1 (as `edsr-real`);
            the model is then left out.

    Attributes:
        scale: scale of the results.
        network_scale: scale of the model.
        automatic: whether `suited` chooses one of two upscalers for a picture.
        bytes_per_pixel: peak memory of the network for each LR pixel of a tile.

    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if the model is of another shape, or is given beside `restore`.

    Example:
        >>> upscaler = Upscaler("edsr-baseline-x4")
        >>> upscaler(np.zeros((180, 320, 3), "uint8")).shape
        (720, 1280, 3)
    """

    def __init__(
        self,
        model: Union["keras.Model", Network, str, os.PathLike] = shipped.FOR_CLEAN,
        memory: int = DEFAULT_MEMORY,
        scale: float | None = None,
        self_ensemble: bool = False,
        restore: float | None = None,
    ):
        self.automatic = model == shipped.AUTO
        sizes.Size(scale)  # refuses it before a network is loaded
        if restore is not None:
            if model != shipped.FOR_CLEAN or not isinstance(restore, Real) or not 0 <= restore <= 1:
                raise ValueError(f"restore must be from 0 to 1, and without a model; got {restore!r} and {model!r}")
            model = shipped.FOR_DAMAGED
        if isinstance(model, str | os.PathLike):
            from srzoo.runtimes.choice import Choice, choose  # networks in memory can do without

            source = shipped.FOR_CLEAN if self.automatic else os.fspath(model)
            network = choose(Choice(shipped.nearest(source, scale or DEFAULT_SCALE), restore=restore))
        elif isinstance(model, Network):
            network = model
        else:
            from srzoo.runtimes.keras import keras_network  # which takes seconds

            network = keras_network(model)
        network = wrapped.self_ensemble(network) if self_ensemble else network
        self._precise, self._self_ensemble = network.precise, self_ensemble
        self.name, self.network_scale = network.name, network.scale
        self.halo, self.alignment = network.halo, network.alignment
        self._upscale_tile = network.run_inside or (lambda lr, inside: network.run(lr))
        self._border, self._in_machine_memory = network.border, network.in_machine_memory
        self.bytes_per_pixel, self._lock = network.bytes_per_pixel, network.lock
        self.max_pixels, self._memory = int(memory // network.bytes_per_pixel), memory
        self.scale = self.network_scale if scale is None else scale
        sizes.passes(self.network_scale, (1000, 1000), sizes.Size(self.scale).of(1000, 1000))  # or it is refused

    @property
    def precise(self) -> "Upscaler":
        """The same in float32, where 8 bits were chosen for speed; else itself."""
        with self._lock:  # from Python 3.12 on, a cached property may be made by two threads
            return self._in_float32 if self._precise else self

    @cached_property
    def _in_float32(self) -> "Upscaler":
        assert self._precise
        LOGGER.info("%s: float32 for pictures of 16 bits and with flat areas", self.name)
        return Upscaler(self._precise(), self._memory, self.scale)

    @cached_property
    def _for_damaged(self) -> "Upscaler":
        return Upscaler(shipped.FOR_DAMAGED, self._memory, self.scale, self._self_ensemble)

    def suited(self, pixels: np.ndarray) -> "Upscaler":
        """Itself; but of `auto` the one for damaged pictures, if this one, RGB (H, W, 3) in [0, 255], looks damaged."""
        if self.automatic and find_damage(to_uint8(pixels)):
            with self._lock:
                return self._for_damaged
        return self

    def __repr__(self) -> str:
        name = shipped.AUTO if self.automatic else self.name
        return f"Upscaler({name!r}, scale={self.scale:g}, memory={self._memory / 1e9:g} GB)"

    def __call__(self, pixels: np.ndarray, progress: Progress = iter) -> np.ndarray:
        """Upscales a picture.

        Args:
            pixels: uint8 array of shape (H, W, 3), RGB, with at least one pixel.
            progress: is given the list of tiles and gives them back one by one, as `tqdm.tqdm` does.

        Returns:
            uint8 array of shape (scale H, scale W, 3), rounded and clipped once.

        Raises:
            ValueError: if the pixels are of another shape or type, the picture has to be cut and the memory is too
                little for a single pixel and its halo, or the model's output is not finite.
            MemoryError: if there is no memory for the result, for a pixel and its halo, or for a picture that must
                not be cut.
        """
        try:
            check_pixels(pixels)
        except ValueError as error:
            raise ValueError(f"{error}; srzoo.upscale(picture, upscaler) takes other kinds of pictures") from None
        return self.suited(pixels)._sized(pixels, to_uint8, progress)

    def unrounded(self, pixels: np.ndarray, progress: Progress = iter) -> np.ndarray:
        """Upscales a picture of more than 8 bits.

        Args:
            pixels: float32 or uint8 array of shape (H, W, 3), RGB in [0, 255], with at least one pixel.
            progress: the same as for a call.

        Returns:
            float32 array of shape (scale H, scale W, 3) about [0, 255], neither rounded nor clipped; it takes 12 bytes
            a pixel. `srzoo.images.to_uint16` makes 16 bits of it.

        Raises:
            ValueError, MemoryError: the errors of a call, but values that are not finite are passed on.
        """
        return self.suited(pixels)._sized(pixels, lambda sr: sr, progress)

    def _sized(self, pixels: np.ndarray, finish: Callable[[np.ndarray], np.ndarray], progress: Progress) -> np.ndarray:
        """Applies the network once or twice, and brings the result down to the scale that is asked for."""
        if self.scale == self.network_scale:
            return self.tiled(pixels, finish, progress)
        given = pixels.shape[1], pixels.shape[0]
        size = sizes.Size(self.scale).of(*given)
        for _ in range(sizes.passes(self.network_scale, given, size) - 1):
            pixels = self.tiled(pixels, finish, progress)
        whole = pixels.shape[1] * self.network_scale, pixels.shape[0] * self.network_scale
        bands = self.bands(pixels, finish, progress(self.plan(pixels, 3 * whole[0])))
        parts = sizes.shrunk(map(Pixels, bands), whole, size)
        return np.concatenate([part.colour for part in parts])

    def tiled(
        self, pixels: np.ndarray, finish: Callable[[np.ndarray], np.ndarray], progress: Progress = iter
    ) -> np.ndarray:
        """Upscales a picture and keeps of each tile what `finish` makes of it, so that nothing larger is ever held.

        Args:
            pixels: array of shape (H, W, 3), RGB, with at least one pixel: uint8 or float32 in [0, 255], or uint16 in
                [0, 65535].
            finish: function from a part of the result, float32 (h, w, 3) about [0, 255], neither rounded nor clipped,
                to an array of any type and of shape (h, w) or (h, w, channels); each pixel by itself.
            progress: the same as for a call.

        Returns:
            Array of shape (s H, s W) or (s H, s W, channels), s being `network_scale`.

        Raises:
            ValueError, MemoryError: the errors of a call.
        """
        height, width = pixels.shape[:2]
        result = None
        for _, target, finished in self._parts(pixels, finish, progress(self.plan(pixels))):
            if result is None:
                result = self._room(height, width, finished)
            result[target] = finished
        assert result is not None  # there is a tile at least
        return result

    def areas(self, given: tuple[int, int], size: tuple[int, int], banded: bool = False) -> list[int]:
        """LR pixels of each tile to bring a picture from a width and height to others, maybe in bands of 8 bits."""
        areas: list[int] = []
        passes = sizes.passes(self.network_scale, given, size)
        for count in range(passes):
            width, height = (side * self.network_scale**count for side in given)
            row_bytes = 3 * width * self.network_scale if banded and count == passes - 1 else 0
            most, tallest = self._limits(row_bytes, 3 * width * height)
            most = max(most, self._least_area(width, height))
            areas += map(area, cut(height, width, self.network_scale, self.halo, most, tallest, self.alignment))
        return areas

    def pixels_per_second(self) -> float:
        """LR pixels that the network computes in a second, by a small tile; its first run allots memory."""
        side = min(PROBE, math.isqrt(self.max_pixels))
        given = np.full((1, side, side, 3), 127, np.float32), (slice(0, side), slice(0, side))
        with self._lock:
            self._upscale_tile(*given)
            start = time.perf_counter()
            self._upscale_tile(*given)
            return side**2 / (time.perf_counter() - start)

    def plan(self, pixels: np.ndarray, row_bytes: int = 0) -> list[Tile]:
        """Returns the tiles in which a picture is upscaled.

        Args:
            pixels: the same as for `tiled`.
            row_bytes: bytes of a row of the result, if it comes in bands. Pictures for which bands pay off are
                large themselves, so tiles, a band and the picture then share less than the memory (`SHARED`).

        Raises:
            ValueError, MemoryError: the errors of a call.
        """
        if pixels.dtype not in (np.float32, np.uint16):
            check_pixels(pixels)
        elif pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError(f"pixels must be of shape (height, width, 3), got {pixels.shape}")
        height, width = pixels.shape[:2]
        self._check_memory(height, width)
        self._fit(height, width)
        limits = self._limits(row_bytes, pixels.nbytes)
        return cut(height, width, self.network_scale, self.halo, *limits, self.alignment)

    def _limits(self, row_bytes: int, picture_bytes: int) -> tuple[int, int | None]:
        """Area and height of a tile at most, beside the picture and a band of the result if it comes in bands."""
        if not row_bytes or self.halo is None:
            return self.max_pixels, None
        least = least_area(self.halo, self.alignment)
        memory = self.max_pixels * self.bytes_per_pixel
        max_height = max(math.isqrt(least), int(BAND * memory / (row_bytes * self.network_scale)) + 2 * self.halo)
        tile = max((SHARED - BAND) * memory - picture_bytes, LEAST_TILE * memory)
        return max(least, int(tile / self.bytes_per_pixel)), max_height

    def bands(
        self, pixels: np.ndarray, finish: Callable[[np.ndarray], np.ndarray], tiles: Iterable[Tile]
    ) -> Iterator[np.ndarray]:
        """Like `tiled`, but returns the result in bands of full rows from the top, and holds one band.

        Args:
            pixels, finish: the same as for `tiled`.
            tiles: tiles from `plan` for this picture, row by row.
        """
        width = pixels.shape[1] * self.network_scale
        parts = self._parts(pixels, finish, tiles)
        for rows, of_band in groupby(parts, key=lambda part: (part[0].target[0].start, part[0].target[0].stop)):
            band = None
            for _, (down, across), finished in of_band:
                if band is None:
                    band = np.empty((rows[1] - rows[0], width, *finished.shape[2:]), finished.dtype)
                band[down.start - rows[0] : down.stop - rows[0], across] = finished
            assert band is not None
            yield band

    def _parts(self, pixels: np.ndarray, finish: Callable, tiles: Iterable[Tile]) -> Iterator:
        """Yields, for each part of the result, its planned tile, its place, and what `finish` makes of it."""
        for planned in tiles:
            for tile, sr in self._run(pixels, planned):
                down, across = tile.target
                part = sr[tile.inside]
                for top in range(0, len(part), FINISHED_ROWS):
                    rows = part[top : top + FINISHED_ROWS]
                    target = slice(down.start + top, down.start + top + len(rows)), across
                    yield planned, target, finish(rows)
                del sr, part, rows  # not beside the next tile's

    def _room(self, height: int, width: int, finished: np.ndarray) -> np.ndarray:
        shape = height * self.network_scale, width * self.network_scale, *finished.shape[2:]
        needed = math.prod(shape) * finished.itemsize
        message = f"no memory for the result of {shape[1]}x{shape[0]} pixels, {needed / 1e9:.1f} GB"
        # The system grants more memory than it has, and kills the process at the first use of what is missing.
        if needed > machine.available_memory():
            raise MemoryError(message)
        try:
            return np.empty(shape, finished.dtype)
        except MemoryError as error:
            raise MemoryError(message) from error

    def _run(self, pixels: np.ndarray, tile: Tile) -> Iterator[tuple[Tile, np.ndarray]]:
        """Upscales a tile, or its halves if there is no memory for it in one."""
        height, width = pixels.shape[:2]
        halves = halve(tile, height, width, self.network_scale, self.halo, self.alignment)
        if not halves or area(tile) <= self.max_pixels:
            try:
                lr = pixels[tile.source][None].astype(np.float32)
                if pixels.dtype == np.uint16:
                    lr /= 257
                sr = self._continued(lr, tile, pixels.shape)
            except Exception as error:
                if not machine.is_out_of_memory(error):
                    raise
            else:
                yield tile, sr
                return
            if self.halo is None:
                raise self._no_memory(height, width)
            if not halves:
                raise MemoryError(f"no memory for a tile of one pixel and its halo of {self.halo}")
            self._shrink(area(tile) // 2)
        for half in halves:
            yield from self._run(pixels, half)

    def _least_area(self, width: int, height: int) -> int:
        whole = height * width
        return whole if self.halo is None else min(whole, least_area(self.halo, self.alignment))

    def _continued(self, lr: np.ndarray, tile: Tile, shape: tuple[int, ...]) -> np.ndarray:
        """Runs the network on a tile, which is continued where it ends with the picture."""
        border, scale = self._border, self.network_scale
        sides = [(border * (part.start == 0), border * (part.stop == end)) for part, end in zip(tile.source, shape)]
        if border:
            lr = np.pad(lr, [(0, 0), *sides, (0, 0)], "symmetric")
        rows, columns = (
            slice(part.start // scale + before, part.stop // scale + before)
            for part, (before, _) in zip(tile.inside, sides)
        )
        with self._lock:
            sr = np.asarray(self._upscale_tile(lr, (rows, columns)))[0]
        (top, bottom), (left, right) = ((before * scale, after * scale) for before, after in sides)
        return sr[top : len(sr) - bottom, left : sr.shape[1] - right]

    def _check_memory(self, height: int, width: int) -> None:
        """Refuses a picture that has to be cut and cannot be."""
        least = self._least_area(width, height)
        if self.max_pixels < least:
            needed = math.ceil(least * self.bytes_per_pixel / 1e6)
            why = "in tiles" if self.halo is not None else "at once, as the network must see the whole of it"
            raise ValueError(
                f"memory must be at least {needed} MB for {self.name!r} to upscale a picture of "
                f"{width}x{height} pixels {why}, got {self._memory / 1e6:g} MB; allow more, or give a smaller picture"
            )

    def _no_memory(self, height: int, width: int) -> MemoryError:
        needed = math.ceil(height * width * self.bytes_per_pixel / 1e6)
        return MemoryError(
            f"no memory for a picture of {width}x{height} pixels, {needed} MB: {self.name!r} must see the whole of it "
            "at once; give a smaller picture"
        )

    def _fit(self, height: int, width: int) -> None:
        """Makes tiles smaller if the machine has no memory for them: without a GPU no error comes, the system kills."""
        if not self._in_machine_memory:
            return
        fitting = machine.SHARE * machine.available_memory() / self.bytes_per_pixel
        if min(height * width, self.max_pixels) > fitting:
            if self.halo is None:
                raise self._no_memory(height, width)
            self._shrink(int(fitting))

    def _shrink(self, max_pixels: int) -> None:
        assert self.halo is not None  # or no smaller tiles would do
        least = least_area(self.halo, self.alignment)
        if self.max_pixels <= least:
            return
        self.max_pixels = max(max_pixels, least)
        LOGGER.warning(
            "out of memory: goes on with tiles of %d pixels; a smaller --memory avoids this", self.max_pixels
        )
