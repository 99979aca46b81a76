"""From what a user asks for to the settings of one run, or of the two stages of SRGAN."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from srzoo import zoo
from srzoo.losses import ADVERSARIAL_LOSSES, PIXEL_LOSSES
from srzoo.models.registry import GAN_TRAINED, entry_of
from srzoo.recipes import OBJECTIVES
from srzoo.training.optimizers import OPTIMIZERS
from srzoo.training.precision import choose_precision
from srzoo.training.run import Game, Settings

GAME_OPTIONS = (
    "objective",
    "content",
    "activation",
    "adversarial",
    "adversarial_weight",
    "pixel_weight",
    "grid_weight",
    "discriminator_norm",
    "discriminator_head",
    "discriminator_input",
    "discriminator_rate",
    "vgg",
    "vgg_preprocessing",
    "lpips",
)
"""Options of `settings_of` for the adversarial game alone."""


def stages_of(dataset: str, model: str = "edsr-gan", scale: int | None = None, **options) -> tuple[Settings, ...]:
    """Settings of the runs that train a model: one, or for the models of the adversarial game two.

    A game that starts from an untrained generator does not settle (arXiv 1609.04802, section 3.2), so the same
    network is trained on pixels first, unless `init_weights` are given. `steps` and `minutes` are those of the
    whole; each of two stages takes half.

    Args:
        dataset, model, scale, options: as for `settings_of`.

    Raises:
        ValueError: as `settings_of`, or if an option belongs to a stage that is not there.
    """
    configuration = zoo.known(model, scale)
    game = {key: options.pop(key, None) for key in GAME_OPTIONS}
    game = {key: value for key, value in game.items() if value is not None}
    if configuration.base not in GAN_TRAINED:
        return (settings_of(dataset, model, scale, **options, **game),)
    if options.get("init_weights"):
        for name, other in (("loss", "; see --objective"), ("optimizer", "")):
            if options.pop(name, None):
                raise ValueError(f"--{name} is of the training on pixels, which --init-weights skips{other}")
        return (settings_of(dataset, model, scale, **options, **game),)
    steps, minutes = options.pop("steps", None), options.pop("minutes", None)
    halves = {"steps": steps and max(1, steps // 2), "minutes": minutes and minutes / 2}
    pixel = zoo.pixel_trained(configuration.name)
    first = settings_of(dataset, pixel, **options, **halves)
    options.pop("loss", None)
    options.pop("optimizer", None)
    return (first, settings_of(dataset, model, scale, **options, **halves, **game))


def settings_of(
    dataset: str,
    model: str = "edsr-baseline",
    scale: int | None = None,
    *,
    loss: str | None = None,
    optimizer: str | None = None,
    patch: int | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    schedule: str | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    precision: str = "auto",
    validation: str | None = None,
    init_weights: str | None = None,
    fit: str = "crop",
    seed: int = 0,
    limit: int | None = None,
    sync_batch_norm: bool = False,
    **game,
) -> Settings:
    """Settings of a run: what is not given is the paper's (`srzoo.recipes`).

    Args:
        game: for a model of the adversarial game, some of `GAME_OPTIONS`.

    Raises:
        ValueError: for an unknown model, loss, optimizer, precision or other option.
    """
    if loss is not None and loss not in PIXEL_LOSSES:
        raise ValueError(f"the loss must be one of {', '.join(PIXEL_LOSSES)}, got {loss!r}")
    if optimizer is not None and optimizer not in OPTIMIZERS:
        raise ValueError(f"the optimizer must be one of {', '.join(OPTIMIZERS)}, got {optimizer!r}")
    configuration = zoo.known(model, scale)
    recipe = entry_of(configuration.base).recipe
    of_game = None
    if configuration.base not in GAN_TRAINED:
        if game:
            names = ", ".join(f"--{key.replace('_', '-')}" for key in game)
            raise ValueError(
                f"{names}: only for models of GAN training ({', '.join(GAN_TRAINED)}), not for {configuration.base}"
            )
    else:
        loss = game.pop("objective", None) or recipe.loss
        of_game = _game_of(loss, **game)
    return Settings(
        dataset=dataset,
        validation=validation,
        model=configuration.name,
        loss=loss or recipe.loss,
        patch=patch or recipe.lr_patch * configuration.scale,
        batch=batch or recipe.batch,
        fit=fit,
        schedule=schedule or ("cosine" if minutes is not None and recipe.schedule == "halving" else recipe.schedule),
        learning_rate=learning_rate or recipe.learning_rate,
        halve_every=recipe.halve_every,
        steps=steps or (recipe.steps if minutes is None else None),
        minutes=minutes,
        precision=choose_precision(precision),
        seed=seed,
        init_weights=init_weights,
        limit=limit,
        game=of_game,
        sync_batch_norm=sync_batch_norm or None,
        optimizer=optimizer if optimizer != "adam" else None,
    )


def _game_of(
    name: str,
    *,
    content: Mapping[str, float] | None = None,
    activation: str | None = None,
    adversarial: str | None = None,
    adversarial_weight: float | None = None,
    pixel_weight: float | None = None,
    grid_weight: float | None = None,
    discriminator_norm: str | None = None,
    discriminator_head: str = "pool",
    discriminator_input: str = "pixels",
    discriminator_rate: float = 1.0,
    vgg: str = "vgg19",
    vgg_preprocessing: str | None = None,
    lpips: str | None = None,
) -> Game:
    if name not in OBJECTIVES:
        raise ValueError(f"the objective must be one of {', '.join(OBJECTIVES)}, got {name!r}")
    changes: dict[str, Any] = {
        "content": content,
        "activation": activation,
        "adversarial": adversarial,
        "adversarial_weight": adversarial_weight,
        "pixel_weight": pixel_weight,
        "grid_weight": grid_weight,
    }
    objective = replace(OBJECTIVES[name], **{key: value for key, value in changes.items() if value is not None})
    if objective.adversarial not in ADVERSARIAL_LOSSES:
        raise ValueError(
            f"the adversarial loss must be one of {', '.join(ADVERSARIAL_LOSSES)}, got {objective.adversarial!r}"
        )
    return Game(
        objective=objective,
        discriminator_norm=discriminator_norm or ADVERSARIAL_LOSSES[objective.adversarial].norm,
        discriminator_head=discriminator_head,
        discriminator_input=discriminator_input,
        discriminator_rate=discriminator_rate,
        vgg=vgg,
        vgg_preprocessing=vgg_preprocessing,
        lpips=lpips,
    )
