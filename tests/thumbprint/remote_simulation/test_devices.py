import pytest

from thumbprint.remote_simulation.devices import DeviceLedger, LedgerError

HERE, OTHER = "http://here", "http://other"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "devices.jsonl"


def test_removes_its_file_with_the_last_device(path):
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-1", "ann")
        assert ledger.device_ids() == ["sim-1"]
        assert path.stat().st_mode & 0o077 == 0
        ledger.remove("sim-1")
    assert not path.exists()


def test_lists_a_device_on_disk_before_it_is_created(path):
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-1", "ann")
        left = path.read_bytes()  # the process can be killed now
    path.write_bytes(left)
    with DeviceLedger(path, HERE) as ledger:
        assert ledger.device_ids() == ["sim-1"]


def test_the_next_simulation_finds_the_devices_left(path):
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-1", "ann")
        ledger.add("sim-2", "bob")
        ledger.remove("sim-1")
    assert path.stat().st_mode & 0o077 == 0
    with DeviceLedger(path, HERE) as ledger:
        assert ledger.device_ids() == ["sim-2"] and ledger.other_services() == []


def test_separates_the_devices_of_another_service(path):
    with DeviceLedger(path, OTHER) as ledger:
        ledger.add("sim-1", "ann")
    with DeviceLedger(path, HERE) as ledger:
        assert ledger.device_ids() == [] and ledger.other_services() == [OTHER]
    with DeviceLedger(path, OTHER) as ledger:
        assert ledger.device_ids() == ["sim-1"]


def test_ignores_a_line_that_a_crash_cut_short(path):
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-1", "ann")
        ledger.add("sim-2", "bob")
    path.write_bytes(path.read_bytes()[:-5])
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-3", "cem")
        assert ledger.device_ids() == ["sim-1", "sim-3"]
    assert path.read_bytes().count(b"\n") == 2


def test_rejects_a_path_that_it_cannot_write(path):
    path.mkdir()
    with pytest.raises(LedgerError, match="cannot write"):
        DeviceLedger(path, HERE)
