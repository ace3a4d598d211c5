"""Secure sums in simulation: TFF's secure intrinsics are replaced by plain sums of the same integers.

A cryptographic protocol (Bonawitz et al. 2017, doi:10.1145/3133956.3133982) hides the summands from the server, and
works on integers of a bounded size. TFF's workers have none. What is computed here has the quantization and the bounds
of such a protocol, and its result, but it hides nothing.
"""

from __future__ import annotations

from typing import Any

from tensorflow_federated.python.core.backends.test.compiler import replace_secure_intrinsics_with_bodies
from tensorflow_federated.python.core.impl.computation.computation_impl import ConcreteComputation
from tensorflow_federated.python.core.impl.context_stack.context_stack_impl import context_stack

_INTRINSIC = b"federated_secure_"


def with_plain_sums(compiled: Any) -> Any:
    """Returns a compiled computation without secure intrinsics. One that has none is returned as it is."""
    proto = compiled.to_building_block().proto
    if _INTRINSIC not in proto.SerializeToString():
        return compiled
    replaced = replace_secure_intrinsics_with_bodies(compiled).to_building_block().proto
    # The type names the Python containers of the result, which the proto does not have.
    return ConcreteComputation(
        computation_proto=replaced, context_stack=context_stack, annotated_type=compiled.type_signature
    )
