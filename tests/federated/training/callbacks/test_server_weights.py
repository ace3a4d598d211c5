"""The running average of the shared weights."""

from types import SimpleNamespace

import numpy as np

from federated.training.callbacks.callback import Progress, RunState
from federated.training.callbacks.server_weights import WeightAverage


def test_keeps_less_of_the_average_in_the_first_rounds():
    def averaged(number: int, keep: float) -> np.ndarray:
        server = SimpleNamespace(global_model_weights=SimpleNamespace(trainable=(np.full(2, 3.0, np.float32),)))
        run = RunState(None, server, (np.zeros(2, np.float32),), Progress(round=number))
        WeightAverage(keep).after_round(run)
        return run.weights[0]

    np.testing.assert_allclose(averaged(40, 0.75), [0.75, 0.75])
    np.testing.assert_array_equal(averaged(40, 0.0), [3.0, 3.0])
    np.testing.assert_allclose(averaged(10, 0.98), [1.5, 1.5])
