from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def execution() -> Iterator[None]:
    """TFF computations run: one execution context for all the tests of a file, as starting one costs seconds."""
    from federated.runtime.execution_context import execution_context

    with execution_context():
        yield
