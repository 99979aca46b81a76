"""From settings to a finished run: opens the data, builds the network, and hands both to the loop."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras

from srzoo import zoo
from srzoo.data import pipeline
from srzoo.data.pairs import Source
from srzoo.data.sources import open_source
from srzoo.losses import PIXEL_LOSSES
from srzoo.recipes import RECIPES
from srzoo.training.curve import draw_curve
from srzoo.training.loop import train
from srzoo.training.precision import PRECISIONS, choose_precision
from srzoo.training.run import Run, Settings
from srzoo.training.steps import PixelStep
from srzoo.training.validation import Validation


def settings_of(
    dataset: str,
    model: str = "edsr-baseline",
    scale: int | None = None,
    *,
    loss: str | None = None,
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
) -> Settings:
    """Settings of a run: what is not given is the paper's (`srzoo.recipes`).

    Raises:
        ValueError: for an unknown model, loss or precision.
    """
    if loss is not None and loss not in PIXEL_LOSSES:
        raise ValueError(f"the loss must be one of {', '.join(PIXEL_LOSSES)}, got {loss!r}")
    base, named_scale, options = zoo.parse_name(model)
    recipe, scale = RECIPES[base], scale or named_scale
    return Settings(
        dataset=dataset,
        validation=validation,
        model=zoo.full_name(base, scale, **options),
        loss=loss or recipe.loss,
        patch=patch or recipe.lr_patch * scale,
        batch=batch or recipe.batch,
        fit=fit,
        schedule=schedule or ("halving" if minutes is None else "cosine"),
        learning_rate=learning_rate or recipe.learning_rate,
        halve_every=recipe.halve_every,
        steps=steps or (recipe.steps if minutes is None else None),
        minutes=minutes,
        precision=choose_precision(precision),
        seed=seed,
        init_weights=init_weights,
        limit=limit,
    )


def train_run(
    folder: Path,
    settings: Settings,
    validate_every: int = 1000,
    memory: int = 4 * 10**9,
    data_dir: str | None = None,
    say: Callable[[str], None] = print,
) -> float:
    """Trains a network, or goes on with the run in that folder.

    Args:
        folder: of the run, see `srzoo.training.run`.
        settings: of the run.
        validate_every: steps between two validations.
        memory: bytes of decoded pictures held in memory.
        data_dir: where tensorflow-datasets keeps its data.
        say: is told what is going on, line by line.

    Returns:
        The best validation PSNR-Y in dB.

    Raises:
        ValueError, OSError: for settings, data or a folder that cannot be used.
        srzoo.training.loop.NotFiniteError: if the loss explodes.
    """
    scale = zoo.parse_name(settings.model)[1]
    crops = pipeline.Crops(scale, settings.patch, settings.batch, settings.fit, settings.seed)
    source = open_source(settings.dataset, scale, data_dir, settings.limit)
    if settings.validation:
        held_out = open_source(settings.validation, scale, data_dir)
        source = Source(source.name, source.train, held_out.train)
    model = _model(settings)
    run = Run(folder, settings)

    pictures = pipeline.decode(source, crops, memory, say)
    run.begin()  # only now: a data set that turns out unusable leaves no folder behind
    say(
        f"{settings.model}, {settings.precision}, {model.count_params():,} parameters; {len(pictures.train)} pictures "
        f"to train on and {len(pictures.validation)} to validate on -> {folder}"
    )
    step_fn = PixelStep(model, PIXEL_LOSSES[settings.loss])
    best = train(
        run,
        settings,
        step_fn,
        partial(pipeline.batches, pictures.train, crops),
        Validation(step_fn.average, pictures.validation),
        validate_every,
    )
    draw_curve(run.read_log(), folder / "curve.png", title=f"{settings.model} on {settings.dataset}")
    say(f"step {int(step_fn.step)}: best PSNR-Y {best:.2f} dB on the validation pictures -> {run.best_weights}")
    return best


def _model(settings: Settings) -> keras.Model:
    keras.utils.set_random_seed(settings.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(PRECISIONS[settings.precision])
    try:
        model = zoo.create(settings.model)
    finally:
        keras.config.set_dtype_policy(policy)
    if settings.init_weights:
        zoo.load_weights(model, settings.init_weights)
    return model
