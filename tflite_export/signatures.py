"""The phone's three functions: the shared definition of the maths, exported as TFLite signatures.

step(token[1], cell[1,H], projection[1,E], adapter…) -> log_probs[1,V], cell, projection
adapt(tokens[B,T], targets[B,T], adapter…, anchor_adapter…, rates…) -> adapter…, loss
evaluate(tokens[B,T], targets[B,T], adapter…) -> log_probs[B,T]

The TFLite model uses built-in operations only and int8 weights (dynamic range).
"""

from __future__ import annotations

import tempfile
from typing import Any

import tensorflow as tf

from device_runtime.manifest import ModelShape
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters, State
from keyboard_model.step_sizes import StepSizes


class PhoneModule(tf.Module):
    """The shared model as variables, the adapter as an argument; `functions()` returns the signatures."""

    def __init__(self, parameters: Parameters, shape: ModelShape) -> None:
        super().__init__()
        self._shape = shape
        self._variables = [tf.Variable(value, name=name) for name, value in parameters._asdict().items()]

    def _parameters(self) -> Parameters:
        return Parameters(*(variable.read_value() for variable in self._variables))

    def _features(self, tokens: tf.Tensor) -> tf.Tensor:
        features = cifg_lstm.unroll(self._parameters(), tokens, self._shape.bos)
        return tf.reshape(features, [-1, self._shape.embedding])

    def _exact_embedding(self, tokens: tf.Tensor) -> Parameters:
        """Returns the parameters with an embedding that TFLite multiplies in float.

        Its int8 kernels also round the other factor. A softmax gradient rounded to 1/127 of its largest entry loses
        the small probabilities: one step was measured 42 % off. A lookup of every row gives the same weights in
        float; the offset, always 0, keeps the converter from folding it.
        """
        parameters = self._parameters()
        rows = tf.range(self._shape.vocab) + tf.minimum(tf.reduce_min(tokens), 0)
        return parameters._replace(embedding=tf.gather(parameters.embedding, rows))

    def step(self, token: tf.Tensor, cell: tf.Tensor, projection: tf.Tensor, **adapter: tf.Tensor) -> dict:
        parameters = self._parameters()
        features, state = cifg_lstm.step(parameters, token, State(cell, projection))
        scores = adapters.logits(parameters, AdapterTensors(**adapter), features)
        return {"log_probs": tf.nn.log_softmax(scores), "cell": state.cell, "projection": state.projection}

    def adapt(self, tokens: tf.Tensor, targets: tf.Tensor, **values: tf.Tensor) -> dict:
        adapter = AdapterTensors(**{name: values[name] for name in AdapterTensors._fields})
        anchor = AdapterTensors(**{name: values[f"anchor_{name}"] for name in AdapterTensors._fields})
        rates = StepSizes(**{name: values[name] for name in StepSizes._fields})
        exact = self._exact_embedding(tokens)
        features = self._features(tokens)
        moved, loss = adapters.step(exact, adapter, anchor, features, tf.reshape(targets, [-1]), rates, _product)
        return {**moved._asdict(), "loss": loss}

    def evaluate(self, tokens: tf.Tensor, targets: tf.Tensor, **adapter: tf.Tensor) -> dict:
        scores = adapters.logits(self._parameters(), AdapterTensors(**adapter), self._features(tokens))
        losses = cifg_lstm.token_losses(scores, tf.reshape(targets, [-1]))
        return {"log_probs": tf.reshape(-losses, tf.shape(tokens))}

    def functions(self) -> dict[str, Any]:
        """Returns the signatures by name, ready for `tf.saved_model.save`."""
        shape = self._shape
        tensors = {
            "lora_a": tf.TensorSpec([shape.embedding, shape.rank]),
            "lora_b": tf.TensorSpec([shape.rank, shape.embedding]),
            "bias": tf.TensorSpec([shape.vocab]),
        }
        anchors = {f"anchor_{name}": spec for name, spec in tensors.items()}
        rates = dict.fromkeys(StepSizes._fields, tf.TensorSpec([]))
        windows = tf.TensorSpec([shape.batch, shape.window], tf.int32)
        inputs = {
            "step": {
                "token": tf.TensorSpec([1], tf.int32),
                "cell": tf.TensorSpec([1, shape.cells]),
                "projection": tf.TensorSpec([1, shape.embedding]),
                **tensors,
            },
            "adapt": {"tokens": windows, "targets": windows, **tensors, **anchors, **rates},
            "evaluate": {"tokens": windows, "targets": windows, **tensors},
        }
        return {
            name: tf.function(getattr(self, name)).get_concrete_function(
                **{key: tf.TensorSpec(spec.shape, spec.dtype, name=key) for key, spec in specs.items()}
            )
            for name, specs in inputs.items()
        }


def _product(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Returns left·right as (rightᵀ·leftᵀ)ᵀ, which the converter turns into a fully connected layer.

    It turns the plain product into a batch matmul, whose kernel without XNNPACK was measured ten times as slow (57 ms
    instead of 6 at `[80,9216]` times `[9216,160]`).
    """
    return tf.transpose(tf.matmul(right, left, transpose_a=True, transpose_b=True))


class ExportError(ValueError):
    """The model cannot be exported; the message says why."""


def convert(parameters: Parameters, shape: ModelShape) -> bytes:
    """Returns `model.tflite` of a shared model.

    Raises:
        ExportError: the model needs an operation that is not built into TFLite.
    """
    module = PhoneModule(parameters, shape)
    functions = module.functions()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(functions))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        try:
            return bytes(converter.convert())
        except Exception as error:  # the converter raises its own kinds, ValueError and bare Exception alike
            raise ExportError(f"TFLite cannot express this model with built-in operations: {error}") from error
