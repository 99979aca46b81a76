"""A trained network in whatever runtime, as the upscaler needs it; no runtime is imported here."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from srzoo.runtimes.tiles import Region

Run = Callable[[np.ndarray], np.ndarray]
"""From RGB pixels in [0, 255], float32 (N, H, W, 3), to (N, scale H, scale W, 3), not clipped."""


@dataclass(frozen=True)
class Network:
    """A trained network in whatever runtime, and what has to be known of it to tile its pictures.

    Attributes:
        name: the model's full name.
        scale: HR pixels a side of an LR pixel.
        halo: LR pixels to put around a tile, or None if it must see the whole picture.
        bytes_per_pixel: peak memory in bytes for each LR pixel.
        run: computes one picture.
        alignment: LR pixels; tiles must begin at multiples of it.
        border: LR pixels by which a picture is continued at its borders; only without alignment.
        run_inside: as `run`, but with rows and columns as its second argument; what it gives around that part is
            arbitrary, which spares time. None: there is only `run`.
        precise: gives the same network in float32, where this one computes in 8 bits for speed and nobody asked for it.
        in_machine_memory: whether it computes in the machine's memory, not in that of a GPU.
        lock: is held while it computes, because a runtime computes in buffers of its own; a network around it has the
            same one.
    """

    name: str
    scale: int
    halo: int | None
    bytes_per_pixel: int
    run: Run
    alignment: int = 1
    border: int = 0
    run_inside: Callable[[np.ndarray, Region], np.ndarray] | None = None
    precise: Callable[[], "Network"] | None = None
    in_machine_memory: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wrapped_by(self, call: Callable[..., np.ndarray]) -> "Network":
        """The same network, which runs as `call(run, *arguments)`, in float32 too."""
        precise, run_inside = self.precise, self.run_inside and partial(call, self.run_inside)
        in_float32 = precise and (lambda: precise().wrapped_by(call))
        return replace(self, run=partial(call, self.run), run_inside=run_inside, precise=in_float32)
