"""Turns a user's request into the settings of one run, or of the two stages of a GAN."""

from dataclasses import fields
from typing import Any

from srzoo.losses import ADVERSARIAL_LOSSES, PIXEL_LOSSES
from srzoo.losses.pixel import GRID_PART, SHARPENED_BLUR
from srzoo.models.discriminator import UNET_MULTIPLE
from srzoo.models.registry import GAN_TRAINED, entry_of, parse_known, pixel_trained
from srzoo.recipes import OBJECTIVES, TERMS
from srzoo.training.optimizers import HAS_MUON, OPTIMIZERS
from srzoo.training.precision import choose_precision
from srzoo.training.settings import NO_PRESET, Settings

OF_STAGE = {
    stage: {each.name for each in fields(Settings) if each.metadata.get("stage") == stage} for stage in ("pixel", "gan")
}
"""`pixel` or `gan` -> names of the settings that belong to it alone."""


def stages_of(dataset: str, model: str = "edsr-gan", scale: int | None = None, **options) -> tuple[Settings, ...]:
    """Settings of the runs that train a model: one, or for the models of GAN training two.

    GAN training that starts from an untrained generator does not settle (arXiv 1609.04802, section 3.2), so the same
    network is trained on pixels first, unless `init_weights` are given. `steps` and `minutes` are those of the
    whole; each of two stages takes half.

    Args:
        dataset, model, scale, options: the arguments of `settings_of`.

    Raises:
        ValueError: the errors of `settings_of`.
    """
    name = parse_known(model, scale).name
    options = _given(options)
    if parse_known(name).base not in GAN_TRAINED or options.get("init_weights"):
        return (settings_of(dataset, name, **options),)
    if "minutes" in options:
        options["minutes"] /= 2
    pixel, gan = (
        {key: value for key, value in options.items() if key not in OF_STAGE[other]} for other in ("gan", "pixel")
    )
    if "steps" in options:
        pixel["steps"], gan["steps"] = max(1, options["steps"] // 2), (options["steps"] + 1) // 2
    return (settings_of(dataset, pixel_trained(name), **pixel), settings_of(dataset, name, **gan))


def settings_of(dataset: str, model: str = "edsr-baseline", scale: int | None = None, **options) -> Settings:
    """The settings of a run. They default to the paper's values (`srzoo.recipes`).

    Args:
        dataset: what `srzoo.data.sources.open_source` takes.
        model: name of a model, its scale maybe left out.
        scale: scale of the model.
        options: other attributes of `Settings`; `weights` are put in the place of the objective's of the same terms.

    Raises:
        ValueError: for an unknown model, loss, optimizer, precision or other option, or one of the other stage.
    """
    configuration = parse_known(model, scale)
    recipe, gan = entry_of(configuration.base).recipe, configuration.base in GAN_TRAINED
    given = _given(options)
    _check_stage(given, configuration.base, gan)
    given.setdefault("degrade", recipe.degrade or NO_PRESET)
    if given["degrade"] == NO_PRESET:
        del given["degrade"]
    _check_lr_and_target(given)
    if gan:
        own = _gan(given.pop("objective", recipe.loss), given)
    else:
        own = {"loss": _one_of(PIXEL_LOSSES, "loss", given.pop("loss", recipe.loss))}
        if _one_of(OPTIMIZERS, "optimizer", given.get("optimizer", "adam")) == "adam":
            given.pop("optimizer", None)
        elif not HAS_MUON:
            raise ValueError("--optimizer muon: needs Keras 3.13 or newer, and so Python 3.11; take adam, the default")
        if "teacher" in given:
            own["teacher_weight"] = given.pop("teacher_weight", 1.0)
    if "degrade" in given:
        given.setdefault("degrade_clean", 0.0)
    given["precision"] = choose_precision(given.get("precision", "auto"))
    timed = "minutes" in given and recipe.schedule == "halving"
    usual = {
        "patch": recipe.lr_patch * configuration.scale,
        "batch": recipe.batch,
        "fit": "crop",
        "learning_rate": recipe.learning_rate,
        "halve_every": recipe.halve_every,
        "schedule": "cosine" if timed else recipe.schedule,
        "steps": None if "minutes" in given else recipe.steps,
        "seed": 0,
    }
    settings = Settings(dataset, configuration.name, **{**usual, **own, **given})
    _check_patch(settings, configuration.scale)
    if not 0 <= settings.seed < 2**32:
        raise ValueError(f"--seed {settings.seed}: expected a whole number from 0 to {2**32 - 1}")
    return settings


def _given(options: dict[str, Any]) -> dict[str, Any]:
    unknown = options.keys() - {each.name for each in fields(Settings)}
    if unknown:
        raise ValueError(f"unknown option {min(unknown)!r}; srzoo.training.settings.Settings lists all options")
    return {key: value for key, value in options.items() if value is not None and value is not False}


def _check_stage(given: dict[str, Any], base: str, gan: bool) -> None:
    wrong = [key for key in given if key in OF_STAGE["pixel" if gan else "gan"]]
    names = [f"{term}_weight" for term in given["weights"]] if "weights" in wrong else []
    flags = ", ".join(f"--{key.replace('_', '-')}" for key in [*(key for key in wrong if key != "weights"), *names])
    if wrong and gan:
        raise ValueError(
            f"{flags}: only for the training on pixels, which --init-weights skips; leave it out, or see --objective"
        )
    if wrong:
        raise ValueError(f"{flags}: only for models of GAN training ({', '.join(GAN_TRAINED)}), not for {base}")


def _check_lr_and_target(given: dict[str, Any]) -> None:
    if given.get("teacher_weight", 0) > 1 or ("teacher_weight" in given and "teacher" not in given):
        raise ValueError(f"--teacher-weight {given['teacher_weight']:g}: expected a share up to 1, beside --teacher")
    if not 0 <= given.get("degrade_clean", 0) < 1 or ("degrade_clean" in given and "degrade" not in given):
        raise ValueError(f"--degrade-clean {given['degrade_clean']:g}: expected a share below 1, beside --degrade")
    if "degrade" in given and "teacher" in given:
        raise ValueError("--degrade makes LR from HR, in whose place --teacher puts SR: give one of them")


def _check_patch(settings: Settings, scale: int) -> None:
    least = {"--sharpen-target": SHARPENED_BLUR // 2 + 1} if settings.sharpen_target else {}
    if "grid" in (settings.weights or {}):
        least["--grid-weight"] = GRID_PART * scale
    for flag, side in least.items():
        if settings.patch < side:
            raise ValueError(f"--patch {settings.patch}: {flag} needs crops of at least {side} HR pixels a side")


def _gan(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Defaults of the objective and of the adversarial loss, for what is not given."""
    objective = OBJECTIVES[_one_of(OBJECTIVES, "objective", name)]
    adversarial = _one_of(ADVERSARIAL_LOSSES, "adversarial loss", given.get("adversarial", objective.adversarial))
    norm = ADVERSARIAL_LOSSES[adversarial].norm
    unet = given.get("discriminator_head", objective.discriminator_head) == "unet"
    if unet and given.get("patch", 0) % UNET_MULTIPLE:
        raise ValueError(
            f"--patch {given['patch']}: expected a multiple of {UNET_MULTIPLE} for the U-Net discriminator"
        )
    usual = {
        "discriminator_norm": "spectral" if unet and norm == "batch" else norm,
        "discriminator_input": "pixels",
        "discriminator_rate": 1.0,
        "vgg": "vgg19",
    }
    _one_of(PIXEL_LOSSES, "pixel loss", given.get("pixel", objective.pixel))
    weights = {**objective.weights, **given.pop("weights", {})}
    for term in weights:
        _one_of(TERMS, "term of the loss", term)
    # A term of weight 0 would be computed in vain.
    weights = {term: weight for term, weight in weights.items() if weight}
    for term in ("perceptual", "dists"):
        if term in given and term not in weights:
            raise ValueError(f"--{term} {given[term]}: only for --{term}-weight, which is not given or 0")
    return {"objective": name, **vars(objective), **usual, "weights": weights}


def _one_of(known: Any, what: str, value: str) -> str:
    if value not in known:
        raise ValueError(f"the {what} must be one of {', '.join(known)}, got {value!r}")
    return value
