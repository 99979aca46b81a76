"""A SavedModel is a program: what srzoo lets it do."""

from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from srzoo.runtimes import exported
from srzoo.runtimes.operations import check_operations


def save(folder, body):
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    module.network = tf.function(
        lambda pixels: body(pixels) * module.weight, input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)]
    )
    tf.saved_model.save(module, str(folder), signatures={"float": module.network})


def writes(pixels):
    tf.io.write_file("written", "by a graph")
    return pixels


def reads(pixels):
    return pixels + tf.cast(tf.strings.length(tf.io.read_file("secret")), tf.float32)


def prints(pixels):
    tf.print(pixels, output_stream="file://written")
    return pixels


def saves(pixels):
    tf.raw_ops.SaveV2(prefix="written", tensor_names=["a"], shape_and_slices=[""], tensors=[pixels])
    return pixels


def calls_python(pixels):
    return tf.ensure_shape(tf.numpy_function(lambda given: given, [pixels], tf.float32), pixels.shape)


@pytest.mark.parametrize(
    ("body", "operation"),
    [(writes, "WriteFile"), (reads, "ReadFile"), (prints, "PrintV2"), (saves, "SaveV2"), (calls_python, "PyFunc")],
)
def test_a_graph_that_reaches_files_or_python_is_refused_before_it_runs(body, operation, here):
    save(here / "model", body)
    with pytest.raises(ValueError, match=f"model: refused, because its graph has operations .*: .*{operation}"):
        exported.load(here / "model")
    assert [path.name for path in Path().iterdir()] == ["model"]


def test_what_saves_the_weights_is_let_through_unless_something_calls_it(tmp_path):
    save(tmp_path, tf.nn.relu)
    check_operations(tmp_path)
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    library = saved.meta_graphs[0].graph_def.library
    (saver,) = (each for each in library.function if any(node.op == "SaveV2" for node in each.node_def))
    network = next(each for each in library.function if any(node.op == "Relu" for node in each.node_def))
    network.node_def.add(name="call", op="PartitionedCall").attr["f"].func.name = saver.signature.name
    (tmp_path / "saved_model.pb").write_bytes(saved.SerializeToString())
    with pytest.raises(ValueError, match="MergeV2Checkpoints, SaveV2, "):
        check_operations(tmp_path)
