"""The learning curve of a run, as a picture."""

from pathlib import Path

import numpy as np

from srzoo.images import atomic_file


def draw_curve(rows: list[dict[str, str]], path: Path, title: str) -> None:
    """Draws loss and validation PSNR-Y over the steps of a run.

    Args:
        rows: of `log.csv`, see `srzoo.training.run.Run.read_log`.
        path: of the PNG to write.
        title: above the picture.
    """
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    losses = np.array([(int(r["step"]), float(r["loss"])) for r in rows if r["loss"]])
    scores = np.array([(int(r["step"]), float(r["psnr_y"])) for r in rows if r["psnr_y"]])
    if not len(losses):
        return
    window = max(1, len(losses) // 100)
    smooth = np.convolve(losses[:, 1], np.ones(window) / window, mode="valid")

    figure = Figure(figsize=(9, 4.5), dpi=110, layout="constrained")
    left = figure.add_subplot()
    left.plot(losses[:, 0], losses[:, 1], color="tab:blue", alpha=0.2, linewidth=0.6)
    left.plot(losses[window - 1 :, 0], smooth, color="tab:blue", label=f"loss, mean of {window} steps")
    left.set(xlabel="step", ylabel="training loss", yscale="log", title=title)
    left.grid(alpha=0.3)
    right = left.twinx()
    if len(scores):
        right.plot(scores[:, 0], scores[:, 1], "o-", color="tab:orange", markersize=3, label="validation PSNR-Y")
    right.set_ylabel("PSNR-Y [dB]")
    figure.legend(loc="outside lower center", ncols=2)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")
