from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.devices.adaptation_jobs import AdaptationJobs
from api.devices.registry import DeviceTakenError, Registry, UnknownDeviceError
from api.storage.database import Database


def add(registry: Registry, *device_ids: str) -> None:
    for device_id in device_ids:
        with registry.adding(device_id):
            pass


def test_the_pages_contain_each_device_once(database: Database) -> None:
    registry = Registry(database)
    add(registry, "b", "B", "a-1", "a_2", "0")
    everything = [device.id for device in registry.page("", 10)]
    assert sorted(everything) == sorted(["b", "B", "a-1", "a_2", "0"])
    found, after = [], ""
    while page := registry.page(after, 2):
        found += [device.id for device in page]
        after = found[-1]
    assert found == everything


def test_only_one_of_several_threads_gets_an_id(database: Database) -> None:
    registry = Registry(database)

    def try_to_add(_: int) -> bool:
        try:
            add(registry, "wanted")
        except DeviceTakenError:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(try_to_add, range(6))) == [False] * 5 + [True]
    assert len(registry) == 1


def test_a_device_being_deleted_is_unknown_and_its_id_is_in_use(database: Database) -> None:
    registry = Registry(database)
    add(registry, "phone", "other")
    registry.require("phone")
    AdaptationJobs(database).add("phone", "m")
    registry.begin_deleting("phone")
    for method in (registry.require, registry.device, registry.begin_deleting):
        with pytest.raises(UnknownDeviceError):
            method("phone")
    with pytest.raises(DeviceTakenError):
        add(registry, "phone")
    assert registry.partly_deleted() == ["phone"] and len(registry) == 1
    registry.end_deleting("phone")
    assert registry.partly_deleted() == [] and AdaptationJobs(database).underway() == []
    add(registry, "phone")
