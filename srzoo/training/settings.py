"""A run's settings, once: the flags of `train.py` and `config.json` follow from them. Keras is not needed for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from srzoo import recipes
from srzoo.degradations.presets import PRESETS

NO_PRESET = "none"
"""LR as the data set has it, where the paper's training degrades it."""


def _flag(help: str, stage: str = "", **how: Any) -> Any:
    """A setting that has a flag; `stage`: `pixel` or `gan`, if it belongs to one alone; `how`: for argparse."""
    return field(default=None, metadata={"help": help, "stage": stage, **how})


def _derived(stage: str = "") -> Any:
    """A setting that follows from others, without a flag."""
    return field(default=None, metadata={"stage": stage})


@dataclass(frozen=True)
class Settings:
    """All that decides what a run computes; stored with it, and compared when it is resumed.

    None: not given, or of the other of the two stages. Attributes whose help does not say it all:
        model: name of the network, with scale and sizes.
        patch: HR pixels a side of a crop.
        batch: crops in a batch, of all replicas together.
        fit: see `srzoo.data.pipeline.Crops`.
        degrade, degrade_clean: see `srzoo.data.degraded.Degradation`.
        halve_every: steps, for the `halving` schedule.
        optimizer: None: Adam.
        content, activation, distance, feature_scale: see `srzoo.losses.ContentLoss`, as are vgg and vgg_preprocessing.
        weights: of the terms of the generator's loss (`srzoo.recipes.TERMS`).
        discriminator_...: see `srzoo.models.discriminator`; its rate is a multiple of the generator's.
    """

    dataset: str = field(
        metadata={
            "help": "div2k (default) or div2k/<configuration>, a folder (HR/ and LR/, only HR/, or just pictures), a "
            "tensorflow-datasets name, or sample"
        }
    )
    model: str = _flag("edsr-gan (default), srgan or esrgan, in two stages; any other model, on pixels alone")
    steps: int | None = _flag("updates of the weights, in all; default: the paper's")
    minutes: float | None = _flag("stop after this time; the schedule follows the time")
    patch: int = _flag("HR pixels a side of a crop; default: the paper's")
    batch: int = _flag("crops in a batch, of all GPUs together; default: 16")
    fit: str = _flag("resize: whole pictures, squeezed (default: crop)", choices=("crop", "resize"))
    degrade: str | None = _flag(
        "blur, noise and JPEG of LR, made from HR for each crop; default: the paper's, for edsr-real real",
        choices=(*PRESETS, NO_PRESET),
    )
    degrade_clean: float | None = _flag("share of crops that --degrade leaves as they are (default: 0)")
    sharpen_target: bool | None = _flag(
        "learn from HR with harder edges (unsharp masking): L1 and content, not the discriminator"
    )
    loss: str = _flag("on pixels: l1, l2 or charbonnier; default: the paper's", "pixel")
    optimizer: str | None = _flag(
        "on pixels: adam (default, the paper's) or muon, which learns in fewer steps", "pixel"
    )
    teacher: str | None = _flag(
        "a network to learn from: its SR stands in HR's place. What resolve_image.py takes as --model", "pixel"
    )
    teacher_weight: float | None = _flag("share of the teacher's SR; the rest is HR (default: 1)", "pixel")
    learning_rate: float = _flag("at its highest; default: the paper's")
    halve_every: int | tuple[int, ...] | None = _derived()
    schedule: str = _flag("default: the paper's; with --minutes cosine", choices=recipes.SCHEDULES)
    init_weights: str | None = _flag(
        "weights to start from: a file, a run's folder or a name of `srzoo list`; a GAN's training on pixels is skipped"
    )
    precision: str = _flag("default: auto", choices=("auto", "float32", "bfloat16", "float16"))
    validation: str | None = _flag("a folder of pictures to validate on; default: some of the data set's")
    limit: int | None = _flag("train on at most so many pictures, the first ones of the data set")
    seed: int = _flag("of the start, of shuffling and of crops (default: 0)", type=int)
    sync_batch_norm: bool | None = _flag("batch statistics of all replicas' crops, not of each one's own")
    objective: str | None = _flag(f"{', '.join(recipes.OBJECTIVES)} (default: the paper's)", "gan")
    weights: Mapping[str, float] = _derived("gan")
    content: Mapping[str, float] = _flag("layers of the content loss: vgg54, or vgg22:0.1,vgg54:1", "gan")
    activation: str = _flag("take features after or before the ReLU", "gan", choices=("after", "before"))
    distance: str = _derived("gan")
    feature_scale: float = _derived("gan")
    pixel: str = _derived("gan")
    adversarial: str = _flag(
        "vanilla, minimax, least-squares, hinge, wasserstein or relativistic (default: the objective's)", "gan"
    )
    discriminator_norm: str = _flag("default: batch, of unet spectral", "gan", choices=("batch", "spectral", "none"))
    discriminator_head: str = _flag(
        "default: the objective's, mostly pool; flatten is SRGAN's; patches judges part by part, unet pixel by pixel",
        "gan",
        choices=("pool", "flatten", "patches", "unet"),
    )
    discriminator_input: str = _flag(
        "default: pixels; details: their difference from the mean around them", "gan", choices=("pixels", "details")
    )
    discriminator_rate: float = _flag("its learning rate, times the generator's (default: 1)", "gan")
    vgg: str = _flag("vgg19 (default) or vgg16, downloaded, or a file with the weights of either", "gan")
    vgg_preprocessing: str | None = _flag(
        "keras or torchvision: who trained the weights in the file; `srzoo import vgg` makes torchvision's", "gan"
    )
    lpips: str | None = _flag(
        "LPIPS's weights, which `srzoo import lpips` makes: the best weights are then those of the best LPIPS",
        "gan",
    )

    @property
    def gan(self) -> bool:
        """Whether this is GAN training; else the network is trained on pixels."""
        return self.objective is not None


LOG_COLUMNS = (
    "step",
    "seconds",
    "learning_rate",
    "loss",
    "gradient_norm",
    # Of GAN training, see `srzoo.training.steps.AdversarialStep`.
    *recipes.TERMS,
    *(f"{term}_share" for term in recipes.TERMS),
    "d_loss",
    "d_real",
    "d_fake",
    # Of a validation.
    "psnr_y",
    "lpips",
    "colour_shift",
    "checkerboard",
    "warning",
)
