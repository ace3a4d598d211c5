"""The front of a worker passes on what shows the token over TLS, and nothing else."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import grpc
import numpy as np
import portpicker
import psutil
import pytest
import tensorflow_federated as tff

from federated.runtime import credentials, worker_front
from federated.runtime.credentials import Address, CredentialFiles, TrainingCredentials, WorkerCredentials
from federated.runtime.execution_context import execution_context
from federated.runtime.worker import WorkerError, WorkerProcess, wait_until_ready, worker_process
from federated.runtime.worker_front import front, serve_worker


@tff.tensorflow.computation(np.int32)
def double(x):
    return 2 * x


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    with worker_process() as running:
        wait_until_ready(running)
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> CredentialFiles:
    return CredentialFiles.generate(tmp_path_factory.mktemp("credentials"), ["localhost", "127.0.0.1"])


def unused(host: str = "localhost") -> Address:
    return Address(host, portpicker.pick_unused_port())


@contextmanager
def serving(worker: WorkerProcess, files: CredentialFiles | None, host: str = "localhost") -> Iterator[Address]:
    address = unused(host)
    shown = files and WorkerCredentials(files.token.read_text().strip(), *(f.read_bytes() for f in files[1:]))
    with front(address, worker, shown):
        yield address


def doubled(address: Address, training: TrainingCredentials | None) -> int:
    with execution_context([str(address)], credentials=training):
        return double(np.int32(21))


def of_training(files: CredentialFiles) -> TrainingCredentials:
    return TrainingCredentials.read(files.token, files.certificate)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_right_token_over_tls_computes(worker, files, host):
    with serving(worker, files, host) as address:
        assert doubled(address, of_training(files)) == 42


def test_without_credentials_the_loopback_computes(worker):
    with serving(worker, None) as address:
        assert doubled(address, None) == 42


def wrong_token(files, made):
    return TrainingCredentials.read(made("localhost").token, files.certificate)


def no_credentials(files, made):
    return None


def foreign_certificate(files, made):
    return TrainingCredentials.read(files.token, made("localhost").certificate)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (wrong_token, "refuses the token: give the same --token-file to both"),
        (no_credentials, "expects TLS: give --token-file and --tls-ca"),
        (foreign_certificate, r"shows a certificate that is not accepted \(self-signed certificate\): see --tls-ca"),
    ],
)
def test_others_are_refused_with_the_reason(worker, files, tmp_path, training, message):
    def made(*hosts: str) -> CredentialFiles:
        return CredentialFiles.generate(tmp_path, hosts)

    with serving(worker, files) as address, pytest.raises(WorkerError, match=f"{address} {message}"):
        doubled(address, training(files, made))


@pytest.mark.parametrize(
    ("host", "days", "message"),
    [("elsewhere.example.org", 1, "[Hh]ostname mismatch"), ("localhost", -0.5, "certificate has expired")],
)
def test_a_certificate_for_another_host_or_an_expired_one_is_refused(
    worker, tmp_path, monkeypatch, host, days, message
):
    monkeypatch.setattr(credentials, "_DAYS", days)
    made = CredentialFiles.generate(tmp_path, [host])
    with serving(worker, made) as address, pytest.raises(WorkerError, match=f"not accepted .*{message}"):
        doubled(address, of_training(made))


def test_a_training_with_credentials_sends_nothing_to_a_worker_without_tls(worker, files):
    with serving(worker, None) as address, pytest.raises(WorkerError, match=r"does not use TLS \(.*\): start it with"):
        doubled(address, of_training(files))


@pytest.mark.parametrize(
    ("method", "token", "code"),
    [
        (worker_front._CHECK, True, None),
        (worker_front._CHECK, False, grpc.StatusCode.UNAUTHENTICATED),
        ("/tensorflow_federated.v0.ExecutorGroup/GetExecutor", False, grpc.StatusCode.UNAUTHENTICATED),
        ("/tensorflow_federated.v0.ExecutorGroup/Compute", True, grpc.StatusCode.FAILED_PRECONDITION),
        ("/other.Service/Call", False, grpc.StatusCode.UNAUTHENTICATED),
        ("/other.Service/Call", True, grpc.StatusCode.UNIMPLEMENTED),
    ],
)
def test_every_call_needs_the_token(worker, files, method, token, code):
    """An unknown executor is an error of the worker itself: the call was passed on, and its error passed back."""
    with serving(worker, files) as address, ExitStack() as stack:
        if token:
            channel = of_training(files).channel(address, [])
        else:
            channel = grpc.secure_channel(str(address), grpc.ssl_channel_credentials(files.certificate.read_bytes()))
        stack.enter_context(channel)
        call = channel.unary_unary(method).future(b"", timeout=30)
        if code is None:
            assert call.result() == b""
        else:
            assert call.exception().code() is code


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1", "elsewhere.example.org"])
def test_without_credentials_only_the_loopback_is_served_and_used(host):
    address = f"{host}:9000"
    with pytest.raises(WorkerError, match=r"--token-file, --tls-cert and --tls-key, or --insecure"):
        serve_worker(Address.parse(address), lambda: None)
    with pytest.raises(WorkerError, match=r"--token-file and --tls-ca, or --insecure"):
        execution_context([address])
    execution_context([address], insecure=True)  # nothing connects yet


def test_a_worker_that_cannot_be_closed_off_is_refused_even_with_credentials(files, monkeypatch):
    monkeypatch.setattr(worker_front, "can_be_closed_off", lambda: False)
    with pytest.raises(WorkerError, match=r"listens on all interfaces.*--insecure"):
        serve_worker(unused(), lambda: None, credentials=WorkerCredentials.read(*files))


def test_an_address_in_use_is_refused(worker):
    with (
        serving(worker, None) as address,
        pytest.raises(WorkerError, match=rf"cannot listen on {address} \(Address already in use\)"),
        front(address, worker, None),
    ):
        pass


def test_the_front_ends_when_the_worker_dies(files):
    address = unused()

    def kill() -> None:
        newest = max(psutil.Process().children(recursive=True), key=psutil.Process.create_time)
        newest.kill()

    with pytest.raises(WorkerError, match=f"the worker at {address} was killed by signal 9"):
        serve_worker(address, kill, credentials=WorkerCredentials.read(*files))
