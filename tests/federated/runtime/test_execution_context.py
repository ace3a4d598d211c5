"""The execution context starts a worker or uses running ones, and ends what it started."""

from contextlib import ExitStack

import numpy as np
import portpicker
import psutil
import pytest

from federated.job import TrainingConfig
from federated.runtime import execution_context as execution
from federated.runtime.execution_context import execution_context
from federated.runtime.worker import WorkerError, worker_process
from federated.training import fed_avg
from tests.support.federated.toys import BOS, B, T, client, parameters


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def one_round(workers=()) -> list[np.ndarray]:
    config = TrainingConfig(
        client_learning_rate=0.1,
        server_learning_rate=0.1,
        server_epsilon=0.1,
        clip=1.0,
        dropout=0.0,
        weight_cap=100.0,
        batch=B,
        window=T,
    )
    with execution_context(workers):
        process = fed_avg.build(parameters(), config, BOS)
        output = process.next(process.initialize(), [client(1, seed) for seed in range(4)])
        assert output.metrics["client_work"]["targets"] == 4 * B * T
        return [np.asarray(part) for part in output.state.global_model_weights.trainable]


def test_two_workers_compute_the_round_of_one_worker_and_all_are_stopped():
    before = children()
    alone = one_round()
    with ExitStack() as stack:
        ports = [portpicker.pick_unused_port() for _ in range(2)]
        for port in ports:
            stack.enter_context(worker_process(port))
        together = one_round([f"localhost:{port}" for port in ports])
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert children() == before


def test_an_error_inside_the_block_stops_the_worker():
    before = children()
    with pytest.raises(KeyboardInterrupt), execution_context():
        assert len(children()) == len(before) + 1
        raise KeyboardInterrupt
    assert children() == before


def test_reports_the_address_of_a_worker_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(execution, "_START_SECONDS", 0.2)
    address = f"localhost:{portpicker.pick_unused_port()}"
    with pytest.raises(WorkerError, match=f"{address}.*thumbprint worker"), execution_context([address]):
        pass
