import pytest

from device_runtime.simulation.held_out import TrialPlan
from device_runtime.simulation.trial_queue import TrialWorkerPool
from tests.support.device_runtime.simulation.users import repetitive_user


def test_a_storage_error_is_raised(bundle, tmp_path):
    (tmp_path / "file").write_text("")
    with TrialWorkerPool(bundle, 1) as pool, pytest.raises(OSError, match="file"):
        pool.trial(repetitive_user("ann"), tmp_path / "file" / "phone", True, TrialPlan()).result()
