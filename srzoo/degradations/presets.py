"""Named degradations, as data: ranges and shares, and where they come from.

Sigma of noise is in grey levels of 255, sigma of blur in pixels, qualities are libjpeg's.
"""

from dataclasses import dataclass

from srzoo.degradations.steps import Blur, Chain, Jpeg, Kernels, Noise, OneOf, Resize, Shuffled, Sincs, Step, ToLr


@dataclass(frozen=True)
class Preset:
    """A degradation from HR to LR.

    Attributes:
        steps: what is done, the last size being LR's.
        purpose: description for a list of presets.
        source: where the ranges come from.
    """

    steps: Step
    purpose: str
    source: str


def _real_blur(sigma: tuple[float, float], probability: float) -> Blur:
    """The kernels of Real-ESRGAN: a tenth sincs, the rest in its shares."""
    generalised, plateau = (0.5, 4.0), (1.0, 2.0)
    kinds = {
        Kernels(sigma, True): 0.45,
        Kernels(sigma, False): 0.25,
        Kernels(sigma, True, generalised): 0.12,
        Kernels(sigma, False, generalised): 0.03,
        Kernels(sigma, True, plateau, plateau=True): 0.12,
        Kernels(sigma, False, plateau, plateau=True): 0.03,
    }
    shares: dict[Kernels | Sincs, float] = {kind: 0.9 * share for kind, share in kinds.items()}
    return Blur(shares | {Sincs((1 / 3, 1), (1 / 5, 1)): 0.1}, tuple(range(7, 22, 2)), probability)


_REAL = Chain(
    (
        _real_blur((0.2, 3.0), 1.0),
        Resize({(1.0, 1.5): 0.2, (0.15, 1.0): 0.7, (1.0, 1.0): 0.1}),
        Noise(sigma=(1, 30), poisson=(0.05, 3.0)),
        Jpeg((30, 95)),
        _real_blur((0.2, 1.5), 0.8),
        Resize({(1.0, 1.2): 0.3, (0.3, 1.0): 0.4, (1.0, 1.0): 0.3}, of_lr=True),
        Noise(sigma=(1, 25), poisson=(0.05, 2.5)),
        Shuffled((Jpeg((30, 95)), Chain((ToLr(), Blur({Sincs(): 1.0}, tuple(range(7, 22, 2)), 0.8))))),
    )
)

_BSRGAN_BLUR = Blur({Kernels((0.1, 2.8), True): 0.5, Kernels((0.5**0.5, 8**0.5), False): 0.5}, tuple(range(7, 22, 2)))
_BSRGAN = Chain(
    (
        Shuffled(
            (
                _BSRGAN_BLUR,
                _BSRGAN_BLUR,
                Resize({(1, 8): 1.0}, divide=True),
                ToLr(),
                Noise(sigma=(1, 25), grey=0.4, correlated=0.2),
                Jpeg((30, 95), 0.9),
            )
        ),
        Jpeg((30, 95)),
    )
)

_BICUBIC = ToLr(("matlab",))
_MILD = Chain(
    (
        Blur({Kernels((0.2, 1.2), True): 0.7, Kernels((0.2, 1.2), False): 0.3}, (7, 9, 11), 0.5),
        ToLr(("matlab", "area", "bicubic")),
        Noise(sigma=(0, 4), poisson=(0.05, 0.3)),
        Jpeg((75, 95), 0.75),
    )
)
_JPEG = Chain((_BICUBIC, Jpeg((30, 95))))
_NOISE = Chain((_BICUBIC, Noise(sigma=(1, 25), poisson=(0.05, 2.5))))
_OWN = "srzoo's own"

PRESETS = {
    "real": Preset(
        _REAL,
        "Real-ESRGAN's: blur, resizing, noise and JPEG, twice over, with sinc filters",
        "Wang et al., arXiv 2107.10833, section 3, with the numbers of its published training options at x4",
    ),
    "bsrgan": Preset(
        _BSRGAN,
        "BSRGAN's: two blurs, two resizings, noise and JPEG in any order, and JPEG at the end",
        "Zhang et al., arXiv 2103.14006, section 3, with its numbers for x4; without noise of camera sensors",
    ),
    "mixed": Preset(
        OneOf(((0.6, _REAL), (0.1, _MILD), (0.1, _JPEG), (0.2, _NOISE))),
        "real for 60 % of the pictures, mild, jpeg or noise for the others",
        f"{_OWN}: what no JPEG came after is rare in real",
    ),
    "mild": Preset(_MILD, "pictures of today's phones and sites: a little of each", _OWN),
    "jpeg": Preset(_JPEG, "MATLAB's bicubic, then JPEG", f"{_OWN}; the range of real"),
    "noise": Preset(_NOISE, "MATLAB's bicubic, then Gaussian or Poisson noise", f"{_OWN}; the ranges of real"),
    "blur": Preset(
        Chain((_real_blur((0.2, 3.0), 1.0), _BICUBIC)), "blur, then MATLAB's bicubic", f"{_OWN}; the kernels of real"
    ),
}
"""Name of a preset -> what it does."""


def preset_of(name: str) -> Preset:
    """The preset of a name.

    Raises:
        ValueError: if there is none; the message lists them.
    """
    if name not in PRESETS:
        raise ValueError(f"the degradation must be one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]
