"""People for a fleet, whose messages a test can count."""

from datetime import datetime, timedelta

from device_runtime.simulation.fleet.world.plan import World
from device_runtime.simulation.held_out import SimulatedUser

CALM = World(
    unplugged_nights=0,
    always_metered=0,
    switched_off_at_night=0,
    days_off=0,
    wrong_clocks=0,
    jumping_clocks=0,
    late_phones=0,
)
"""A world in which nothing goes wrong."""

SAID = ("zorblax at the quay tonight", "call me wibbly, ok?", "meet zorblax by the old mill", "wibbly says hi")


def chatty(name, days=6, a_day=12):
    """Someone who types `a_day` messages between 9:00 and 21:00 on each of `days` days, at known times."""
    first = datetime(2015, 3, 7, 9)
    messages = [
        (first + timedelta(days=day, minutes=720 * i // a_day), SAID[(day + i) % len(SAID)])
        for day in range(days)
        for i in range(a_day)
    ]
    return SimulatedUser(name, messages)


def timeless(name, messages=40):
    """Someone whose messages bear no times."""
    return SimulatedUser(name, [(None, SAID[i % len(SAID)]) for i in range(messages)])
