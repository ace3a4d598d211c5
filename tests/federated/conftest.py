from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def execution() -> Iterator[None]:
    """Lets TFF computations run; all tests of a file share one execution context, which takes seconds to start."""
    from federated.runtime.execution_context import execution_context

    with execution_context():
        yield
