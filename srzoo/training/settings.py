"""A run's settings, once: the flags of `train.py` and `config.json` follow from them. Keras is not needed for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from srzoo import recipes
from srzoo.degradations.presets import PRESETS
from srzoo.models.registry import GAN_TRAINED

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
    """All settings that decide what a run computes. A run stores them, and compares them when it resumes.

    None: not given, or of the other of the two stages. Attributes whose help does not say it all:
        model: name of the network, with scale and sizes.
        patch: HR pixels a side of a crop.
        batch: crops in a batch, of all replicas together.
        fit: see `srzoo.data.pipeline.Crops`.
        degrade, degrade_clean: see `srzoo.data.degraded.Degradation`.
        halve_every: steps, for the `halving` schedule.
        optimizer: None: Adam.
        content, activation, distance, feature_scale: see `srzoo.losses.ContentLoss`, as are vgg and vgg_preprocessing.
        weights: weights of the terms of the generator's loss (`srzoo.recipes.TERMS`).
        discriminator_...: see `srzoo.models.discriminator`; its rate is a multiple of the generator's.
    """

    dataset: str = field(
        metadata={
            "help": "div2k (default), div2k/<configuration>, a folder (with HR/ and LR/, with HR/, or with pictures), "
            "a tensorflow-datasets name, or sample"
        }
    )
    model: str = _flag(
        f"{', '.join(GAN_TRAINED)} train in two stages; any other model trains on pixels alone (default: edsr-gan)"
    )
    steps: int | None = _flag("number of updates, over both stages (default: the paper's)")
    minutes: float | None = _flag(
        "stop training after this time; the learning-rate schedule follows it. The start (TensorFlow, reading the "
        "pictures) and the last validation come on top"
    )
    patch: int = _flag("side of a crop in HR pixels (default: the paper's)")
    batch: int = _flag("crops in a batch, over all GPUs (default: 16)")
    fit: str = _flag(
        "resize squeezes whole pictures instead of cropping them (default: crop)", choices=("crop", "resize")
    )
    degrade: str | None = _flag(
        "make LR from HR for each crop, with blur, noise and JPEG (default: the paper's; real for edsr-real)",
        choices=(*PRESETS, NO_PRESET),
    )
    degrade_clean: float | None = _flag("share of crops that --degrade leaves clean (default: 0)", type=float)
    sharpen_target: bool | None = _flag(
        "sharpen HR (unsharp masking) for the L1 and content losses; the discriminator sees HR unchanged"
    )
    loss: str = _flag("loss on pixels: l1, l2, charbonnier or psnr (default: the paper's)", "pixel")
    optimizer: str | None = _flag(
        "optimizer on pixels: adam (the paper's, default) or muon, which learns in fewer steps", "pixel"
    )
    teacher: str | None = _flag(
        "network to learn from: its SR replaces HR in the loss. Takes what resolve_image.py --model takes", "pixel"
    )
    teacher_weight: float | None = _flag(
        "share of the teacher's SR in the target; the rest is HR (default: 1)", "pixel"
    )
    learning_rate: float = _flag("highest learning rate (default: the paper's)")
    halve_every: int | tuple[int, ...] | None = _derived()
    schedule: str = _flag(
        "course of the learning rate (default: the paper's; cosine with --minutes)", choices=recipes.SCHEDULES
    )
    init_weights: str | None = _flag(
        "weights to start from: a file, a run's folder or a name of `srzoo list`. A GAN then skips the stage on pixels"
    )
    precision: str = _flag(
        "precision of the training (default: auto)", choices=("auto", "float32", "bfloat16", "float16")
    )
    validation: str | None = _flag("folder of pictures to validate on (default: some of the data set's)")
    limit: int | None = _flag("largest number of pictures; takes the first ones of the data set")
    seed: int = _flag("seed of the first weights, of shuffling and of crops (default: 0)", type=int)
    sync_batch_norm: bool | None = _flag("normalise by the crops of all replicas together, and not of each alone")
    objective: str | None = _flag(f"set of losses: {', '.join(recipes.OBJECTIVES)} (default: the paper's)", "gan")
    weights: Mapping[str, float] = _derived("gan")
    content: Mapping[str, float] = _flag("layers of the content loss, such as vgg54, or vgg22:0.1,vgg54:1", "gan")
    activation: str = _flag("features after or before the ReLU", "gan", choices=("after", "before"))
    distance: str = _derived("gan")
    feature_scale: float = _derived("gan")
    pixel: str = _derived("gan")
    adversarial: str = _flag(
        "adversarial loss: vanilla, minimax, least-squares, hinge, wasserstein or relativistic (default: the "
        "objective's)",
        "gan",
    )
    discriminator_norm: str = _flag(
        "normalisation in the discriminator (default: batch; spectral for unet)",
        "gan",
        choices=("batch", "spectral", "none"),
    )
    discriminator_head: str = _flag(
        "end of the discriminator. flatten is SRGAN's; patches judges part by part; unet judges pixel by pixel "
        "(default: the objective's, mostly pool)",
        "gan",
        choices=("pool", "flatten", "patches", "unet"),
    )
    discriminator_input: str = _flag(
        "input of the discriminator. details is the difference between pixels and the mean around them (default: "
        "pixels)",
        "gan",
        choices=("pixels", "details"),
    )
    discriminator_rate: float = _flag(
        "factor from the generator's learning rate to the discriminator's (default: 1)", "gan"
    )
    vgg: str = _flag("vgg19 (default) or vgg16, which Keras downloads, or a file with the weights of either", "gan")
    vgg_preprocessing: str | None = _flag(
        "origin of the weights in the file: keras or torchvision; `srzoo import vgg` makes torchvision's", "gan"
    )
    perceptual: str | None = _flag(
        "file of LPIPS's heads for VGG16, for --perceptual-weight; `srzoo import lpips` makes it", "gan"
    )
    dists: str | None = _flag("file of DISTS's weights, for --dists-weight; `srzoo import dists` makes it", "gan")
    lpips: str | None = _flag(
        "file of LPIPS's weights, which `srzoo import lpips` makes; the run then keeps the weights with the best LPIPS",
        "gan",
    )

    @property
    def gan(self) -> bool:
        """Whether this is GAN training. Otherwise the training is on pixels."""
        return self.objective is not None


LOG_COLUMNS = (
    "step",
    "seconds",
    "learning_rate",
    "loss",
    "gradient_norm",
    # figures of GAN training, see `srzoo.training.steps.AdversarialStep`
    *recipes.TERMS,
    *(f"{term}_share" for term in recipes.TERMS),
    "d_loss",
    "d_real",
    "d_fake",
    # figures of a validation
    "psnr_y",
    "lpips",
    "colour_shift",
    "checkerboard",
    "warning",
)
