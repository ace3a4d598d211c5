"""The signatures that a `model.tflite` has: written into the manifest at export, compared at loading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from device_runtime.manifest import Signature, TensorSpec


def read_signatures(interpreter: Interpreter) -> dict[str, Signature]:
    """Returns every signature of the model, its tensors' shapes and dtypes by name."""
    found = {}
    for name in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(name)
        found[name] = Signature(inputs=_specs(runner.get_input_details()), outputs=_specs(runner.get_output_details()))
    return found


def _specs(details: Mapping[str, Mapping[str, Any]]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(shape=[int(size) for size in tensor["shape"]], dtype=np.dtype(tensor["dtype"]).name)
        for name, tensor in sorted(details.items())
    }
