import pytest

from device_runtime.simulation.held_out import TrialPlan
from device_runtime.simulation.trial_queue import TrialWorkerPool
from tests.support.device_runtime.simulation.users import repetitive_user


def test_storage_that_fails_is_the_machines_fault_not_a_users(bundle, tmp_path):
    (tmp_path / "file").write_text("")
    with TrialWorkerPool(bundle, 1) as crew, pytest.raises(OSError, match="file"):
        crew.trial(repetitive_user("ann"), tmp_path / "file" / "phone", True, TrialPlan()).result()
