"""Each adaptation is logged, stored adapters can be used again, and a new model starts without one."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from device_runtime.adapter.adapter import Adapter
from device_runtime.inference.engine import Engine
from device_runtime.phone.adaptation_log import MAX_ENTRIES, STORED, AdaptationEntry, AdaptationLog
from device_runtime.phone.adaptation_policy import Policy
from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.phone import Phone, PhoneError
from tests.support.device_runtime.adapters import same
from tests.support.device_runtime.bundle_parts import LEARNING_RECIPE

NOON = datetime(2015, 3, 9, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MESSAGES = ["see you at home", "ok thanks see you", "are you coming home now", "meet at the station"] * 15


@pytest.fixture
def next_model(learning_engine: Engine, rebuilt: Callable[..., Engine]) -> Engine:
    """The same, from another start: another base."""
    start = learning_engine.bundle.adapter_init
    moved = Adapter(start.lora_a, start.lora_b, start.bias + np.linspace(0, 0.5, len(start.bias), dtype=np.float32))
    return rebuilt(LEARNING_RECIPE, {"adapter_init.safetensors": safetensors.numpy.save(moved.tensors())})


def test_an_entry_records_the_adaptation(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine, clock=lambda: NOON) as phone:
        assert not phone.adapt().verdict.kept
        phone.observe_many((text, NOON - DAY + timedelta(minutes=at)) for at, text in enumerate(MESSAGES))
        result = phone.adapt()
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        none, one = phone.adaptations()
        assert none == AdaptationEntry(
            id=1,
            at=NOON,
            cause="asked",
            model_id=learning_engine.bundle.manifest.model_id,
            messages=0,
            first_message=None,
            last_message=None,
            first_at=None,
            last_at=None,
            tail_words=0,
            before=None,
            after=None,
            kept=False,
            reason="there are no messages to learn from yet",
            steps=0,
            seconds=none.seconds,
            replaced=0,
            stored=False,
        )
        assert (one.id, one.messages, one.first_message, one.last_message) == (2, 60, 1, 60)
        assert (one.first_at, one.last_at) == (NOON - DAY, NOON - DAY + timedelta(minutes=59))
        assert (one.before, one.after) == (result.verdict.before, result.verdict.after)
        assert (one.kept, one.stored, one.reason) == (True, True, result.verdict.reason)
        assert (one.steps, one.seconds) == (4, result.seconds)


def test_the_newest_kept_adapters_stay_on_disk(tmp_path: Path, learning_engine: Engine) -> None:
    made = {}
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        for number in range(1, STORED + 3):
            phone.observe_many(MESSAGES[:8] * number)
            assert phone.adapt().verdict.kept
            made[number] = phone.adapter
        stored = [entry.id for entry in phone.adaptations() if entry.stored]
        assert stored == list(range(3, STORED + 3))
        files = sorted(path.name for path in (tmp_path / "p").glob("*.safetensors"))
        assert files == [f"adapter-{number}.safetensors" for number in stored]
        for number in stored:
            assert phone.rollback(to=number)
            assert same(phone.adapter, made[number])
        for gone in (1, 2, 99, -1):
            with pytest.raises(PhoneError, match=r"adapter .* is not stored: choose one of 0, 3, 4"):
                phone.rollback(to=gone)
        assert phone.adapter_id == stored[-1]


def test_rollback_returns_to_the_adapter_in_use_before(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        for number in (1, 2):
            phone.observe_many(MESSAGES[:20] * number)
            assert phone.adapt().verdict.kept
        assert phone.rollback()
        phone.observe_many(["something else altogether", *MESSAGES])
        assert phone.adapt().verdict.kept
        assert phone.adaptations()[-1].replaced == 1
        assert phone.rollback()
        assert phone.adapter_id == 1  # not 2, which had been left
        assert phone.rollback()
        assert phone.adapter_id == 0


def test_a_phone_moves_to_a_new_model_and_adapts_again(
    tmp_path: Path, learning_engine: Engine, next_model: Engine
) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(MESSAGES)
        assert phone.adapt().verdict.kept
    with Phone.open(tmp_path / "p", next_model, clock=lambda: NOON) as phone:
        assert phone.adapter is next_model.bundle.adapter_init
        assert phone.messages == len(MESSAGES)
        assert "another" in phone.notes[0]
        assert not phone.rollback()
        conditions = phone.conditions(idle=True, charging=True, unmetered=True)
        assert (conditions.due, conditions.new_words) == ("new model", 0)
        assert Policy().decide(conditions).allowed
        assert phone.adapt().verdict.kept
        old, new = phone.adaptations()
        assert (old.model_id, old.stored) == (learning_engine.bundle.manifest.model_id, False)
        assert (new.model_id, new.cause, new.replaced) == (next_model.bundle.manifest.model_id, "new model", 0)
        with Phone.open(tmp_path / "fresh", next_model) as fresh:
            fresh.observe_many(MESSAGES)
            assert fresh.adapt().verdict.before == new.before  # judged against the new model's own start
            assert same(fresh.adapter, phone.adapter)
        assert phone.conditions(idle=True, charging=True, unmetered=True).due is None
    with Phone.open(tmp_path / "p", next_model) as phone:
        assert phone.notes == ()
        assert phone.adapter_id == 2


def test_a_phone_without_an_adapter_is_not_due_after_a_new_model(
    tmp_path: Path, learning_engine: Engine, next_model: Engine
) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(MESSAGES)
    with Phone.open(tmp_path / "p", next_model) as phone:
        assert phone.conditions(idle=True, charging=True, unmetered=True).due is None


def test_new_words_count_from_the_last_adaptation(tmp_path: Path, learning_engine: Engine) -> None:
    now = NOON
    with Phone.open(tmp_path / "p", learning_engine, clock=lambda: now) as phone:
        phone.observe_many(MESSAGES)
        first = phone.conditions(idle=True, charging=False, unmetered=True)
        assert (first.new_words, first.last_adaptation, first.at) == (phone.words, None, NOON)
        assert (first.idle, first.charging, first.unmetered) == (True, False, True)
        phone.adapt()
        now += DAY
        phone.observe("three new words")
        then = phone.conditions(idle=True, charging=True, unmetered=True)
        assert (then.new_words, then.last_adaptation, then.at) == (3, NOON, NOON + DAY)


def test_uses_the_adapter_file_of_another_phone(tmp_path: Path, learning_engine: Engine, next_model: Engine) -> None:
    with Phone.open(tmp_path / "old", learning_engine) as old, Phone.open(tmp_path / "new", learning_engine) as new:
        assert old.adapter_file() is None
        old.observe_many(MESSAGES)
        assert old.adapt().verdict.kept
        data = old.adapter_file()
        assert data is not None
        entry = new.use_adapter_file(data)
        assert same(new.adapter, old.adapter)
        assert (entry.cause, new.adapter_id, new.adaptations()) == ("uploaded", entry.id, [entry])
        float4 = re.sub(rb'"F(16|32)"', b'"F4" ', data)
        for bad in (data[:-1], b"", b"noise", float4):
            with pytest.raises(PhoneError, match="cannot be used"):
                new.use_adapter_file(bad)
        assert same(new.adapter, old.adapter)
        assert len(list((tmp_path / "new").glob("*.safetensors"))) == 1
        new.observe("anything")
        new.forget_word("anything")  # an uploaded adapter may have read any message
        assert new.adapter is learning_engine.bundle.adapter_init
        with Phone.open(tmp_path / "other", next_model) as other, pytest.raises(PhoneError, match="another model"):
            other.use_adapter_file(data)


def entry(number: int, **changes: object) -> AdaptationEntry:
    values = {
        "id": number,
        "at": NOON,
        "cause": "asked",
        "model_id": "m",
        "messages": 10,
        "first_message": number * 10,
        "last_message": number * 10 + 9,
        "first_at": None,
        "last_at": NOON,
        "tail_words": 2,
        "before": 2.0,
        "after": 1.0,
        "kept": True,
        "reason": "r",
        "steps": 1,
        "seconds": 0.5,
        "replaced": number - 1,
        "stored": True,
    }
    return AdaptationEntry(**{**values, **changes})  # type: ignore[arg-type]


def test_an_entry_knows_which_messages_it_read() -> None:
    one = entry(1)
    assert [one.read([message]) for message in (9, 10, 19, 20)] == [False, True, True, False]
    assert one.read([1, 5, 15, 90])
    assert not one.read([])
    assert not entry(1, first_message=None, last_message=None).read([1, 2])
    assert entry(1, cause="uploaded", first_message=None, last_message=None).read([1])


def test_the_log_drops_old_entries_without_a_stored_adapter(tmp_path: Path) -> None:
    log = AdaptationLog(PhoneDatabase(tmp_path / "s"))
    assert (log.next_id(), log.last(), log.last_message()) == (1, None, 0)
    log.add(entry(1))
    for number in range(2, MAX_ENTRIES + 21):
        log.add(entry(number, kept=False, stored=False))
    ids = [found.id for found in log.entries()]
    assert ids == [1, *range(21, MAX_ENTRIES + 21)]  # what can be gone back to stays in it
    assert log.next_id() == MAX_ENTRIES + 21
    assert log.stored() == [1]


def test_before_skips_adapters_that_are_not_stored(tmp_path: Path) -> None:
    log = AdaptationLog(PhoneDatabase(tmp_path / "s"))
    for number in (1, 2, 3):
        log.add(entry(number))
    log.give_up([2])
    assert [log.before(number) for number in (3, 2, 1, 7)] == [1, 1, 0, 0]
