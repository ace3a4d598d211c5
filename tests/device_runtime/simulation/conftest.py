import pytest

from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.simulator import simulate
from tests.support.device_runtime.simulation.users import CORPUS, repetitive_user


@pytest.fixture(scope="session")
def users():
    return [
        repetitive_user("ann"),
        SimulatedUser("silent", []),
        SimulatedUser("once", [(None, "hello there")]),
        SimulatedUser("wordless", [(None, "😀 !!")] * 25),
        SimulatedUser("broken", [(None, "fine")] * 20 + [(None, None)] * 5),
        SimulatedUser("half", [(None, "\ud800 half a pair")] * 25),
        repetitive_user("bob", 25, 1),
    ]


@pytest.fixture(scope="session")
def report(bundle, users):
    return simulate(bundle, users, corpus=CORPUS)
