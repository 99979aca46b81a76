"""What a halo smaller than the receptive field costs: a tile with it beside the same part of the whole picture.

    python -m benchmarks.halos MODEL [MODEL...] --pictures FOLDER

A model is a name that ships, a file of weights, or `fresh:NAME` for He's random weights. The table gives the greatest
and the mean difference in grey levels, before rounding, of all pictures.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from srzoo import zoo
from srzoo.models.geometry import radius_of
from srzoo.pictures.reading import read_image
from srzoo.runtimes.keras import keras_network
from srzoo.runtimes.tiles import tile_of

SIDE, CORE = 320, 48
"""LR pixels a side of the whole and of the part in its middle that the tile answers for."""

HALOS = 16, 24, 32, 48, 64, 96, 128


def loaded(source: str) -> keras.Model:
    """A model by name or file, or with fresh weights of He's variance."""
    kind, _, name = source.rpartition(":")
    if kind != "fresh":
        return zoo.load(source)
    model, start = zoo.create(name), keras.initializers.HeNormal(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(start(layer.kernel.shape))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument(
        "--pictures", type=Path, required=True, help=f"folder; from each {SIDE}x{SIDE} pixels are taken"
    )
    parser.add_argument("--count", type=int, default=3)
    args = parser.parse_args()
    paths = sorted(args.pictures.iterdir())[: args.count]
    core = slice((SIDE - CORE) // 2, (SIDE + CORE) // 2)
    print("| network | radius |", " | ".join(f"halo {halo}" for halo in HALOS), "|\n|", "--- |" * (2 + len(HALOS)))
    for source in args.models:
        model = loaded(source)
        network = keras_network(model)
        differences: dict[int, list[np.ndarray]] = {halo: [] for halo in HALOS}
        for path in paths:
            lr = read_image(path)[:SIDE, :SIDE]
            whole = np.asarray(network.run(lr[None].astype(np.float32)))[0]
            for halo, found in differences.items():
                tile = tile_of((core, core), SIDE, SIDE, network.scale, halo)
                part = np.asarray(network.run(lr[tile.source][None].astype(np.float32)))[0]
                found.append(np.abs(part[tile.inside] - whole[tile.target]))
        cells = (f"{np.max(found):.2g} ({np.mean(found):.1g})" for found in differences.values())
        print(f"| {source} | {radius_of(model)} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
