import pytest

from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.simulation.device import AdaptationOutcome, LocalDevice, temporary_devices
from device_runtime.simulation.held_out import SimulatedUser, TrialPlan, held_out_words
from device_runtime.simulation.report import GateVerdict
from device_runtime.simulation.trial import evaluate_device, run_trial
from keyboard_model.metrics import WordCounts
from tests.support.device_runtime.simulation.users import repetitive_user

SHOWN_AFTER = {"hi": 0, "banana": 2, "kiwi": 4}
"""Typed characters after which a word is shown. Other words are never shown."""


class ScriptedDevice:
    """A device whose personal keyboard shows words as in `SHOWN_AFTER`, and whose shared keyboard never does."""

    def __init__(self, batch_size):
        self.batch_size = batch_size
        self.asked = []

    def learn(self, messages):
        self.learnt = [text for _, text in messages]
        return AdaptationOutcome(GateVerdict(kept=True, reason="scripted"), 0.5)

    def observe(self, message):
        self.learnt.append(message[1])

    def suggest(self, queries, personal):
        self.asked.append((personal, [(each.word.word, each.typed) for each in queries]))
        return [
            ["x", each.word.word] if personal and each.typed >= SHOWN_AFTER.get(each.word.word, 99) else ["x"]
            for each in queries
        ]

    def adapter_bytes(self):
        return 7


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_types_each_word_until_it_is_shown(batch_size):
    user = SimulatedUser("u", [(None, "seen")] * 4 + [(None, "hi banana kiwi ox")])
    phone = ScriptedDevice(batch_size)
    trial = evaluate_device(phone, user, TrialPlan(prequential=False))
    assert phone.learnt == ["seen"] * 4
    assert (trial.prequential, trial.prequential_shown) == (None, None)
    # hi: at once, 3 of 3; banana: after two letters, 5 of 7; kiwi: after its last, 1 of 5; ox: never, 0 of 3
    assert trial.personal == WordCounts(words=4, hits_at_1=0, hits_at_3=1, characters=18, characters_saved=9, taps=3)
    assert trial.shared == WordCounts(words=4, hits_at_1=0, hits_at_3=0, characters=18, characters_saved=0)
    assert (trial.personal_shown, trial.shared_shown) == ("1000", "0000")
    assert (trial.adapter_bytes, trial.adaptation_seconds, len(trial.prediction_ms)) == (7, 0.5, 4)
    asked = [one for personal, some in phone.asked if personal for one in some]
    assert len(asked) == len(set(asked)) == 4 + 2 + 4 + 2  # nothing past where it showed


def test_types_nothing_if_the_plan_counts_no_keystrokes():
    user = SimulatedUser("u", [(None, "seen")] * 4 + [(None, "hi banana")])
    phone = ScriptedDevice(100)
    trial = evaluate_device(phone, user, TrialPlan(prequential=False, keystrokes=False))
    assert phone.asked == [(True, [("hi", 0), ("banana", 0)]), (False, [("hi", 0), ("banana", 0)])]
    assert (trial.personal.characters, trial.personal.hits_at_3) == (0, 1)


def test_the_shared_keyboard_can_be_left_out():
    user = SimulatedUser("u", [(None, "seen")] * 4 + [(None, "hi banana")])
    phone = ScriptedDevice(100)
    trial = evaluate_device(phone, user, TrialPlan(prequential=False, shared=False))
    assert all(personal for personal, _ in phone.asked)
    assert (trial.shared, trial.shared_shown, trial.personal.words) == (WordCounts(), "", 2)


class CountingDevice(ScriptedDevice):
    """A device whose personal keyboard shows every word that it observed."""

    def suggest(self, queries, personal):
        known = {word for text in self.learnt for word in text.split()}
        return [[each.word.word] if personal and each.word.word in known else ["x"] for each in queries]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_each_message_is_predicted_before_the_phone_counts_it(batch_size):
    user = SimulatedUser("u", [(None, "hi")] * 12 + [(None, "hi ox ox"), (None, "ox emu"), (None, "emu ox hi")])
    trial = evaluate_device(CountingDevice(batch_size), user)
    assert (trial.personal_shown, trial.prequential_shown) == ("10000001", "10010111")
    assert trial.prequential == WordCounts(words=8, hits_at_1=5, hits_at_3=5)
    assert trial.personal.hits_at_3 == 2


@pytest.fixture(scope="module")
def new_device(tiny_bundle, tiny_public_key):
    return temporary_devices(Engine(load_bundle(tiny_bundle, tiny_public_key)))


def test_the_batch_size_does_not_change_the_result(new_device, monkeypatch):
    habits = ("zorblax at the quay tonight", "call me wibbly, ok?", "meet zorblax by the old mill")
    user = SimulatedUser("u", [(None, habits[i % 3]) for i in range(30)])
    times = {"prediction_ms", "adaptation_seconds"}
    with new_device("u") as phone:
        one = evaluate_device(phone, user).model_dump(exclude=times)
    monkeypatch.setattr(LocalDevice, "batch_size", 9)
    with new_device("u") as phone:
        assert evaluate_device(phone, user).model_dump(exclude=times) == one
    assert one["personal"]["hits_at_3"]


def test_a_phone_that_never_adapted_stores_no_adapter(new_device):
    with new_device("u") as phone:
        assert phone.adapter_bytes() == 0
        assert len(phone.suggest([], personal=True)) == 0
        assert not phone.learn([]).verdict.kept


def test_learns_only_from_the_first_messages(engine, tmp_path):
    messages = [(None, "plain words here")] * 24 + [(None, "zorblax zorblax")] * 6
    trial = run_trial(engine, SimulatedUser("u", messages), tmp_path / "phone")
    assert trial.shared.words == trial.personal.words == 12
    assert trial.personal.hits_at_3 == 0  # the word is in the test part alone, and not learnt there
    assert trial.prequential.words == 12 and trial.prequential.hits_at_3 > 0  # here it is counted
    assert len(trial.prediction_ms) == 12


def test_learns_words_that_the_user_repeats(engine, tmp_path):
    trial = run_trial(engine, repetitive_user("u"), tmp_path / "phone")
    assert trial.personal.recall_at_3 > trial.shared.recall_at_3
    assert (
        trial.personal.characters
        == trial.shared.characters
        == sum(len(word.word) + 1 for word in held_out_words(repetitive_user("u").messages[24:]))
    )
