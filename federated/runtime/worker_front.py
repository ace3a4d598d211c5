"""The front of a worker: the only way from the network to TFF's worker, which is closed off.

It passes TFF's calls on to the worker's Unix socket. With credentials it speaks only TLS, and passes on only calls that
show the token.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc

from federated.runtime.credentials import Address, WorkerCredentials
from federated.runtime.worker import WorkerError, WorkerProcess, can_be_closed_off, wait_until_ready, worker_process

CHECK = "/thumbprint.Worker/Check"
"""A call that changes nothing: it shows that the token is right."""

_EXECUTOR = "/tensorflow_federated.v0.ExecutorGroup/"
_CALLS = 64
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def serve_worker(
    address: Address,
    on_ready: Callable[[], None],
    *,
    credentials: WorkerCredentials | None = None,
    insecure: bool = False,
    concurrent_clients: int | None = None,
) -> NoReturn:
    """Runs a TFF worker until this process is interrupted; the worker never outlives the call.

    Args:
        address: Where the worker listens.
        on_ready: Called once, when the worker answers.
        credentials: Without them there is no TLS, and anyone who reaches the address can use the worker.
        insecure: Permits an address that others reach without credentials, and a machine on which the worker itself
            cannot be closed off from the network.
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
        with front(address, worker, credentials):
            on_ready()
            worker.process.wait()
        raise WorkerError(f"the worker at {address} {worker.how_ended()}: start it again")


@contextlib.contextmanager
def front(address: Address, worker: WorkerProcess, credentials: WorkerCredentials | None) -> Iterator[None]:
    """Lets others use the worker at `address` inside the block.

    Raises:
        WorkerError: the address cannot be used.
    """
    _require_free(address)
    inner = f"unix:{worker.socket}"
    with ThreadPoolExecutor(_CALLS, "calls") as threads, grpc.insecure_channel(inner, _UNLIMITED) as channel:
        server = grpc.server(threads, [_Calls(channel, credentials)], options=[*_UNLIMITED, ("grpc.so_reuseport", 0)])
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
    """Passes calls on as bytes, without a look at their content."""

    def __init__(self, worker: grpc.Channel, credentials: WorkerCredentials | None) -> None:
        self._worker, self._credentials = worker, credentials

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if self._credentials is not None and not self._credentials.accept(call.invocation_metadata):
            return grpc.unary_unary_rpc_method_handler(_refuse)
        if call.method == CHECK:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
        if not call.method.startswith(_EXECUTOR):
            return None
        method = self._worker.unary_unary(call.method)

        def pass_on(request: bytes, context: Any) -> bytes:
            answer = method.future(request)
            if not context.add_callback(answer.cancel):  # the caller has gone
                answer.cancel()
            try:
                result: bytes = answer.result()
            except (grpc.RpcError, grpc.FutureCancelledError):
                context.abort(answer.code(), answer.details())
            return result

        return grpc.unary_unary_rpc_method_handler(pass_on)


def _refuse(request: bytes, context: Any) -> None:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is missing or wrong")
