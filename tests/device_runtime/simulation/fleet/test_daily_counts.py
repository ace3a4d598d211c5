import pytest

from device_runtime.simulation.fleet.daily_counts import kind_of


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("17 new words, 50 are needed", "… new words, … are needed"),
        ("the last was too short a time ago: 1 day, 2:03:04 to wait", "the last was too short a time ago: … to wait"),
        ("a gain of -0.012 nats a word on it, 0.034 needed", "a gain of … nats a word on it, … needed"),
        ("the phone is not charging", "the phone is not charging"),
    ],
)
def test_figures_go(reason, kind):
    assert kind_of(reason) == kind
