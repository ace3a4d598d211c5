"""Built-in operations only, weights in int8, the signatures whole."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keyboard_model.model import cifg_lstm
from tests.support.tflite_export.models import PARAMETERS, SHAPE
from tflite_export.signatures import ExportError, convert


@pytest.fixture(scope="module")
def interpreter(converted):
    return Interpreter(model_content=converted)


def test_it_loads_where_only_built_in_operations_are(interpreter):
    """LiteRT alone has no Flex delegate: a model with a Select-TF operation fails to allocate here."""
    assert set(interpreter.get_signature_list()) == {"step", "adapt", "evaluate"}
    for name in interpreter.get_signature_list():
        assert interpreter.get_signature_runner(name).get_output_details()
    assert not any("Flex" in detail["op_name"] for detail in interpreter._get_ops_details())


def test_the_embedding_is_int8_and_stored_once(interpreter, converted):
    size = PARAMETERS.embedding.size
    kinds = {
        t["dtype"] for t in interpreter.get_tensor_details() if list(t["shape"]) == list(PARAMETERS.embedding.shape)
    }
    assert np.int8 in kinds
    in_float = sum(part.nbytes for part in PARAMETERS)
    assert size < len(converted)
    assert len(converted) - 3 * 40_000 < in_float, (
        "the graph of three signatures, and weights in a quarter of float's size"
    )


def test_the_same_model_converts_to_the_same_bytes(converted):
    assert convert(PARAMETERS, SHAPE) == converted


def test_what_tflite_cannot_express_is_one_error(monkeypatch):
    import tensorflow as tf

    unroll = cifg_lstm.unroll
    # Sorting strings is in no TFLite build.
    monkeypatch.setattr(
        cifg_lstm,
        "unroll",
        lambda shared, tokens, bos: (
            unroll(shared, tokens, bos) + tf.strings.to_number(tf.strings.as_string(tf.reduce_sum(tokens))) * 0.0
        ),
    )
    with pytest.raises(ExportError, match="built-in operations"):
        convert(PARAMETERS, SHAPE)
