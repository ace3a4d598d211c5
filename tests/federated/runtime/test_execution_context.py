"""The execution context starts a worker or uses running ones, survives their loss, and ends what it started."""

import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import portpicker
import psutil
import pytest
import tensorflow_federated as tff

from federated.job import TrainingConfig
from federated.runtime import worker
from federated.runtime import worker_connection as connection
from federated.runtime.execution_context import execution_context, losing_clients
from federated.runtime.worker import WorkerError
from federated.training import fed_avg
from tests.support.federated.network_namespace import network_namespace
from tests.support.federated.open_worker import open_worker
from tests.support.federated.toys import BOS, B, T, client, parameters

CLIENTS = [client(1, seed) for seed in range(4)]
Weights = list[np.ndarray]


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def local_worker() -> psutil.Process:
    """Returns the newest worker. The session's worker of other tests can be running, too."""
    workers = (child for child in children() if "worker_binary" in " ".join(child.cmdline()))
    return max(workers, key=psutil.Process.create_time)


@contextmanager
def running_workers(number: int) -> Iterator[tuple[list[psutil.Process], list[str]]]:
    """Yields the processes and the addresses of workers."""
    with ExitStack() as stack:
        ports = [portpicker.pick_unused_port() for _ in range(number)]
        processes = [stack.enter_context(open_worker(port)) for port in ports]
        yield processes, [f"localhost:{port}" for port in ports]


@contextmanager
def killed_in_the_computation(process: psutil.Process) -> Iterator[None]:
    """Stops the worker, so that it cannot finish the computation of the block, and kills it when that has begun."""
    process.suspend()
    timer = threading.Timer(1.0, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def wait_until_open(address: str) -> None:
    for _ in range(600):
        try:
            socket.create_connection((address.rpartition(":")[0], port_of(address)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


@pytest.fixture(scope="module")
def process() -> tff.learning.templates.LearningProcess:
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
    return fed_avg.build(parameters(), config, BOS)


class Rounds:
    """Rounds of federated averaging."""

    def __init__(self, process: tff.learning.templates.LearningProcess) -> None:
        self.process, self.state = process, process.initialize()

    def run(self, clients=CLIENTS) -> int:
        """Runs a round; returns the number of clients that trained."""
        output = self.process.next(self.state, clients)
        self.state = output.state
        return round(output.metrics["client_work"]["targets"] / (B * T))

    def weights(self) -> Weights:
        return [np.asarray(part) for part in self.state.global_model_weights.trainable]


def assert_equal_weights(found: Weights, expected: Weights) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.fixture(scope="module")
def undisturbed(process) -> dict[str, Weights]:
    """The weights that one worker computes in three rounds: of all clients, and with two dropped in the second."""
    found = {}
    with execution_context():
        for name, second in (("all", CLIENTS), ("two dropped", CLIENTS[:2])):
            rounds = Rounds(process)
            for clients in (CLIENTS, second, CLIENTS):
                rounds.run(clients)
            found[name] = rounds.weights()
    return found


def test_an_error_inside_the_block_stops_the_worker():
    before = children()
    with pytest.raises(KeyboardInterrupt), execution_context():
        assert len(children()) == len(before) + 2  # the worker, and its parent in the namespace
        raise KeyboardInterrupt
    assert children() == before


def test_reports_the_address_of_a_worker_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(connection, "_START_SECONDS", 0.2)
    address = f"localhost:{portpicker.pick_unused_port()}"
    with pytest.raises(WorkerError, match=f"{address}.*thumbprint worker"), execution_context([address]):
        pass


def test_two_workers_compute_the_rounds_of_one_with_and_without_losses(monkeypatch, caplog, process, undisturbed):
    """Nothing changes if a worker is lost, unless the round may lose its clients: then it is a round without them."""
    monkeypatch.setattr(connection, "_SILENT_SECONDS", 0.5)
    before = children()
    with running_workers(1) as (_, [stays]), ExitStack() as stack:
        [lost], [address] = stack.enter_context(running_workers(1))
        stack.enter_context(execution_context([stays, address]))
        rounds = Rounds(process)
        assert [rounds.run() for _ in range(3)] == [4, 4, 4]
        assert_equal_weights(rounds.weights(), undisturbed["all"])

        for may_be_lost, trained, expected, message in (
            (2, 2, "two dropped", "goes on without its 2 clients"),
            (1, 4, "all", "another worker repeats its work"),
        ):
            rounds = Rounds(process)
            rounds.run()
            with killed_in_the_computation(lost), losing_clients(may_be_lost) as losses:
                assert (rounds.run(), losses.clients) == (trained, 4 - trained)
            assert re.search(f"{address}.*{message}", caplog.text)
            lost = stack.enter_context(open_worker(port_of(address)))
            wait_until_open(address)
            rounds.run()
            assert f"{address} answers again" in caplog.text
            assert_equal_weights(rounds.weights(), undisturbed[expected])
            caplog.clear()
    assert children() == before


@tff.tensorflow.computation(np.int32)
def double(x):
    return 2 * x


@tff.federated_computation(tff.FederatedType(np.int32, tff.CLIENTS))
def doubled(values):
    return tff.federated_map(double, values), tff.federated_sum(values)


VALUES = [np.int32(value) for value in range(5)]


def test_the_local_worker_is_started_again_and_the_computation_repeated(caplog):
    with execution_context():
        with killed_in_the_computation(local_worker()):
            assert doubled(VALUES)[1] == 10
        assert "killed by signal 9" in caplog.text and "started again" in caplog.text
        local_worker().kill()  # between two computations
        assert doubled(VALUES)[1] == 10


def test_a_result_for_each_client_has_all_clients_whatever_may_be_lost(monkeypatch):
    monkeypatch.setattr(connection, "_SILENT_SECONDS", 0.5)
    with (
        running_workers(2) as (processes, addresses),
        execution_context(addresses),
        killed_in_the_computation(processes[0]),
        losing_clients(5) as lost,
    ):
        each, total = doubled(VALUES)
    assert list(each) == [0, 2, 4, 6, 8] and total == 10 and lost.clients == 0


@pytest.mark.parametrize("number", [1, 2])
def test_without_any_worker_left_there_is_one_error_that_names_resume(monkeypatch, number):
    monkeypatch.setattr(connection, "_SILENT_SECONDS", 0.5)
    with running_workers(number) as (processes, addresses), execution_context(addresses):
        with ExitStack() as stack, pytest.raises(WorkerError, match=r"no TFF worker is left .*--resume"):
            for process in processes:
                stack.enter_context(killed_in_the_computation(process))
            doubled(VALUES)
        with pytest.raises(WorkerError, match=r"no TFF worker is left .*--resume"):
            doubled(VALUES)


def test_a_worker_that_passes_the_deadline_is_lost_and_a_local_one_is_an_error():
    with running_workers(2) as (processes, addresses), execution_context(addresses, minutes=1 / 12):
        processes[0].suspend()
        assert doubled(VALUES)[1] == 10
    with execution_context(minutes=1 / 12):
        assert doubled(VALUES)[1] == 10
        local_worker().suspend()
        with pytest.raises(WorkerError, match=r"did not finish .*--round-minutes.*--resume"):
            doubled(VALUES)


def test_a_worker_behind_a_cut_line_is_lost_and_comes_back(monkeypatch, caplog):
    """A cut line ends no connection: nothing arrives, and no error either."""
    monkeypatch.setattr(connection, "_SILENT_SECONDS", 0.5)
    monkeypatch.setattr(connection, "_PROBE_SECONDS", 0.5)
    with running_workers(1) as (_, [here]), ExitStack() as stack:
        try:
            name, there, set_line = stack.enter_context(network_namespace())
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root can add a network namespace")
        command = ["ip", "netns", "exec", name, str(worker._binary()), "--port=9000"]
        remote = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(remote.wait)
        stack.callback(remote.kill)
        address = f"{there}:9000"
        stack.enter_context(execution_context([here, address], insecure=True))
        psutil.Process(remote.pid).suspend()
        cut = threading.Timer(1.0, set_line, ["down"])
        cut.start()
        assert doubled(VALUES)[1] == 10
        assert re.search(f"{address} does not answer.*another worker repeats its work", caplog.text)
        cut.join()
        psutil.Process(remote.pid).resume()
        set_line("up")
        wait_until_open(address)
        assert doubled(VALUES)[1] == 10
        assert f"{address} answers again" in caplog.text


def killed_after(connect: Callable[..., None]) -> Callable[..., None]:
    """Returns a `connect` whose worker dies as soon as it answers."""

    def connect_and_kill(self, *args) -> None:
        connect(self, *args)
        local_worker().kill()

    return connect_and_kill


def test_a_local_worker_that_dies_every_time_is_an_error(monkeypatch, caplog):
    monkeypatch.setattr(connection, "_STARTS", 2)
    with execution_context(), ExitStack() as stack:
        stack.enter_context(killed_in_the_computation(local_worker()))
        monkeypatch.setattr(connection.LocalWorker, "connect", killed_after(connection.LocalWorker.connect))
        with pytest.raises(WorkerError, match=r"2 times .*--concurrent-clients.*--resume"):
            doubled(VALUES)
    assert caplog.text.count("started again") == 1
