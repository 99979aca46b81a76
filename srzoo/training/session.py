"""From settings to a finished run: opens the data, builds the networks, and hands both to the loop."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras

from srzoo import zoo
from srzoo.data import pipeline
from srzoo.data.pairs import Source
from srzoo.data.sources import open_source
from srzoo.losses import ADVERSARIAL_LOSSES, PIXEL_LOSSES, ContentLoss, grid
from srzoo.metrics import lpips
from srzoo.models.discriminator import discriminator
from srzoo.models.geometry import scale_of
from srzoo.training.curve import draw_curve
from srzoo.training.doctor import Doctor
from srzoo.training.loop import train
from srzoo.training.precision import PRECISIONS
from srzoo.training.run import Game, Run, Settings
from srzoo.training.steps import AdversarialStep, PixelStep
from srzoo.training.validation import Validation

STAGE_FOLDERS = ("pixel", "adversarial")
"""Of a flow of two stages, below its own folder."""


def train_stages(folder: Path, stages: tuple[Settings, ...], **options) -> float:
    """Trains what `srzoo.training.settings.stages_of` planned: one run in `folder`, or two below it.

    Of two, the second starts from the best weights of the first. What is finished is not done again.

    Args:
        folder: of the run, or of the two.
        stages: settings of each.
        options: as for `train_run`.

    Returns:
        As `train_run`, of the last stage.
    """
    if len(stages) == 1:
        return train_run(folder, stages[0], **options)
    first, second = (folder / name for name in STAGE_FOLDERS)
    _load_files(stages[1])  # what is wrong with them is told before hours are spent on the first stage
    train_run(first, stages[0], **options)
    return train_run(second, replace(stages[1], init_weights=str(Run(first, stages[0]).best_weights)), **options)


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
        The best validation score: LPIPS in the adversarial game where its weights are given (NaN where they are
        not), and PSNR-Y in dB otherwise.

    Raises:
        ValueError, OSError: for settings, data or a folder that cannot be used.
        srzoo.training.loop.NotFiniteError, srzoo.training.stopping.Stopped: as `srzoo.training.loop.train`.
    """
    scale = zoo.parse_name(settings.model)[1]
    crops = pipeline.Crops(scale, settings.patch, settings.batch, settings.fit, settings.seed)
    source = open_source(settings.dataset, scale, data_dir, settings.limit)
    if settings.validation:
        held_out = open_source(settings.validation, scale, data_dir)
        source = Source(source.name, source.train, held_out.train)
    step_fn, distance = _load_files(settings)
    run = Run(folder, settings)

    with run.lock:
        if run.config.exists():
            run.lock.take()  # before minutes are spent on decoding
        pictures = pipeline.decode(source, crops, memory, say)
        run.begin()  # only now: a data set that turns out unusable leaves no folder behind
        changed = run.compare_pictures(pictures.fingerprint)
        if changed:
            say(
                f"warning: the data set is not as it was when this run last read it: {changed}; the run goes on with "
                "what is there now, and not as it would have gone on before"
            )
        left_out = len(pictures.unreadable) + len(pictures.too_small)
        say(
            f"{settings.model}, {settings.loss}, {settings.precision}, {step_fn.model.count_params():,} parameters; "
            f"{len(pictures.train)} pictures to train on and {len(pictures.validation)} to validate on"
            f"{f', {left_out} left out' if left_out else ''} -> {folder}"
        )
        return _train(run, step_fn, distance, pictures, crops, validate_every, say)


def _train(
    run: Run,
    step_fn: PixelStep | AdversarialStep,
    distance: lpips.Lpips | None,
    pictures: pipeline.Pictures,
    crops: pipeline.Crops,
    validate_every: int,
    say: Callable[[str], None],
) -> float:
    """The part of `train_run` after all is read and the folder is this process's."""
    settings = run.settings
    if settings.game and not distance:
        say("without LPIPS's weights (--lpips) nothing says which weights look best: the newest are kept")
    best_by = "lpips" if distance else None if settings.game else "psnr_y"
    best = train(
        run,
        settings,
        step_fn,
        partial(pipeline.batches, pictures.train, crops),
        Validation(step_fn.average, pictures.validation, best_by, distance),
        validate_every,
        Doctor(crops.scale, bool(step_fn.loss.gradient_penalty)) if isinstance(step_fn, AdversarialStep) else None,
        say,
    )
    draw_curve(run.read_log(), run.folder / "curve.png", title=f"{settings.model} on {settings.dataset}")
    result = {"psnr_y": f"best PSNR-Y {best:.2f} dB", "lpips": f"best LPIPS {best:.4f}", None: "done"}[best_by]
    say(f"step {int(step_fn.step)}: {result} on the validation pictures -> {run.best_weights}")
    return best


def _load_files(settings: Settings) -> tuple[PixelStep | AdversarialStep, lpips.Lpips | None]:
    """All that a run reads beside the pictures: its step, and LPIPS if it is validated by it."""
    distance = lpips.load(settings.game.lpips) if settings.game and settings.game.lpips else None
    return _step(settings), distance


def _step(settings: Settings) -> PixelStep | AdversarialStep:
    """The networks with fresh or given weights, computing in the settings' precision, and what trains them."""
    keras.utils.set_random_seed(settings.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(PRECISIONS[settings.precision])
    try:
        model = zoo.create(settings.model)
        if settings.init_weights:
            zoo.load_weights(model, settings.init_weights)
        if settings.game is None:
            return PixelStep(model, PIXEL_LOSSES[settings.loss])
        return _adversarial_step(model, settings.game, settings.patch)
    finally:
        keras.config.set_dtype_policy(policy)


def _adversarial_step(model: keras.Model, game: Game, patch: int) -> AdversarialStep:
    objective = game.objective
    content = ContentLoss(
        objective.content,
        game.vgg,
        game.vgg_preprocessing,
        objective.activation,
        objective.distance,
        objective.feature_scale,
    )
    terms: dict[str, tuple[float, Callable]] = {"content": (1.0, content)}
    if objective.pixel_weight:
        terms["pixel"] = (objective.pixel_weight, PIXEL_LOSSES[objective.pixel])
    if objective.grid_weight:
        terms["grid"] = (objective.grid_weight, partial(grid, scale=scale_of(model)))
    head = game.discriminator_head
    opponent = discriminator(patch if head == "flatten" else None, game.discriminator_norm, head)
    return AdversarialStep(
        model, opponent, ADVERSARIAL_LOSSES[objective.adversarial], objective.adversarial_weight, terms
    )
