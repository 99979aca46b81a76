"""A step of training as a Keras model, for `fit`."""

import keras

from srzoo.training.steps import AdversarialStep, PixelStep


class StepModel(keras.Model):
    """A step of srzoo's training as a Keras model, so that `fit` trains by it, with Keras's callbacks and progress bar.

    What it predicts, and what `evaluate` and `validation_data` measure, is SR of the moving average of the generator's
    weights, `step.average`, which is the network to keep. In `fit`'s history metrics are means over an epoch, and the
    step's figures, `loss` among them, are those of its last batch. What `save_weights` and Keras's `ModelCheckpoint`
    write holds both networks and, once compiled, both optimizers; after `compile` and `load_weights`, `fit` goes on
    from there.

    Args:
        step: of `gan_step`, an `AdversarialStep` of one's own, or a `PixelStep`.

    Example:
        >>> gan = StepModel(gan_step(generator))
        >>> gan.compile(learning_rate=1e-4, metrics=[srzoo.metrics.PSNRY(shave=4)])
        >>> gan.fit(srzoo.data.pairs("photos/"), steps_per_epoch=1000, epochs=20)
        >>> srzoo.save_weights(gan.step.average, "mine.weights.h5")
    """

    def __init__(self, step: AdversarialStep | PixelStep):
        if not isinstance(step, AdversarialStep | PixelStep):
            raise TypeError(f"StepModel takes a step of training, as `gan_step(generator)` gives; got {step!r}")
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
