"""Users with few different messages, which a test can count."""

from datetime import datetime, timedelta

from device_runtime.simulation.fleet.plan import World
from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.report import CorpusInfo

CORPUS = CorpusInfo(id="test", description="a few generated users", synthetic=True)

IDEAL_WORLD = World(
    unplugged_nights=0,
    always_metered=0,
    switched_off_at_night=0,
    days_off=0,
    wrong_clocks=0,
    jumping_clocks=0,
    late_phones=0,
)
"""All phones are charged, on, on an unmetered network, and have correct clocks."""

TEXTS = ("zorblax at the quay tonight", "call me wibbly, ok?", "meet zorblax by the old mill", "wibbly says hi")


def daily_user(name, days=6, a_day=12):
    """A user who types `a_day` messages between 9:00 and 21:00 on each of `days` days, at known times."""
    first = datetime(2015, 3, 7, 9)
    messages = [
        (first + timedelta(days=day, minutes=720 * i // a_day), TEXTS[(day + i) % len(TEXTS)])
        for day in range(days)
        for i in range(a_day)
    ]
    return SimulatedUser(name, messages)


def user_without_times(name, messages=40):
    """A user whose messages have no times."""
    return SimulatedUser(name, [(None, TEXTS[i % len(TEXTS)]) for i in range(messages)])


def repetitive_user(name, messages=30, offset=0):
    """A user who types the same few messages in turn, one a day."""
    return SimulatedUser(
        name, [(datetime(2015, 1, 1 + i % 28), TEXTS[(i + offset) % len(TEXTS)]) for i in range(messages)]
    )
