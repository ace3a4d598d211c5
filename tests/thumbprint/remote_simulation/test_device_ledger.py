import pytest

from thumbprint.remote_simulation.device_ledger import DeviceLedger, LedgerError

HERE, OTHER = "http://here", "http://other"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "devices.jsonl"


def test_no_file_is_left_where_no_device_is(path):
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-1", "ann")
        assert ledger.here() == ["sim-1"]
        assert path.stat().st_mode & 0o077 == 0
        ledger.gone("sim-1")
    assert not path.exists()


def test_a_device_is_on_disk_before_it_is_made(path):
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-1", "ann")
        left = path.read_bytes()  # whatever happens to this process now
    path.write_bytes(left)
    with DeviceLedger(path, HERE) as ledger:
        assert ledger.here() == ["sim-1"]


def test_those_left_are_found_by_the_next(path):
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-1", "ann")
        ledger.add("sim-2", "bob")
        ledger.gone("sim-1")
    assert path.stat().st_mode & 0o077 == 0
    with DeviceLedger(path, HERE) as ledger:
        assert ledger.here() == ["sim-2"] and ledger.elsewhere() == []


def test_devices_of_another_service_are_not_touched(path):
    with DeviceLedger(path, OTHER) as ledger:
        ledger.add("sim-1", "ann")
    with DeviceLedger(path, HERE) as ledger:
        assert ledger.here() == [] and ledger.elsewhere() == [OTHER]
    with DeviceLedger(path, OTHER) as ledger:
        assert ledger.here() == ["sim-1"]


def test_a_cut_line_is_of_a_device_that_was_not_made(path):
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-1", "ann")
        ledger.add("sim-2", "bob")
    path.write_bytes(path.read_bytes()[:-5])
    with DeviceLedger(path, HERE) as ledger:
        ledger.add("sim-3", "cem")
        assert ledger.here() == ["sim-1", "sim-3"]
    assert path.read_bytes().count(b"\n") == 2


def test_a_place_that_cannot_be_written(path):
    path.mkdir()
    with pytest.raises(LedgerError, match="cannot write"):
        DeviceLedger(path, HERE)
