"""The operations of a SavedModel's graph: only those that reach nothing outside of it are run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Loading alone runs parts of a graph. A list of what is refused would have to grow with TensorFlow, which has 1,400.
_COMPUTING = """
Abs Acos Acosh Add AddN AddV2 All Any ArgMax ArgMin Asin Asinh Assert Atan Atan2 Atanh AvgPool BatchMatMul BatchMatMulV2
BatchMatMulV3 BatchToSpaceND BiasAdd Bitcast BroadcastArgs BroadcastTo Case Cast Ceil CheckNumerics ClipByValue Concat
ConcatV2 ConcatenateDataset Const ConsumeMutexLock Conv2D Conv2DBackpropInput Cos Cosh CropAndResize Cumsum
DatasetToSingleElement DecodeBmp DecodeImage DecodeJpeg DecodePng DecodeRaw DepthToSpace DepthwiseConv2dNative
DisableCopyOnRead Div DivNoNan Einsum Elu EncodePng EnsureShape Equal Erf Erfc Exp ExpandDims Expm1 ExtractImagePatches
ExtractJpegShape Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2
Greater GreaterEqual Identity IdentityN If IgnoreErrorsDataset Imag IsFinite IsInf IsNan L2Loss LRN LeakyRelu Less
LessEqual LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MapDataset MatMul Max MaxPool MaxPoolV2 Maximum
Mean Min Minimum MirrorPad Mod Mul MulNoNan MutexLock MutexV2 Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2
PartitionedCall Placeholder PlaceholderWithDefault Pow PreventGradient Prod Range Rank ReadVariableOp Real RealDiv
Reciprocal Relu Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ReverseV2 Rint Roll Round
Rsqrt ScaleAndTranslate ScatterNd Select SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size Slice Softmax Softplus
Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall
StatelessCase StatelessIf StatelessWhile StopGradient StridedSlice StringFormat StringJoin StringLength Sub Substr Sum
TakeDataset Tan Tanh TensorDataset TensorListConcatV2 TensorListFromTensor TensorListGetItem TensorListLength
TensorListReserve TensorListSetItem TensorListStack Tile TopKV2 Transpose TruncateDiv TruncateMod Unpack VarHandleOp
VarIsInitializedOp Where While Xdivy Xlogy ZerosLike
"""

KNOWN = frozenset(_COMPUTING.split())
"""Operations that compute, decode pictures, or call functions of the same graph. Those of the networks that
`srzoo export` writes are among them."""

SAVING = KNOWN | {
    *("AssignVariableOp", "MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename", "StaticRegexFullMatch")
}
"""What saves and restores the weights also has. TensorFlow writes it into every SavedModel, and srzoo never runs it."""


def check_operations(folder: Path) -> None:
    """Refuses a SavedModel whose graph could reach files, sockets or Python, before TensorFlow loads it.

    Raises:
        ValueError: with the names of the operations.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    except Exception as error:  # protobuf's own
        raise ValueError(f"{folder}: not a SavedModel that can be read ({error})") from error
    if len(saved.meta_graphs) != 1 or not saved.meta_graphs[0].HasField("object_graph_def"):
        raise ValueError(f"{folder}: a SavedModel of TensorFlow 1 or with several graphs; export the model again")
    unknown = sorted(set(_unknown(saved.meta_graphs[0])))
    if unknown:
        raise ValueError(
            f"{folder}: refused, because its graph has operations that may reach files, sockets or Python, or that "
            f"srzoo does not know: {', '.join(unknown)[:200]}; give a model that `python -m srzoo export` wrote"
        )


def _unknown(graph: Any) -> Iterator[str]:
    savers = _savers(graph)
    for function in graph.graph_def.library.function:
        known = SAVING if function.signature.name in savers else KNOWN
        yield from (node.op for node in function.node_def if node.op not in known)
    yield from (node.op for node in graph.graph_def.node if node.op not in KNOWN)


def _savers(graph: Any) -> set[str]:
    """The functions that save and restore the weights, as far as nothing else can call them."""
    saver, library = graph.saver_def, graph.graph_def.library
    own = {saver.save_tensor_name.partition(":")[0], saver.restore_op_name}
    called_by_saver: set[str] = set()
    others = {each.gradient_func for each in (*library.gradient, *library.registered_gradients)}
    for node in graph.graph_def.node:
        (called_by_saver if node.name in own else others).update(_called(node))
    for function in library.function:
        for node in function.node_def:
            others.update(_called(node))
    objects = graph.object_graph_def.SerializeToString()
    return {name for name in called_by_saver - others if name.encode() not in objects}


def _called(node: Any) -> Iterator[str]:
    yield node.op  # a function may be called as an operation
    for value in node.attr.values():
        yield from (each.name for each in (value.func, *value.list.func))
