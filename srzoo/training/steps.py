"""One update of the weights, as a graph. The only tapes of the project are here."""

from collections.abc import Callable

import keras
import tensorflow as tf

from srzoo.recipes import AVERAGE


class PixelStep:
    """Trains a generator on a loss between SR and HR pixels, and keeps the average of its weights.

    Args:
        model: the generator, (N, h, w, 3) to (N, scale h, scale w, 3), pixels in [0, 255].
        loss: from (hr, sr), float32 pixels in [0, 255], to a scalar.

    Attributes:
        average: a copy of the generator that holds the exponential moving average of its weights.
        step: int64 variable, the number of updates done.
        checkpointed: what must be saved to continue later as if nothing had happened.
    """

    def __init__(self, model: keras.Model, loss: Callable):
        self.model = model
        self.loss = loss
        self.average = keras.models.clone_model(model)
        self.average.set_weights(model.get_weights())
        self.optimizer = keras.optimizers.Adam(learning_rate=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
        self.scaled = any(getattr(layer, "compute_dtype", None) == "float16" for layer in model.layers)
        if self.scaled:
            self.optimizer = keras.optimizers.LossScaleOptimizer(self.optimizer)
        self.optimizer.build(model.trainable_variables)
        self.step = tf.Variable(0, dtype=tf.int64, name="step")
        self.checkpointed = {
            "model": model,
            "average": self.average,
            "optimizer": self.optimizer,
            "step": self.step,
        }

    @tf.function
    def __call__(self, lr: tf.Tensor, hr: tf.Tensor, learning_rate: tf.Tensor) -> dict[str, tf.Tensor]:
        """Updates the weights on one batch.

        Args:
            lr: uint8 (N, h, w, 3).
            hr: uint8 (N, scale h, scale w, 3).
            learning_rate: float32 scalar.

        Returns:
            Scalars by name: `loss`, and `gradient_norm` (in float16 a norm of infinity is no fault: the
            loss scaling passes such a step over, so it is left out there).
        """
        hr = tf.cast(hr, tf.float32)
        with tf.GradientTape() as tape:
            loss = self.loss(hr, self.model(tf.cast(lr, tf.float32), training=True))
            objective = self.optimizer.scale_loss(loss) if self.scaled else loss
        gradients = tape.gradient(objective, self.model.trainable_variables)
        self.optimizer.learning_rate.assign(learning_rate)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        self.step.assign_add(1)
        self._update_average()
        logs = {"loss": loss}
        if not self.scaled:
            logs["gradient_norm"] = tf.linalg.global_norm(gradients)
        return logs

    def _update_average(self) -> None:
        done = tf.cast(self.step, tf.float32)
        # Early on the average follows closely, or it would hold the random start for long.
        keep = tf.minimum(AVERAGE, done / (done + 10))
        for mean, value in zip(self.average.trainable_variables, self.model.trainable_variables, strict=True):
            mean.assign(keep * mean + (1 - keep) * value)
        for mean, value in zip(self.average.non_trainable_variables, self.model.non_trainable_variables, strict=True):
            mean.assign(value)
