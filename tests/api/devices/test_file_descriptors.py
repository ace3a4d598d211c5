from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
hard = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (min(300, hard), hard))
from api.devices.phone_pool import phones_allowed
print(phones_allowed(1000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("hard", "phones", "soft"), [(10_000, 1_000, 4_256), (1_024, 192, 1_024), (260, 1, 260), (100, 1, 100)]
)
def test_as_many_as_the_system_lets_it(hard: int, phones: int, soft: int) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(hard)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(phones), str(soft)]
