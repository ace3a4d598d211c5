"""TFF's own secure aggregators run on our workers, with plain sums of the same integers."""

import numpy as np
import pytest
import tensorflow_federated as tff

from federated.runtime.secure_sums import with_plain_sums

KIND = tff.types.to_type((tff.TensorType(np.float32, [50, 20]), tff.TensorType(np.float32, [7])))
UPDATES = [
    (np.full((50, 20), norm / 1000**0.5, np.float32), np.zeros(7, np.float32)) for norm in np.linspace(0.5, 1.5, 10)
]


@pytest.mark.filterwarnings("ignore")
def test_the_secure_mean_is_the_mean_within_its_quantization(execution):
    process = tff.learning.secure_aggregator(weighted=False, clipping=False, zeroing=False).create(KIND)
    output = process.next(process.initialize(), UPDATES)
    assert np.asarray(output.result[0]).mean() * 1000**0.5 == pytest.approx(1.0, abs=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_distributed_differential_privacy_runs(execution):
    process = tff.learning.ddp_secure_aggregator(noise_multiplier=0.5, expected_clients_per_round=10).create(KIND)
    output = process.next(process.initialize(), UPDATES)
    assert np.isfinite(output.result[0]).all() and np.asarray(output.result[0]).std() > 0


def test_a_computation_without_secure_sums_stays_as_it_is():
    @tff.federated_computation(tff.FederatedType(np.float32, tff.CLIENTS))
    def total(values):
        return tff.federated_sum(values)

    assert with_plain_sums(total) is total
