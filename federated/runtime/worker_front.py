"""The front of a worker: the only way from the network to TFF's worker, which is closed off.

It passes TFF's calls on to the worker's Unix socket. With credentials it speaks only TLS, and passes on only calls that
show the token.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import grpc

from federated.runtime.credentials import Address, WorkerCredentials
from federated.runtime.worker import WorkerError, WorkerProcess, can_be_closed_off, wait_until_ready, worker_process

if TYPE_CHECKING:  # a worker without a copy of the corpus needs no TensorFlow
    from federated.runtime.tff_types import ClientData

FRONT_REFUSALS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.DATA_LOSS)
"""The errors of the front itself: the token is wrong, or the copy of the corpus cannot be read."""

_EXECUTOR = "/tensorflow_federated.v0.ExecutorGroup/"
_CHECK, _OPEN = "/thumbprint.Worker/Check", "/thumbprint.Worker/Open"
_CREATE_VALUE = f"{_EXECUTOR}CreateValue"
_CALLS = 64
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Share(Protocol):
    """A copy of the corpus, from which the worker reads the data of clients itself."""

    corpus_id: str

    def open(self, source: bytes) -> None:
        """Prepares to read the data of a training."""

    def fill(self, request: bytes) -> bytes:
        """Returns TFF's request to create a value, with the data of clients in the place of references to it.

        Raises:
            ValueError: the data cannot be read.
        """


def serve_worker(
    address: Address,
    on_ready: Callable[[], None],
    *,
    credentials: WorkerCredentials | None = None,
    insecure: bool = False,
    share: Share | None = None,
    concurrent_clients: int | None = None,
) -> NoReturn:
    """Runs a TFF worker until this process is interrupted; the worker never outlives the call.

    Args:
        address: Where the worker listens.
        on_ready: Called once, when the worker answers.
        credentials: Without them there is no TLS, and anyone who reaches the address can use the worker.
        insecure: Permits an address that others reach without credentials, and a machine on which the worker itself
            cannot be closed off from the network.
        share: The copy of the corpus on this machine, if there is one.
        concurrent_clients: See `worker_process`.

    Raises:
        WorkerError: what `insecure` would permit, the address cannot be used, or the worker ended on its own.
    """
    if credentials is None and not address.is_loopback and not insecure:
        raise WorkerError(
            f"other machines can reach {address}: give --token-file, --tls-cert and --tls-key, or --insecure in a "
            "network that you trust"
        )
    if not can_be_closed_off() and not insecure:
        raise WorkerError(
            "this machine does not let Thumbprint close off the worker, which listens on all interfaces: allow user "
            "namespaces (in a container: the capability SYS_ADMIN), or give --insecure behind a firewall"
        )
    with worker_process(concurrent_clients=concurrent_clients) as worker:
        wait_until_ready(worker)
        with front(address, worker, credentials, share):
            on_ready()
            worker.process.wait()
        raise WorkerError(f"the worker at {address} {worker.how_ended()}: start it again")


@contextlib.contextmanager
def front(
    address: Address, worker: WorkerProcess, credentials: WorkerCredentials | None, share: Share | None = None
) -> Iterator[None]:
    """Lets others use the worker at `address` inside the block.

    Raises:
        WorkerError: the address cannot be used.
    """
    _require_free(address)
    inner = f"unix:{worker.socket}"
    with ThreadPoolExecutor(_CALLS, "calls") as threads, grpc.insecure_channel(inner, _UNLIMITED) as channel:
        server = grpc.server(
            threads, [_Calls(channel, credentials, share)], options=[*_UNLIMITED, ("grpc.so_reuseport", 0)]
        )
        try:
            if credentials is None:
                server.add_insecure_port(str(address))
            else:
                server.add_secure_port(str(address), credentials.server())
        except RuntimeError as error:
            raise WorkerError(f"cannot listen on {address}: choose another --listen") from error
        server.start()
        try:
            yield
        finally:
            server.stop(None).wait()


def _require_free(address: Address) -> None:
    # gRPC is content with one of several: with 127.0.0.1 in use, it would listen on ::1 alone.
    try:
        for family, kind, _, _, place in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(place)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRINUSE:
            raise WorkerError(f"cannot listen on {address} ({error.strerror}): choose another --listen") from error


class _Calls(grpc.GenericRpcHandler):
    """Passes calls on as bytes, without a look at their content unless it refers to the worker's copy of the corpus."""

    def __init__(self, worker: grpc.Channel, credentials: WorkerCredentials | None, share: Share | None) -> None:
        self._worker, self._credentials, self._share = worker, credentials, share

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if self._credentials is not None and not self._credentials.accept(call.invocation_metadata):
            return grpc.unary_unary_rpc_method_handler(_refuse)
        if call.method == _CHECK:
            return grpc.unary_unary_rpc_method_handler(self._check)
        if call.method == _OPEN and self._share is not None:
            return grpc.unary_unary_rpc_method_handler(self._open)
        if not call.method.startswith(_EXECUTOR):
            return None
        return grpc.unary_unary_rpc_method_handler(functools.partial(self._pass_on, call.method))

    def _check(self, request: bytes, context: Any) -> bytes:
        return self._share.corpus_id.encode() if self._share is not None else b""

    def _open(self, request: bytes, context: Any) -> bytes:
        assert self._share is not None
        self._share.open(request)
        return b""

    def _pass_on(self, method: str, request: bytes, context: Any) -> bytes:
        if self._share is not None and method == _CREATE_VALUE:
            try:
                request = self._share.fill(request)
            except ValueError as error:
                context.abort(grpc.StatusCode.DATA_LOSS, str(error))
        answer = self._worker.unary_unary(method).future(request)
        if not context.add_callback(answer.cancel):  # the caller has gone
            answer.cancel()
        try:
            result: bytes = answer.result()
        except (grpc.RpcError, grpc.FutureCancelledError):
            context.abort(answer.code(), answer.details())
        return result


def _refuse(request: bytes, context: Any) -> None:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is missing or wrong")


class FrontCalls:
    """The calls of a training that the front itself answers."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel, self._opened = channel, set[bytes]()
        self.corpus_id = ""

    def check(self, seconds: float) -> None:
        """Finds out whether the worker accepts the token, and of which corpus it has a copy.

        Raises:
            grpc.RpcError: the token is wrong, or nothing answers.
        """
        try:
            self.corpus_id = self._channel.unary_unary(_CHECK)(b"", timeout=seconds).decode()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:  # TFF's own worker, without a front
                raise

    def client_data(self, data: ClientData) -> Any:
        """Returns the reference to the data of a client of the worker's corpus.

        Raises:
            grpc.RpcError: nothing answers.
        """
        if data.source not in self._opened:
            self._channel.unary_unary(_OPEN)(data.source)
            self._opened.add(data.source)
        return data.reference()
