"""The phone's functions: shapes, names and maths in TensorFlow, and the converted model (int8, built-in operations)."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keyboard_model.batching import IGNORE
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.step_sizes import StepSizes
from tests.support.tflite_export.models import PARAMETERS, SHAPE, B, E, H, R, T
from tflite_export.signatures import ExportError, PhoneModule, convert

V = SHAPE.vocab
ADAPTER = adapters.AdapterTensors(
    *(np.random.default_rng(0).normal(0, 0.3, shape).astype(np.float32) for shape in ((E, R), (R, E), (V,)))
)
TENSORS = {name: tf.constant(part) for name, part in ADAPTER._asdict().items()}
TOKENS = tf.constant(np.random.default_rng(0).integers(1, V, (B, T)), tf.int32)
TARGETS = tf.constant(np.where(np.arange(B * T) % 3, np.arange(B * T) + 5, IGNORE).reshape(B, T), tf.int32)


@pytest.fixture(scope="module")
def module():
    return PhoneModule(PARAMETERS, SHAPE)


def test_signatures_have_exactly_the_specified_tensors(module):
    adapter = {"lora_a": (E, R), "lora_b": (R, E), "bias": (V,)}
    windows = {"tokens": (B, T), "targets": (B, T)}
    anchors = {f"anchor_{name}": shape for name, shape in adapter.items()}
    rates = dict.fromkeys(("learning_rate", "bias_rate", "proximal", "clip"), ())
    expected = {
        "step": {"token": (1,), "cell": (1, H), "projection": (1, E)} | adapter,
        "adapt": windows | adapter | anchors | rates,
        "evaluate": windows | adapter,
    }
    functions = module.functions()
    for name, function in functions.items():
        positional, named = function.structured_input_signature
        specs = [*positional, *named.values()]
        assert {spec.name: tuple(spec.shape) for spec in specs} == expected[name]
    assert functions.keys() == expected.keys()


def test_step_agrees_with_the_model(module):
    state = cifg_lstm.zero_state(1, PARAMETERS)
    found = module.step(tf.constant([7]), *state, **TENSORS)
    features, after = cifg_lstm.step(PARAMETERS, tf.constant([7]), state)
    expected = tf.nn.log_softmax(adapters.logits(PARAMETERS, ADAPTER, features))
    np.testing.assert_allclose(found["log_probs"], expected, atol=1e-6)
    np.testing.assert_allclose(found["cell"], after.cell, atol=1e-6)
    np.testing.assert_allclose(found["projection"], after.projection, atol=1e-6)


def test_adapt_agrees_with_the_adapter_step(module):
    rates = StepSizes(*map(tf.constant, (0.5, 2.0, 0.1, 0.3)))
    anchors = {f"anchor_{name}": tf.zeros_like(part) for name, part in TENSORS.items()}
    found = module.adapt(TOKENS, TARGETS, **TENSORS, **anchors, **rates._asdict())
    features = tf.reshape(cifg_lstm.unroll(PARAMETERS, TOKENS, SHAPE.bos), [-1, E])
    zero = adapters.AdapterTensors(*(tf.zeros_like(part) for part in ADAPTER))
    moved, loss = adapters.step(PARAMETERS, ADAPTER, zero, features, tf.reshape(TARGETS, [-1]), rates)
    assert float(found["loss"]) == pytest.approx(float(loss), rel=1e-5)
    for name, part in moved._asdict().items():
        np.testing.assert_allclose(found[name], part, atol=1e-6)


def test_evaluate_is_zero_at_ignored_targets(module):
    found = module.evaluate(TOKENS, TARGETS, **TENSORS)["log_probs"].numpy()
    np.testing.assert_array_equal(found == 0, TARGETS.numpy() == IGNORE)
    assert (found <= 0).all()


@pytest.fixture(scope="module")
def interpreter(converted):
    return Interpreter(model_content=converted)


def test_the_model_uses_built_in_operations_only(interpreter):
    """LiteRT alone has no Flex delegate: a model with a Select-TF operation fails to allocate here."""
    assert set(interpreter.get_signature_list()) == {"step", "adapt", "evaluate"}
    for name in interpreter.get_signature_list():
        assert interpreter.get_signature_runner(name).get_output_details()
    assert not any("Flex" in detail["op_name"] for detail in interpreter._get_ops_details())


def test_adapt_multiplies_the_scores_without_batch_matmul(interpreter):
    """Its kernel was measured ten times as slow as that of a fully connected layer."""
    shapes = {tensor["index"]: list(tensor["shape"]) for tensor in interpreter.get_tensor_details()}
    assert interpreter.get_signature_runner("adapt")._subgraph_index == 0, "the details are those of the first one"
    over_all_pieces = {
        operation["op_name"]
        for operation in interpreter._get_ops_details()
        if any(V in shapes.get(index, []) for index in operation["inputs"])
    }
    assert "FULLY_CONNECTED" in over_all_pieces
    assert "BATCH_MATMUL" not in over_all_pieces


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


def test_conversion_is_deterministic(converted):
    assert convert(PARAMETERS, SHAPE) == converted


def test_conversion_failures_raise_export_error(monkeypatch):
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
