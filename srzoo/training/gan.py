"""GAN training for scripts of one's own: the step of a paper's recipe."""

import keras

from srzoo.losses import ADVERSARIAL_LOSSES, TERMS, against_sharpened
from srzoo.models.discriminator import discriminator
from srzoo.models.geometry import scale_of
from srzoo.training.settings import Settings
from srzoo.training.stages import settings_of
from srzoo.training.steps import AdversarialStep


def gan_step(generator: keras.Model, **options) -> AdversarialStep:
    """The step of GAN training that `train.py` would take for a generator.

    It is called as `step(lr, hr, learning_rate)`, updates both networks, and gives what `AdversarialStep.update` does.
    `step.average` is the network to keep.

    Args:
        generator: a model of GAN training, as `srzoo.create("edsr-gan")`, with the weights of training on pixels.
        options: of the objective and the discriminator, as `srzoo.training.settings.Settings` has them: `objective`,
            `weights`, `adversarial`, `vgg`, `discriminator_head`, ... What is not given is the paper's.

    Raises:
        TypeError: if the generator is no model.
        ValueError: for an unknown option or value, or a generator that is no model of GAN training.
        OSError: if VGG's weights are not there and cannot be downloaded.

    Example:
        >>> step = gan_step(generator, objective="esrgan", weights={"adversarial": 1e-3})
    """
    if not isinstance(generator, keras.Model):
        raise TypeError(f"gan_step takes a model, as `srzoo.create` and `srzoo.load` give; got {generator!r}")
    return adversarial_step(generator, settings_of("", generator.name, **{"precision": "float32", **options}))


def adversarial_step(model: keras.Model, settings: Settings) -> AdversarialStep:
    """The step that a run's settings describe."""
    weights = dict(settings.weights)
    adversarial_weight = weights.pop("adversarial", 0.0)
    scale = scale_of(model)
    losses = {name: TERMS[name](settings, scale) for name, weight in weights.items() if weight}
    if settings.sharpen_target:
        losses |= {name: against_sharpened(losses[name]) for name in ("pixel", "content") if name in losses}
    terms = {name: (weights[name], loss) for name, loss in losses.items()}
    head = settings.discriminator_head
    size = settings.patch if head == "flatten" else None
    return AdversarialStep(
        model,
        discriminator(size, settings.discriminator_norm, head, input_kind=settings.discriminator_input),
        ADVERSARIAL_LOSSES[settings.adversarial],
        adversarial_weight,
        terms,
        settings.discriminator_rate,
    )
