"""Turns settings into a finished run: opens the data, builds the networks, and gives both to the loop."""

import json
import logging
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from zlib import crc32

import keras
import numpy as np

from srzoo import shipped, zoo
from srzoo.backend import dtype_policy, require_tensorflow
from srzoo.data import pipeline
from srzoo.data.degraded import Degradation, degraded_validation
from srzoo.data.fingerprint import Fingerprint
from srzoo.data.items import HELD_OUT, Source
from srzoo.data.sources import open_source
from srzoo.losses import PIXEL_LOSSES, against_sharpened
from srzoo.metrics import lpips
from srzoo.models.registry import parse_known
from srzoo.training.checkpoints import named_failure
from srzoo.training.curve import draw_curve
from srzoo.training.distribution import ALONE, Distribution, synchronise_batch_norm
from srzoo.training.gan import adversarial_step
from srzoo.training.loop import Loop
from srzoo.training.precision import POLICIES
from srzoo.training.run import Run
from srzoo.training.settings import Settings
from srzoo.training.steps import AdversarialStep, PixelStep
from srzoo.training.validation import Validation

LOGGER = logging.getLogger(__name__)

STAGE_FOLDERS = ("pixel", "adversarial")
"""Folders of the two stages, below the run's folder."""


def train_stages(folder: Path, stages: tuple[Settings, ...], distribution: Distribution = ALONE, **options) -> float:
    """Trains what `srzoo.training.stages.stages_of` planned: one run in `folder`, or two below it.

    Of two, the second starts from the best weights of the first. What is finished is not done again.

    Args:
        folder: folder of the run, or of both runs.
        stages: settings of each.
        distribution: the replicas that train together; only the chief's process reads and writes the folder.
        options: the options of `train_run`.

    Returns:
        As `train_run`, of the last stage.

    Raises:
        ValueError: the errors of `train_run`, or if the replicas cannot share a batch evenly.
        srzoo.training.distribution.WorkerLostError: if another process ends before the last stage does.
    """
    require_tensorflow("training by srzoo's loop")
    for stage in stages:
        distribution.check(stage.batch)
    with distribution.watched():
        if distribution.chief:
            return _train_stages(folder, stages, distribution=distribution, **options)
        # A run that nobody keeps, so that the loop need not know who is who.
        with tempfile.TemporaryDirectory(prefix="srzoo-", ignore_cleanup_errors=True) as own:
            logging.getLogger("srzoo").setLevel(logging.ERROR)  # the chief says it
            return _train_stages(Path(own), stages, distribution=distribution, **options)


def _train_stages(folder: Path, stages: tuple[Settings, ...], distribution: Distribution, **options) -> float:
    train: Callable[..., float] = partial(train_run, distribution=distribution, **options)
    if len(stages) == 1:
        return train(folder, stages[0])
    first, second = (folder / name for name in STAGE_FOLDERS)
    # Report what is wrong with the second's files before spending hours on the first.
    _load_files(stages[1], distribution, PixelStep)
    # An extended second stage continues from its own weights, so the first need not grow too. All processes do as the
    # chief does, which alone has the folder.
    if not distribution.table([float((second / "config.json").exists())])[0, 0]:
        train(first, stages[0])
    return train(second, replace(stages[1], init_weights=str(Run(first, stages[0]).best_weights)))


def train_run(
    folder: Path,
    settings: Settings,
    validate_every: int = 1000,
    memory: float = 4e9,
    data_dir: str | None = None,
    distribution: Distribution = ALONE,
    pixel_step: type[PixelStep] = PixelStep,
    teacher: Callable[[np.ndarray], np.ndarray] | None = None,
) -> float:
    """Trains a network, or resumes the run in that folder.

    Args:
        folder: folder of the run, see `srzoo.training.run`.
        settings: settings of the run.
        validate_every: steps between two validations.
        memory: bytes of decoded pictures held in memory.
        data_dir: where tensorflow-datasets keeps its data.
        distribution: the replicas that train together.
        pixel_step: what trains on pixels.
        teacher: if the settings name one: from LR to its SR, see `srzoo.data.pipeline.Teacher`.

    Returns:
        The best validation score: LPIPS in GAN training where its weights are given (NaN where they are
        not), and PSNR-Y in dB otherwise; NaN in processes other than the chief.

    Raises:
        ValueError, OSError: for settings, data or a folder that cannot be used.
        srzoo.training.loop.NotFiniteError, srzoo.training.stopping.Stopped: the errors of `Loop.train`.
    """
    scale = parse_known(settings.model).scale
    degradation = Degradation(settings.degrade, settings.degrade_clean or 0.0) if settings.degrade else None
    crops = pipeline.Crops(scale, settings.patch, settings.batch, settings.fit, settings.seed, degradation)
    source = open_source(settings.dataset, scale, data_dir, settings.limit, degradation)
    if settings.validation:
        held_out = open_source(settings.validation, scale, data_dir)
        own = list(islice(held_out.validation, HELD_OUT))
        source = Source(source.name, source.train, own or held_out.train)
    if settings.fit == "resize":
        LOGGER.info("pictures are squeezed to %d HR pixels a side, and LR is made from that", settings.patch)
    taught = None
    if settings.teacher:
        if teacher is None:
            raise ValueError(f"the settings name the teacher {settings.teacher!r}, but no function that upscales as it")
        taught = pipeline.Teacher(teacher, settings.teacher_weight or 1.0)
    step_fn, distance = _load_files(settings, distribution, pixel_step)
    run = Run(folder, settings)

    with run.lock:
        if run.config.exists():
            run.lock.take()  # before minutes are spent on decoding
        # What is left of them after shaving must not be empty. Of --lpips, AlexNet alone is in one file.
        least = max(2 * scale + 1, lpips.ALEXNET.least if settings.lpips else 0)
        pictures = pipeline.decode(source, crops, memory, taught, least)
        if degradation and not settings.validation:
            degraded = degraded_validation(pictures.validation, degradation, settings.seed)
            pictures = replace(pictures, validation=degraded)
        run.begin()  # only now: a data set that turns out unusable leaves no folder behind
        changed = run.compare_pictures(pictures.fingerprint)
        if changed:
            LOGGER.warning(
                "the data set is not as it was when this run last read it: %s; the run goes on with what is there now, "
                "and not as it would have gone on before",
                changed,
            )
        if pictures.trained_on:
            LOGGER.warning(
                "%d of the pictures to validate on are trained on too, such as %s: their figures are too good",
                len(pictures.trained_on),
                pictures.trained_on[0],
            )
        left_out = len(pictures.unreadable) + len(pictures.too_small)
        loss = settings.objective or settings.loss
        LOGGER.info(
            f"{settings.model}, {loss}, {settings.precision}, {step_fn.model.count_params():,} parameters; "
            f"{len(pictures.train)} pictures to train on and {len(pictures.validation)} to validate on"
            f"{f', {left_out} left out' if left_out else ''} -> {folder}"
        )
        shared = distribution.describe(settings.batch, settings.learning_rate)
        if shared:
            LOGGER.info(shared)
        _compare_processes(distribution, settings, validate_every, pictures.fingerprint)
        validation = _validation(settings, step_fn.average, pictures, distance)
        batches = partial(pipeline.batches, pictures.train, crops, part=distribution.part(crops.batch))
        best = Loop(run, step_fn, batches, validation, validate_every, distribution).train()
        if distribution.chief:
            _report(run, int(step_fn.step.numpy()), validation, best)
        return best


def _compare_processes(
    distribution: Distribution, settings: Settings, validate_every: int, fingerprint: Fingerprint
) -> None:
    """Raises ValueError, in all processes, if one trains with other settings or on other pictures than the chief."""
    # Where the files are may differ from machine to machine.
    told = replace(settings, dataset="", validation=None, init_weights=None, teacher=None, vgg="")
    told = replace(told, perceptual=None, dists=None, lpips=None)
    marks = [crc32(json.dumps(each, sort_keys=True).encode()) for each in ([asdict(told), validate_every], fingerprint)]
    table = distribution.table(marks)
    for what, column in (("settings", 0), ("pictures", 1)):
        others = [str(index) for index, row in enumerate(table) if row[column] != table[0, column]]
        if others:
            raise ValueError(
                f"worker {', '.join(others)} has other {what} than the chief, worker 0: expected the same of all; give "
                "all the same command and the same data"
            )


def _validation(
    settings: Settings, model: keras.Model, pictures: pipeline.Pictures, distance: lpips.Lpips | None
) -> Validation:
    if settings.gan and not settings.lpips:
        LOGGER.warning("without LPIPS's weights (--lpips) nothing says which weights look best: the newest are kept")
    best_by = "lpips" if distance else None if settings.gan else "psnr_y"
    return Validation(model, pictures.validation, best_by, distance)


def _report(run: Run, step: int, validation: Validation, best: float) -> None:
    """Draws the curve, and says how good the run became."""
    settings = run.settings
    with named_failure(run.curve):
        draw_curve(run.read_log(), run.curve, title=f"{settings.model} on {settings.dataset}")
    results = {"psnr_y": f"best PSNR-Y {best:.2f} dB", "lpips": f"best LPIPS {best:.4f}", None: "done"}
    result = results[validation.best_by]
    if settings.gan:
        last = next((row for row in reversed(run.read_log()) if row["psnr_y"]), {})
        shown = {"psnr_y": "PSNR-Y {:.2f} dB", "lpips": "LPIPS {:.4f}", "checkerboard": "checkerboard {:.1f}"}
        figures = (text.format(float(last[name])) for name, text in shown.items() if last.get(name))
        result = f"{result}, {', '.join(figures)} at last"
    advice = _advice(settings, best, validation)
    LOGGER.info(f"step {step}: {result} on the validation pictures -> {run.best_weights}{advice}")


def _advice(settings: Settings, best: float, validation: Validation) -> str:
    """What to do about a training on pixels that ended below bicubic."""
    if settings.gan or not best < validation.bicubic:
        return ""
    ships = shipped.weights_of_name(settings.model) and not settings.init_weights
    start = f", or start from trained weights with --init-weights {settings.model}" if ships else ""
    return f"; still below bicubic ({validation.bicubic:.2f} dB): train longer{start}"


def _load_files(
    settings: Settings, distribution: Distribution, pixel_step: type[PixelStep]
) -> tuple[PixelStep | AdversarialStep, lpips.Lpips | None]:
    """All that a run reads beside the pictures: its step, and LPIPS if it is validated by it, which the chief does."""
    weights = settings.lpips if distribution.chief else None
    distance = lpips.load(weights) if weights else None
    with distribution.scope():
        return _step(settings, distribution.chief, pixel_step), distance


def _step(settings: Settings, chief: bool, pixel_step: type[PixelStep]) -> PixelStep | AdversarialStep:
    """The networks with fresh or given weights, computing in the settings' precision, and what trains them.

    Given weights are read by the chief, which the loop then copies to the others.
    """
    keras.utils.set_random_seed(settings.seed)
    with dtype_policy(POLICIES[settings.precision]):
        model = zoo.create(settings.model)
        if settings.init_weights and chief:
            _start_from(model, settings.init_weights, settings.gan)
        step: PixelStep | AdversarialStep
        if settings.gan:
            step = adversarial_step(model, settings)
        else:
            loss = PIXEL_LOSSES[settings.loss]
            loss = against_sharpened(loss) if settings.sharpen_target else loss
            step = pixel_step(model, loss, settings.optimizer or "adam")
        if settings.sync_batch_norm:
            synchronise_batch_norm(step.discriminator if isinstance(step, AdversarialStep) else model)
        return step


def _start_from(model: keras.Model, source: str, gan: bool) -> None:
    """Reads weights; of another scale all layers that fit, as EDSR's paper does from x2 to x3 and x4 (section 3.2)."""
    fresh = zoo.load_weights(model, source, other_scale=not gan)
    if fresh:
        count = sum(bool(layer.weights) for layer in model.layers)
        LOGGER.info(
            f"{source} is of another scale: {count - len(fresh)} of {count} layers start from it, and these afresh: "
            f"{', '.join(fresh)}"
        )
