"""Several replicas that train as one: what a step needs of the others, how it runs on all, and what processes agree on.

Every variable is assigned on each replica by itself, from values that are the same on all: a step's gradients, figures
and statistics are means over the replicas before they are used, and nothing else of a step is shared.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

KINDS = ("mirrored", "multi-worker")

LOST = 75
"""Exit status of a worker whose fellow is gone: "temporary failure, try again" (EX_TEMPFAIL of sysexits.h)."""

GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
"""Errors of TensorFlow when a process of a reduction is gone, or has come back as another."""

EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


class WorkerLostError(RuntimeError):
    """Another worker's process ended or cannot be reached; all must be started again."""


def mean_over_replicas(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the mean of each tensor over all replicas, within a step. Gradients go through."""
    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync == 1 or not tensors:
        return list(tensors)
    return list(replica.all_reduce(tf.distribute.ReduceOp.MEAN, [tf.identity(tensor) for tensor in tensors]))


def average_over_replicas(variables: Sequence) -> None:
    """Gives each variable the mean of its values on all replicas, within a step."""
    if variables and tf.distribute.get_replica_context().num_replicas_in_sync > 1:
        means = mean_over_replicas([tf.convert_to_tensor(variable) for variable in variables])
        for variable, mean in zip(variables, means, strict=True):
            variable.assign(mean)


def whole_batch(part: tf.Tensor) -> tf.Tensor:
    """Gathers (n, ...) of this replica's crops into (N, ...) of the global batch, in its order, within a step.

    Each replica computes the same loss of the whole batch. The gradient of its own part is the global batch's, times
    the number of replicas; so the mean over the replicas is right.
    """
    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync == 1:
        return part
    # Zeros but for its own place, summed; unlike a gather this is one reduction on every device.
    own = tf.one_hot(replica.replica_id_in_sync_group, replica.num_replicas_in_sync, dtype=part.dtype)
    own = tf.reshape(own, [-1] + [1] * part.shape.rank)
    parts = replica.all_reduce(tf.distribute.ReduceOp.SUM, own * part[None])
    return tf.reshape(parts, tf.concat([[-1], tf.shape(part)[1:]], 0))


def part_of_replica(count: tf.Tensor, make: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Takes this replica's `count` rows of what `make` gives for the global batch, within a step."""
    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync == 1:
        return make(count)
    first = count * replica.replica_id_in_sync_group
    return make(count * replica.num_replicas_in_sync)[first : first + count]


def synchronise_batch_norm(model: keras.Model) -> None:
    """Makes batch normalisation use statistics over the crops of all replicas, as one replica would."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


class Distribution:
    """Replicas that train as one: those of a strategy of TensorFlow's, or one in one process, which shares nothing.

    Args:
        strategy: a MirroredStrategy, or a MultiWorkerMirroredStrategy with as many devices in each process; None: one
            replica.
        processes: number of processes that train together.
        index: index of this process.

    Attributes:
        replicas: number of replicas over all processes.
        chief: whether this process is the one that reads and writes the run's folder.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, processes: int = 1, index: int = 0):
        self.strategy: Any = strategy
        self.replicas = strategy.num_replicas_in_sync if strategy else 1
        self.processes = processes
        self.index = index
        self._here = self.replicas // processes
        self._table = tf.function(self._make_table)

    @property
    def chief(self) -> bool:
        return self.index == 0

    def check(self, batch: int) -> None:
        """Raises ValueError if the replicas cannot share a global batch evenly."""
        if batch % self.replicas:
            below = batch - batch % self.replicas
            fitting = f"{below} or {below + self.replicas}" if below else str(self.replicas)
            raise ValueError(
                f"the batch is that of all {self.replicas} replicas together, which must share it evenly: expected a "
                f"multiple of {self.replicas}, got {batch}; give --batch {fitting}"
            )

    def part(self, batch: int) -> slice:
        """Crops of the global batch that this process computes."""
        share = batch // self.processes
        return slice(self.index * share, (self.index + 1) * share)

    def scope(self) -> AbstractContextManager:
        """A context in which, and only there, all replicas make their shared variables, in the same order."""
        return self.strategy.scope() if self.strategy else nullcontext()

    def everywhere(self, step_fn) -> Callable:
        """A step of `srzoo.training.steps` as a function of (lr, hr, learning_rate) of this process's crops."""
        if self.strategy is None:
            return step_fn

        def of_replica(lr, hr, learning_rate):
            return step_fn.update(self._own(lr), self._own(hr), learning_rate)

        @tf.function
        def of_all(lr, hr, learning_rate):
            return self.strategy.run(of_replica, args=(lr, hr, learning_rate))

        def update(lr, hr, learning_rate):
            # All replicas have the same figures.
            logs = of_all(lr, hr, learning_rate)
            return {name: self.strategy.experimental_local_results(value)[0] for name, value in logs.items()}

        return update

    def _own(self, crops: tf.Tensor) -> tf.Tensor:
        parts = tf.reshape(crops, [self._here, crops.shape[0] // self._here, *crops.shape[1:]])
        return parts[tf.distribute.get_replica_context().replica_id_in_sync_group - self.index * self._here]

    def table(self, values: Sequence[float]) -> np.ndarray:
        """Values of all processes, float64 (processes, values); the processes wait for each other."""
        if self.processes == 1:
            return np.array([values], np.float64)
        table = self._table(tf.constant(values, tf.float64))
        return self.strategy.experimental_local_results(table)[0].numpy()

    def _make_table(self, values: tf.Tensor):
        def of_replica(values):
            # One replica of each process speaks for it.
            process, other = divmod(_replica_number(), self._here)
            own = (tf.range(self.processes) == process) & (other == 0)
            # Chosen, not multiplied by zero: a value that is not finite stays in its row.
            table = tf.where(own[:, None], values[None], tf.constant(0.0, tf.float64))
            replica = tf.distribute.get_replica_context()
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, table)

        return self.strategy.run(of_replica, args=(values,))

    def copy_from_chief(self, variables: Iterable) -> None:
        """Gives the variables the values that they have in the chief; the processes wait for each other."""
        if self.processes == 1:
            return
        # Whole numbers as float64, which has them exactly up to 2^53: not every device can add others up.
        kinds: dict[tf.DType, list] = {}
        for variable in variables:
            dtype = tf.as_dtype(variable.dtype)
            kinds.setdefault(dtype if dtype.is_floating else tf.float64, []).append(variable)

        def of_replica():
            replica = tf.distribute.get_replica_context()
            for dtype, alike in kinds.items():
                values = [tf.identity(tf.cast(variable, dtype)) for variable in alike]
                if _replica_number():
                    values = [tf.zeros_like(value) for value in values]
                values = replica.all_reduce(tf.distribute.ReduceOp.SUM, values)
                for variable, value in zip(alike, values, strict=True):
                    variable.assign(tf.cast(value, variable.dtype))

        tf.function(lambda: self.strategy.run(of_replica), autograph=False)()

    def watched(self) -> AbstractContextManager:
        """A context in which the end of another process is a WorkerLostError."""
        return _watched(self.index, self.processes) if self.processes > 1 else nullcontext()

    def describe(self, batch: int, learning_rate: float) -> str:
        """Describes what is global and what is a replica's; empty for one replica."""
        if self.strategy is None:
            return ""
        processes = f"{self.processes} process{'es' if self.processes > 1 else ''}"
        return (
            f"{self.replicas} replica{'s' if self.replicas > 1 else ''} in {processes}, global batch {batch}, "
            f"{batch // self.replicas} a replica, learning rate {learning_rate:g} for the global batch"
        )


@contextmanager
def _watched(index: int, processes: int) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        if not (isinstance(error, GONE) or "ollective" in str(error)):
            raise
        raise WorkerLostError(
            f"worker {index} of {processes} ended, because another one ended or cannot be reached; the run's "
            "checkpoints are whole: start all workers again with the same command, to go on from the last one"
        ) from error


ALONE = Distribution()


def _replica_number() -> int:
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))


def read_cluster(text: str | None) -> tuple[int, int]:
    """Reads TF_CONFIG, as https://www.tensorflow.org/guide/distributed_training describes it.

    Args:
        text: the environment variable's value; None if there is none.

    Returns:
        How many processes there are, and which of them this one is; 0 is the chief.

    Raises:
        ValueError: if it is not the JSON of a cluster of workers, maybe with a chief, and of a task in it.
    """
    if not text:
        raise ValueError(
            "--distribute multi-worker reads the environment variable TF_CONFIG, which is not set; expected JSON such "
            f"as {EXAMPLE}"
        )
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        addresses = {job: list(cluster.get(job, [])) for job in ("chief", "worker")}
        kind, index = task["type"], task["index"]
        unknown = cluster.keys() - addresses.keys()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"TF_CONFIG cannot be read ({error!r}): expected JSON such as {EXAMPLE}, got {text}"
        ) from error
    every = [*addresses["chief"], *addresses["worker"]]
    if unknown or kind not in addresses or len(addresses["chief"]) > 1:
        raise ValueError(
            f"TF_CONFIG must name workers and at most one chief, and a task that is one of them; got {text}"
        )
    for address in every:
        host, _, port = str(address).rpartition(":")
        if not (host and port.isdigit() and 0 < int(port) < 65536) or every.count(address) > 1:
            raise ValueError(f"TF_CONFIG: expected each address once, as host:port; got {address!r} in {text}")
    if type(index) is not int or not 0 <= index < len(addresses[kind]):
        raise ValueError(
            f"TF_CONFIG: the task's index must be from 0 to {len(addresses[kind]) - 1}, because the cluster has "
            f"{len(addresses[kind])} of {kind!r}; got {index!r}"
        )
    return len(every), index + (len(addresses["chief"]) if kind == "worker" else 0)


def open_distribution(kind: str | None) -> Distribution:
    """The replicas that a command asks for; of several processes, each waits here until all are there.

    Args:
        kind: None: this process with one device. `mirrored`: all its GPUs, or else its processor. `multi-worker`: the
            processes that TF_CONFIG names, each with all its GPUs; no tensor may have been made before.

    Raises:
        ValueError: for an unknown kind, or a TF_CONFIG that names no cluster.
        WorkerLostError: if another process ends meanwhile.
    """
    if kind is None:
        return ALONE
    if kind not in KINDS:
        raise ValueError(f"--distribute must be one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "mirrored":
        return Distribution(tf.distribute.MirroredStrategy())
    processes, index = read_cluster(os.environ.get("TF_CONFIG"))
    with _watched(index, processes):
        return Distribution(tf.distribute.MultiWorkerMirroredStrategy(), processes, index)
