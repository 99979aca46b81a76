"""Warns in words when GAN training goes wrong: D wins or collapses, SR takes a cast or a checkerboard."""

import math
from collections import deque

import numpy as np
from scipy.special import logit

from srzoo.metrics import luma
from srzoo.training.alarm import Alarm

WINDOW = 200
"""Steps of the moving averages of D's answers: those of one batch of 16 vary by about 0.1, their mean by 0.01."""

PATIENCE = 500
"""Steps in a row that the averages must be bad before it is said, and good before it may be said again.

A D that meets a pre-trained generator wins its first hundreds of steps as a rule, and an untrained one answers
0.5 to everything at first; neither is a trouble unless it lasts.
"""

WON_REAL = 0.95
"""Mean answer for HR above which, with `WON_FAKE`, D wins: 19 to 1. In healthy training it is 0.6 to 0.9."""

WON_FAKE = 0.05
"""Mean answer for SR below which, with `WON_REAL`, D wins. In healthy training it is 0.1 to 0.4."""

TOLD_APART = 0.08
"""Difference of the averages' logits below which D collapses: answers of 0.51 and 0.49, twice their chance error.

Of logits, as a relativistic D (arXiv 1807.00734) is free to answer 0.97 and 0.95: with it only differences count.
"""

SATURATED = 0.99
"""Average answers both above this, or both below its opposite, say nothing of how far apart D's logits are."""

CALM = 3
"""Good examinations in a row before a trouble of the pictures may be said again."""

MAX_COLOUR_SHIFT = 2.0
"""Grey levels that are warned of: a cast of about 1% of the range, which is where one begins to be seen."""

MAX_CHECKERBOARD = 4.0
"""Ratio that is warned of; docs/gan-training.md has what was measured."""

MASKING = 100.0
"""Power (squared grey levels a pixel, as of noise of sigma 10) that a checkerboard must show against in flat parts.

Without it a tenth of a grey level in a clear sky would count like a visible pattern in grass.
"""

TILE = 64
"""Pixels a side of the parts that spectra are taken of, rounded down to a multiple of the scale."""

MIN_TILES = 16
"""Parts of all pictures together below which `checkerboard` is too uncertain to be warned of."""

MAX_TILES = 256
"""Parts that are looked at of a picture: more make it slower, not surer."""

COLOURS = ("red", "green", "blue")


class Doctor:
    """Watches over one run. What it has seen of D's answers is not saved: after a restart it starts afresh.

    Its reading of D's answers is that of the vanilla, the minimax and the relativistic loss. Least-squares and hinge
    push their logits no further than 1, so that D is never said to win.

    Args:
        scale: scale of the generator.
        critic: whether D is a Wasserstein critic: its scores are of no fixed range, and nothing is read off them.
    """

    def __init__(self, scale: int, critic: bool = False):
        self.scale = scale
        self.critic = critic
        self._answers: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._won, self._collapsed = Alarm(PATIENCE, PATIENCE), Alarm(PATIENCE, PATIENCE)
        self._cast, self._checkerboard = Alarm(1, CALM), Alarm(1, CALM)

    def recall(self, rows: list[dict[str, str]]) -> None:
        """Takes in the log of a run that goes on, so that a trouble is not said again, and blamed on GAN training.

        Args:
            rows: its rows, of which those of `examine` have `colour_shift` and maybe `checkerboard`.
        """
        for row in rows:
            if row["colour_shift"]:
                self._cast(float(row["colour_shift"]) > MAX_COLOUR_SHIFT)
                self._checkerboard(float(row["checkerboard"] or 0) > MAX_CHECKERBOARD)

    def watch(self, step: int, logs: dict[str, float]) -> list[str]:
        """Takes what happened in a step; steps come in order.

        Args:
            step: its number.
            logs: figures of the step. `d_real` and `d_fake`: D's mean probabilities in [0, 1] for HR and SR; a row
                without them, such as the pixel stage's, is skipped.

        Returns:
            Warnings, each once when its trouble has lasted `PATIENCE` steps, and again only after as many without it.
        """
        if self.critic or "d_real" not in logs or "d_fake" not in logs:
            return []
        self._answers.append((logs["d_real"], logs["d_fake"]))
        real, fake = (sum(answers) / len(answers) for answers in zip(*self._answers))
        seen = f"its answers averaged {real:.3f} for HR and {fake:.3f} for SR, as they have for {PATIENCE} steps up to "
        seen += f"step {step}"
        warnings = []
        if self._won(real > WON_REAL and fake < WON_FAKE):
            warnings.append(
                f"The discriminator wins: {seen}, so the generator learns little but to exaggerate. Pre-train it "
                "longer on pixels, hold the discriminator back with --discriminator-norm spectral or --adversarial "
                "relativistic, or give it more say with a higher --adversarial-weight."
            )
        of_real, of_fake = logit(np.clip((real, fake), 1e-6, 1 - 1e-6))
        both_saturated = min(real, fake) > SATURATED or max(real, fake) < 1 - SATURATED
        if self._collapsed(not both_saturated and of_real - of_fake < TOLD_APART):
            what = "takes SR for photographs rather than HR" if real < fake else "cannot tell SR from HR"
            warnings.append(
                f"The discriminator has collapsed, it {what}: {seen}, so what it teaches the generator is noise. Try a "
                "lower --learning-rate, a lower --adversarial-weight, --adversarial relativistic, or "
                "--discriminator-norm spectral."
            )
        return warnings

    def examine(self, step: int, pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[dict[str, float], list[str]]:
        """Looks at validation pictures.

        Args:
            step: step after which SR was made; 0: before GAN training.
            pairs: (hr, sr) of each picture, at least one; uint8 of one shape (H, W, 3).

        Returns:
            `colour_shift`, the largest of `colour_shifts`, and the ratio of `checkerboard` if pictures are large enough
            for it; and warnings, each once when its trouble appears, and again only after `CALM` examinations without
            it.
        """
        shifts = colour_shifts(pairs)
        ratio, tiles = checkerboard(pairs, self.scale)
        advice = (
            "It was there before GAN training began: pre-train the generator longer on pixels."
            if step == 0
            else "Go on from an earlier checkpoint with a lower --adversarial-weight or a lower --learning-rate; if it "
            "comes back, pre-train longer on pixels or use --discriminator-norm spectral."
        )
        warnings = []
        if self._cast(float(shifts.max()) > MAX_COLOUR_SHIFT):
            warnings.append(
                f"The colours shift: the mean {COLOURS[int(shifts.argmax())]} of SR is off HR's by {shifts.max():.1f} "
                f"grey levels (warned of above {MAX_COLOUR_SHIFT:g}). {advice}"
            )
        if self._checkerboard(tiles >= MIN_TILES and ratio > MAX_CHECKERBOARD):
            warnings.append(
                f"A checkerboard appears: a pattern that repeats every {self.scale} pixels stands out of SR "
                f"{ratio:.1f} times as much as of HR (warned of above {MAX_CHECKERBOARD:g}). {advice}"
            )
        signs = {"colour_shift": float(shifts.max())} | ({"checkerboard": ratio} if tiles else {})
        return signs, warnings


def colour_shifts(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Distance between the mean colours of SR and HR, in grey levels of each channel, averaged over the pictures.

    Each picture's shift counts by its size, so that a picture turned greenish and another turned pinkish do not
    cancel. Noise cannot pass for a cast: within a picture it averages out, and upscaling keeps a picture's mean to a
    fraction of a grey level.

    Args:
        pairs: (hr, sr) of each picture, at least one; uint8 of one shape (H, W, 3).
    """
    return np.mean([np.abs(sr.mean((0, 1)) - hr.mean((0, 1))) for hr, sr in pairs], axis=0)


def checkerboard(pairs: list[tuple[np.ndarray, np.ndarray]], scale: int) -> tuple[float, int]:
    """Strength of a pattern with the scale's period in SR over that in HR; 1 if it is no stronger.

    What transposed convolutions and depth-to-space do unequally to the pixels of a cell repeats every `scale` pixels
    (Odena et al., "Deconvolution and Checkerboard Artifacts", 2016), hence is sharp peaks of the luma's spectrum at the
    frequencies (k, l) / scale: those of the x2 stages of an x4 network are among them. In each part of `TILE` pixels
    the power there is divided by that 2 and 3 bins away, `MASKING` added to both. Noise, texture and sharpness raise
    both alike. Any of these frequencies may be the pattern's, so the largest ratio of SR's mean over all parts to HR's
    counts; the power of an irregular pattern is split among scale^2 - 1 of them, so that at x8 one of 1 grey level
    (rms) gives but 2.5. Within small parts, and by power, a pattern is found that changes its sign across the picture.

    Args:
        pairs: (hr, sr) of each picture; uint8 of one shape (H, W, 3). A picture smaller than a part is skipped.
        scale: scale of the generator, 2 to 8.

    Returns:
        The ratio, NaN if no picture is as large as a part; and the number of parts that it was measured on.
    """
    in_hr, in_sr = (np.concatenate([_prominence(pair[which], scale) for pair in pairs]) for which in (0, 1))
    return (float((in_sr.mean(0) / in_hr.mean(0)).max()) if len(in_hr) else math.nan), len(in_hr)


def _prominence(rgb: np.ndarray, scale: int) -> np.ndarray:
    """Power at the frequencies (k, l) / scale relative to that around them, of each part: (parts, scale^2 - 1)."""
    period = TILE // scale  # in bins
    side = period * scale
    y = luma(rgb)
    rows, columns = (range(0, length - side + 1, side // 2) for length in y.shape)
    places = [(row, column) for row in rows for column in columns]
    places = places[:: math.ceil(len(places) / MAX_TILES) or 1]
    if not places:
        return np.empty((0, scale**2 - 1))
    parts = np.stack([y[row : row + side, column : column + side] for row, column in places])
    # Without a window, the jump from a part's one border to the other would spread over the frequencies of an axis.
    window = np.hanning(side + 1)[:-1]
    window = np.outer(window, window)
    parts = (parts - parts.mean((1, 2), keepdims=True)) * window
    power = np.abs(np.fft.fft2(parts)) ** 2 / np.square(window).sum()
    ring = [(i, j) for i in range(-3, 4) for j in range(-3, 4) if max(abs(i), abs(j)) >= 2]
    around = sum(np.roll(power, shift, (1, 2))[:, ::period, ::period] for shift in ring) / len(ring)
    ratio = (power[:, ::period, ::period] + MASKING) / (around + MASKING)
    return ratio.reshape(len(parts), -1)[:, 1:]  # the first is the mean
