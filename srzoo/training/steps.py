"""One update of the weights, as a graph. The only tapes of the project are here."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from srzoo.backend import require_tensorflow
from srzoo.losses import AdversarialLoss
from srzoo.recipes import AVERAGE
from srzoo.training.distribution import average_over_replicas, mean_over_replicas, part_of_replica, whole_batch
from srzoo.training.optimizers import optimizer_of


class _Step:
    """Common part of both kinds of steps.

    Attributes:
        optimizer: the generator's, in float16 with the loss scaling that it needs.
        average: a copy of the generator that holds the exponential moving average of its weights.
        step: int64 variable, the number of updates done.
        checkpointed: what must be saved to continue later as if nothing had happened.
    """

    def __init__(self, model: keras.Model, optimizer: str = "adam"):
        require_tensorflow("a training step of srzoo")
        self.model = model
        self.optimizer = optimizer_of(model, optimizer)
        self.average = keras.models.clone_model(model)
        self.average.set_weights(model.get_weights())
        self.step = tf.Variable(0, dtype=tf.int64, name="step")
        self.checkpointed = {
            "model": model,
            "average": self.average,
            "optimizer": self.optimizer,
            "step": self.step,
        }

    def __call__(self, lr: tf.Tensor, hr: tf.Tensor, learning_rate: float | tf.Tensor) -> dict[str, tf.Tensor]:
        """`update` as a graph, for one replica."""
        # Each new Python float would be a constant of a new graph.
        return self._graph(lr, hr, tf.convert_to_tensor(learning_rate, tf.float32))

    @tf.function
    def _graph(self, lr: tf.Tensor, hr: tf.Tensor, learning_rate: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.update(lr, hr, learning_rate)

    def update(self, lr: tf.Tensor, hr: tf.Tensor, learning_rate: tf.Tensor) -> dict[str, tf.Tensor]:
        raise NotImplementedError

    def _update_generator(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> dict[str, tf.Tensor]:
        gradients = _apply(self.optimizer, self.model, gradients, learning_rate)
        self.step.assign_add(1)
        done = tf.cast(self.step, tf.float32)
        # Early on the average follows closely, or it would hold the random start for long.
        keep = tf.minimum(AVERAGE, done / (done + 10))
        # The statistics of batch normalisation too: today's do not fit the average of older weights.
        for mean, value in zip(self.average.variables, self.model.variables, strict=True):
            mean.assign(keep * mean + (1 - keep) * value)
        scaled = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)
        return {} if scaled else {"gradient_norm": tf.linalg.global_norm(gradients)}


class PixelStep(_Step):
    """Trains a generator on a loss between SR and HR pixels, and keeps the average of its weights.

    Args:
        model: the generator, (N, h, w, 3) to (N, scale h, scale w, 3), pixels in [0, 255].
        loss: function from (hr, sr), float32 pixels in [0, 255], to a value for each crop, (N,), or to their mean.
        optimizer: a key of `srzoo.training.optimizers.OPTIMIZERS`.
    """

    def __init__(self, model: keras.Model, loss: Callable, optimizer: str = "adam"):
        super().__init__(model, optimizer)
        self.loss = loss

    def update(self, lr: tf.Tensor, hr: tf.Tensor, learning_rate: tf.Tensor) -> dict[str, tf.Tensor]:
        """Updates the weights on one batch, of which each replica has an equal part.

        Args:
            lr: uint8 (N, h, w, 3).
            hr: uint8 (N, scale h, scale w, 3).
            learning_rate: float32 scalar.

        Returns:
            Scalars by name: `loss`, and `gradient_norm` (in float16 a norm of infinity is no fault: the
            loss scaling passes such a step over, so it is left out there).
        """
        loss, gradients = self.gradients(lr, hr)
        # Each replica has moved the statistics of batch normalisation by its own crops.
        average_over_replicas(self.model.non_trainable_variables)
        return _means({"loss": loss}) | self._update_generator(gradients, learning_rate)

    def gradients(self, lr: tf.Tensor, hr: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The loss of this replica's crops, and the gradients of the scaled loss, in the order of the weights."""
        with tf.GradientTape() as tape:
            sr = self.model(tf.cast(lr, tf.float32), training=True)
            loss = tf.reduce_mean(self.loss(tf.cast(hr, tf.float32), sr))
            objective = self.optimizer.scale_loss(loss)
        return loss, tape.gradient(objective, self.model.trainable_variables)


class AdversarialStep(_Step):
    """GAN training as in SRGAN: a generator against a discriminator, both updated from one pass of the generator.

    The generator minimises the weighted sum of its terms (arXiv 1609.04802, equation 3); the discriminator learns
    to distinguish its pictures from photographs. Both gradients are those at the weights before the step.

    The generator's batch normalisation works with the statistics that it was pre-trained with, as at inference, so
    what is trained is what will be used; with each batch's own statistics the two drift apart, which shows as spots.

    Args:
        model: the generator, (N, h, w, 3) to (N, scale h, scale w, 3), pixels in [0, 255], trained on pixels.
        discriminator: network from (N, scale h, scale w, 3) pixels in [0, 255] to logits (N, 1).
        loss: adversarial, of both.
        adversarial_weight: weight of the generator's adversarial term, 1e-3 in the paper.
        terms: name -> (weight, function as the loss of `PixelStep`), the generator's other terms, such as `content`.
        discriminator_rate: the discriminator's learning rate as a multiple of the generator's.
    """

    def __init__(
        self,
        model: keras.Model,
        discriminator: keras.Model,
        loss: AdversarialLoss,
        adversarial_weight: float,
        terms: Mapping[str, tuple[float, Callable]],
        discriminator_rate: float = 1.0,
    ):
        super().__init__(model)
        self.discriminator = discriminator
        self.loss = loss
        self.adversarial_weight = adversarial_weight
        self.terms = dict(terms)
        self.discriminator_rate = discriminator_rate
        self.discriminator_optimizer = optimizer_of(discriminator)
        self.checkpointed |= {
            "discriminator": discriminator,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def update(self, lr: tf.Tensor, hr: tf.Tensor, learning_rate: tf.Tensor) -> dict[str, tf.Tensor]:
        """Updates both networks on one batch; arguments as of `PixelStep.update`, the rate being the generator's.

        Returns:
            Scalars by name. `loss`: the generator's, weighted; each term's own value under its name, unweighted,
            `adversarial` among them; `<term>_share`: of the norms of the weighted terms' gradients by the pixels
            of SR; `d_loss`; `d_real` and `d_fake`: the mean probabilities that the discriminator gives HR and SR
            to be photographs; `gradient_norm`, but in float16 (see `PixelStep`).
        """
        hr = tf.cast(hr, tf.float32)
        with tf.GradientTape() as generator_tape:
            sr = self.model(tf.cast(lr, tf.float32), training=False)
        # The generator's operations are on the other tape: from here on SR is where each gradient ends.
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(sr)
            real, fake = self.discriminator(hr, training=True), self.discriminator(sr, training=True)
            # Relativistic losses compare each answer with the mean of all the others.
            real, fake = whole_batch(real), whole_batch(fake)
            values = {name: tf.reduce_mean(term(hr, sr)) for name, (_, term) in self.terms.items()}
            values["adversarial"] = self.loss.generator(real, fake)
            d_loss = self.loss.discriminator(real, fake)
            if self.loss.gradient_penalty:
                d_loss += self.loss.gradient_penalty * self._gradient_penalty(hr, sr)
            weights = {name: weight for name, (weight, _) in self.terms.items()}
            weights["adversarial"] = self.adversarial_weight
            objectives = {name: self.optimizer.scale_loss(weights[name] * value) for name, value in values.items()}
            d_objective = self.discriminator_optimizer.scale_loss(d_loss)
        by_pixels = {name: tape.gradient(objective, sr) for name, objective in objectives.items()}
        d_gradients = tape.gradient(d_objective, self.discriminator.trainable_variables)
        del tape
        gradients = generator_tape.gradient(
            sr, self.model.trainable_variables, output_gradients=tf.add_n(list(by_pixels.values()))
        )
        of_generator = self._update_generator(gradients, learning_rate)
        d_rate = self.discriminator_rate * learning_rate
        _apply(self.discriminator_optimizer, self.discriminator, d_gradients, d_rate)
        average_over_replicas(self.discriminator.non_trainable_variables)
        d_real, d_fake = self.loss.probabilities(real, fake)
        loss = tf.add_n([weights[name] * value for name, value in values.items()])
        logs = {"loss": loss, **values, "d_loss": d_loss, "d_real": d_real, "d_fake": d_fake}
        return _means(logs) | _shares(by_pixels) | of_generator

    def _gradient_penalty(self, hr: tf.Tensor, sr: tf.Tensor) -> tf.Tensor:
        """Mean of (norm - 1)^2 at random points between HR and SR (arXiv 1704.00028, algorithm 1)."""
        sr = tf.stop_gradient(sr)
        # It depends on the step alone, so that a resumed run draws the same.
        place = part_of_replica(
            tf.shape(hr)[0], lambda count: tf.random.stateless_uniform([count, 1, 1, 1], seed=[0, self.step])
        )
        between = sr + place * (hr - sr)
        with tf.GradientTape() as tape:
            tape.watch(between)
            logits = self.discriminator(between, training=True)
            # The mean over the crop's parts, as in the loss.
            logits = tf.reduce_mean(tf.reshape(logits, [tf.shape(logits)[0], -1]), axis=1)
        gradient = 255 * tape.gradient(logits, between)  # by pixels on [0, 1]
        norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3)) + 1e-12)
        return tf.reduce_mean(tf.square(norm - 1))


def _apply(
    optimizer: keras.optimizers.Optimizer, model: keras.Model, gradients: list[tf.Tensor], learning_rate: tf.Tensor
) -> list[tf.Tensor]:
    """Takes gradients of the scaled loss of this replica's crops; gives those of the global batch."""
    gradients = mean_over_replicas(gradients)
    optimizer.learning_rate.assign(learning_rate)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return gradients


def _means(logs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Figures that are means over crops, of the global batch."""
    return dict(zip(logs, mean_over_replicas(list(logs.values())), strict=True))


def _shares(gradients: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    powers = _means({name: tf.reduce_sum(tf.square(gradient)) for name, gradient in gradients.items()})
    norms = {name: tf.sqrt(power) for name, power in powers.items()}
    whole = tf.add_n(list(norms.values()))
    shares = {f"{name}_share": tf.math.divide_no_nan(norm, whole) for name, norm in norms.items()}
    # In float16 a gradient may be infinite, in a step that the loss scaling then passes over.
    return {name: tf.where(tf.math.is_finite(share), share, 0.0) for name, share in shares.items()}
