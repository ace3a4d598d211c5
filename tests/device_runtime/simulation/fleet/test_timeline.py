import dataclasses
import stat
import tracemalloc

import pytest

from device_runtime.simulation.fleet.plan import FleetError, FleetPlan, World
from device_runtime.simulation.fleet.timeline import TimelineKeys, TimelineStore
from tests.support.device_runtime.simulation.fleet_report import ANN, BOB
from tests.support.device_runtime.simulation.users import daily_user

PLAN = FleetPlan(10, 5)


def test_reads_back_what_was_stored(tmp_path):
    with TimelineStore(tmp_path) as store:
        store.add("a", ANN)
        store.add("b", BOB)
    with TimelineStore(tmp_path) as store:
        assert "a" in store and "c" not in store
        store.add("c", ANN)
        assert (store.read("b"), store.read("a")) == (BOB, ANN)
    with TimelineStore(tmp_path) as store:
        assert (store.read("c"), store.read("b")) == (ANN, BOB)


def test_a_stored_phone_takes_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda file: None)
    with TimelineStore(tmp_path) as store:
        store.add("warm", ANN)
        tracemalloc.start()
        try:
            for i in range(300):
                store.add(f"{i:064x}", ANN)
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert grown < 300 * 50, "a position by key would take 200 bytes"


def test_only_the_owner_can_read_the_file(tmp_path):
    with TimelineStore(tmp_path):
        assert stat.S_IMODE((tmp_path / "lives.jsonl").stat().st_mode) == 0o600


def test_ignores_a_truncated_line_and_a_line_of_another_version(tmp_path):
    with TimelineStore(tmp_path) as store:
        store.add("a", ANN)
    path = tmp_path / "lives.jsonl"
    whole = path.read_bytes()
    path.write_bytes(b'{"key": "old", "life": {}}\n' + whole + whole[:-30])
    with TimelineStore(tmp_path) as store:
        assert "old" not in store
        assert store.read("a") == ANN
        store.add("b", BOB)
    with TimelineStore(tmp_path) as store:
        assert store.read("b") == BOB


def test_rejects_a_missing_folder(tmp_path):
    with pytest.raises(FleetError, match=r"cannot write .*lives\.jsonl"):
        TimelineStore(tmp_path / "none")


def test_the_key_depends_on_everything_that_the_timeline_depends_on(bundle):
    ann, key = daily_user("ann", 2), TimelineKeys([bundle], PLAN).key(0, daily_user("ann", 2))
    others = {
        TimelineKeys([bundle], PLAN).key(1, ann),
        TimelineKeys([bundle], PLAN).key(0, daily_user("bob", 2)),
        TimelineKeys([bundle, bundle], PLAN).key(0, ann),
        TimelineKeys([bundle], dataclasses.replace(PLAN, seed=1)).key(0, ann),
        TimelineKeys([bundle], dataclasses.replace(PLAN, world=World(days_off=0.5))).key(0, ann),
    }
    assert len(others) == 5 and key not in others
    assert TimelineKeys([bundle], dataclasses.replace(PLAN, population=99)).key(0, ann) == key
