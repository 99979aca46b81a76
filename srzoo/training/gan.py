"""GAN training for scripts of one's own: the step of a paper's recipe, and Keras's `fit` around it."""

import keras

from srzoo.losses import ADVERSARIAL_LOSSES, TERMS, against_sharpened
from srzoo.models.discriminator import discriminator
from srzoo.models.geometry import scale_of
from srzoo.training.settings import Settings
from srzoo.training.stages import settings_of
from srzoo.training.steps import AdversarialStep, PixelStep


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


class GANModel(keras.Model):
    """A step of srzoo's training as a Keras model, so that `fit` trains by it, with Keras's callbacks and progress bar.

    What it predicts, and what `evaluate` and `validation_data` measure, is SR of the moving average of the generator's
    weights, `step.average`, which is the network to keep. In `fit`'s history metrics are means over an epoch, and the
    step's figures, `loss` among them, are those of its last batch. What `save_weights` and Keras's `ModelCheckpoint`
    write holds both networks and, once compiled, both optimizers; after `compile` and `load_weights`, `fit` goes on
    from there.

    Args:
        step: of `gan_step`, an `AdversarialStep` of one's own, or a `PixelStep`.

    Example:
        >>> gan = GANModel(gan_step(generator))
        >>> gan.compile(learning_rate=1e-4, metrics=[srzoo.metrics.PSNRY(shave=4)])
        >>> gan.fit(srzoo.data.pairs("photos/"), steps_per_epoch=1000, epochs=20)
        >>> srzoo.save_weights(gan.step.average, "mine.weights.h5")
    """

    def __init__(self, step: AdversarialStep | PixelStep):
        if not isinstance(step, AdversarialStep | PixelStep):
            raise TypeError(f"GANModel takes a step of training, as `gan_step(generator)` gives; got {step!r}")
        super().__init__(name=step.model.name)
        self.step = step
        # Keras saves the weights and states of what is in a list here.
        self.saved = [step.model, step.average]
        if isinstance(step, AdversarialStep):
            self.saved += [step.discriminator, step.discriminator_optimizer]
        self.built = True

    def save_own_variables(self, store) -> None:
        """Adds the number of updates, by which the moving average knows its age."""
        store["step"] = self.step.step.numpy()

    def load_own_variables(self, store) -> None:
        if len(store):  # files of earlier versions have none
            self.step.step.assign(store["step"][()])

    def compile(self, learning_rate: float = 1e-4, jit_compile: bool = False, **options) -> None:
        """As of any Keras model, without optimizer and loss, which are the step's.

        Args:
            learning_rate: the generator's; Keras's callbacks can change it.
            jit_compile: by XLA, which is slower on processors.
            options: such as `metrics`.
        """
        super().compile(optimizer=self.step.optimizer, jit_compile=jit_compile, **options)
        self.optimizer.learning_rate = learning_rate

    @property
    def metrics(self) -> list:
        """Keras's, less the loss that it would compute: it stays at 0 here, and took the place of the step's."""
        return [metric for metric in super().metrics if metric.name != "loss"]

    def call(self, lr, training=False):
        return self.step.average(lr, training=False)

    def train_step(self, data):
        lr, hr = _pair(data)
        logs = self.step.update(lr, hr, keras.ops.convert_to_tensor(self.optimizer.learning_rate))
        return {**self.compute_metrics(lr, hr, self(lr)), **logs}

    def test_step(self, data):
        lr, hr = _pair(data)
        if not self.metrics:
            raise ValueError("there is nothing to measure; give compile metrics, such as srzoo.metrics.PSNRY(shave=4)")
        return self.compute_metrics(lr, hr, self(lr))


def _pair(data) -> tuple:
    lr, hr, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if sample_weight is not None:
        raise ValueError("a step of srzoo weighs all crops alike; leave out sample_weight")
    return lr, hr
