"""The learning curves of a run, as a picture."""

from pathlib import Path

import numpy as np

from srzoo.atomic import atomic_file
from srzoo.recipes import TERMS
from srzoo.tables import printable

TITLES = {
    "loss": "loss",
    **{term: f"{term} loss" for term in TERMS},
    **{f"{term}_share": term for term in TERMS},
    "d_loss": "discriminator's loss",
    "d_real": "D(real)",
    "d_fake": "D(fake)",
    "psnr_y": "PSNR-Y",
    "lpips": "LPIPS",
}


def draw_curve(rows: list[dict[str, str]], path: Path, title: str) -> None:
    """Draws the losses and the validation scores over the steps of a run.

    Training on pixels has one panel; GAN training four: losses, the discriminator's probabilities, the
    shares of the generator's gradient, and the scores.

    Args:
        rows: rows of `log.csv`, see `srzoo.training.run.Run.read_log`.
        path: path of the PNG to write.
        title: title above the picture.
    """
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    gan = any(row.get("d_real") for row in rows)
    if not any(row["loss"] for row in rows):
        return
    figure = Figure(figsize=(12, 8) if gan else (9, 4.5), dpi=110, layout="constrained")
    figure.suptitle(printable(title), parse_math=False)  # a folder's name may hold $ and bytes that are no text
    if gan:
        losses, probabilities, shares, scores = figure.subplots(2, 2, sharex=True).flat
        _draw(losses, rows, (*TERMS, "d_loss"))
        losses.set(ylabel="training loss", yscale=_scale(losses))
        _draw(probabilities, rows, ("d_real", "d_fake"))
        probabilities.set(ylabel="probability of being a photograph", ylim=(0, 1))
        _draw(shares, rows, tuple(f"{term}_share" for term in TERMS))
        shares.set(ylabel="share of the generator's gradient", yscale="log", xlabel="step")
        _draw(scores, rows, ("lpips",), color="tab:green", marker="o")
        scores.set(ylabel="validation LPIPS (lower is better)", xlabel="step")
    else:
        scores = figure.subplots()
        _draw(scores, rows, ("loss",))
        scores.set(ylabel="training loss", yscale=_scale(scores), xlabel="step")
    right = scores.twinx()
    _draw(right, rows, ("psnr_y",), color="tab:orange", marker="o")
    right.set_ylabel("validation PSNR-Y [dB]")
    for axes in figure.axes:
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left" if axes is right else "upper right", fontsize="small")
        if axes is not right:
            axes.grid(alpha=0.3)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _scale(axes) -> str:
    """Logarithmic unless a loss is negative, as minus a PSNR is."""
    return "log" if all(np.min(line.get_ydata()) > 0 for line in axes.lines) else "linear"


def _draw(axes, rows: list[dict[str, str]], names: tuple[str, ...], **style) -> None:
    """Lines over the steps; those with hundreds of points are smoothed, with the points themselves faint behind."""
    for name in names:
        points = np.array([(int(row["step"]), float(row[name])) for row in rows if row.get(name)])
        if not len(points):
            continue
        steps, values = points.T
        window = max(1, len(points) // 100)
        (line,) = axes.plot(
            steps[window - 1 :],
            np.convolve(values, np.ones(window) / window, mode="valid"),
            label=TITLES[name],
            markersize=3,
            **style,
        )
        if window > 1:
            axes.plot(steps, values, color=line.get_color(), alpha=0.15, linewidth=0.6)
