"""TensorFlow to TFLite: built-in operations only, weights in int8 (dynamic range)."""

from __future__ import annotations

import tempfile

import tensorflow as tf

from device_runtime.manifest import ModelShape
from keyboard_model.language_model import Parameters
from tflite_export.signatures import PhoneModule


class ExportError(ValueError):
    """The model cannot be exported; the message says why."""


def convert(parameters: Parameters, shape: ModelShape) -> bytes:
    """Returns `model.tflite` of a shared model.

    Raises:
        ExportError: it needs an operation that TFLite does not build in.
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
