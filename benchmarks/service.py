"""The service's costs: `python -m benchmarks.service BUNDLE --public-key KEY`. Writes `runs/benchmarks/service.json`.

It starts `thumbprint serve` as a fresh process on the loopback address. It measures the time until the service is
ready, its memory after one device has sent a history, adapted and made hundreds of predictions (the training process
has ended by then), and the time of a prediction over HTTP on an open connection.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.measure.memory import family_bytes, peak_resident_bytes, resident_bytes
from benchmarks.measure.results import Figure, Machine, publish
from benchmarks.measure.typist import Typist, make_typist
from device_runtime.adaptation.trainer import IDLE_SECONDS

HOST = "127.0.0.1"
DEVICE = "benchmark"
MB = 1_000_000
HISTORY_WORDS = 2_500
"""About three hundred messages, sent in one request."""
WARM_UP = 50
_POLL_SECONDS = 0.005
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Served:
    """A running service. `ready_seconds`: from its start to the first successful /healthz."""

    process: int
    connection: http.client.HTTPConnection
    ready_seconds: float

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Posts JSON under /v1/devices. An error response ends the benchmark."""
        self.connection.request(
            "POST", f"/v1/devices{path}", json.dumps(body), headers={"Content-Type": "application/json"}
        )
        response = self.connection.getresponse()
        content = response.read()
        if response.status >= 400:
            raise SystemExit(f"POST /v1/devices{path} was answered by {response.status}: {content.decode()}")
        answer: dict[str, Any] = json.loads(content)
        return answer


def main(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder, or a zip of it.")],
    public_key: Annotated[Path, typer.Option(help="The public key that verifies the bundle.")],
    starts: Annotated[int, typer.Option(min=1, help="Starts timed.")] = 5,
    predictions: Annotated[int, typer.Option(min=10, help="Predictions timed.")] = 500,
) -> None:
    """Measures start, memory and predictions over HTTP."""
    machine = Machine.now()
    typist = make_typist(HISTORY_WORDS, WARM_UP + predictions)
    ready = []
    for _ in range(starts):
        with serving(bundle, public_key) as service:
            ready.append(service.ready_seconds)
    with serving(bundle, public_key) as service:
        adaptation = set_up_device(service, typist)
        peak = family_bytes(service.process, peak_resident_bytes)
        latencies = prediction_seconds(service, typist)[WARM_UP:]
        time.sleep(IDLE_SECONDS + 2)
        resident = family_bytes(service.process, resident_bytes)
    p50, p99 = 1000 * np.percentile(latencies, [50, 99])
    publish(
        "service",
        [
            Figure("ready", "thumbprint serve, start to ready, median", float(np.median(ready)), "s", at_most=2),
            Figure("resident", "resident with one device, after use", resident / MB, "MB", at_most=200),
            Figure("peak_memory", "with the process that trains, peak", peak / MB, "MB"),
            Figure("predict_p50", "prediction of 3 words over HTTP, p50", float(p50), "ms"),
            Figure("predict_p99", "the same, p99", float(p99), "ms"),
        ],
        {
            "ready_s": ready,
            "messages": len(typist.history),
            "predictions": len(latencies),
            "warm_up": WARM_UP,
            "resident_bytes": resident,
            "peak_bytes": peak,
            "adaptation": adaptation,
        },
        machine,
    )


def set_up_device(service: Served, typist: Typist) -> dict[str, Any]:
    """Creates a device, sends its messages and adapts it. Returns the response of the adaptation."""
    service.post("", {"device_id": DEVICE})
    service.post(f"/{DEVICE}/messages", {"messages": [{"text": text} for text in typist.history]})
    return service.post(f"/{DEVICE}/adaptations?wait=60", {})


def prediction_seconds(service: Served, typist: Typist) -> list[float]:
    """Times a prediction after each context, from the request to the last byte of the response."""
    seconds = []
    for context in typist.contexts:
        started = time.perf_counter()
        service.post(f"/{DEVICE}/predictions", {"context": context, "k": 3})
        seconds.append(time.perf_counter() - started)
    return seconds


@contextlib.contextmanager
def serving(bundle: Path, public_key: Path) -> Iterator[Served]:
    """Runs `thumbprint serve` without devices until the block ends."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as scratch, (Path(scratch) / "log").open("w+") as log:
        command = [sys.executable, "-m", "thumbprint", "serve", str(bundle), "--public-key", str(public_key)]
        command += ["--host", HOST, "--port", str(port), "--data", f"{scratch}/devices", "--insecure"]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE_SECONDS)
            while not _healthy(connection):
                if process.poll() is not None or time.perf_counter() - started > _PATIENCE_SECONDS:
                    log.seek(0)
                    raise SystemExit(f"the service did not start: {log.read().strip()}")
                time.sleep(_POLL_SECONDS)
            yield Served(process.pid, connection, time.perf_counter() - started)
            connection.close()
        finally:
            _end(process)


def _healthy(connection: http.client.HTTPConnection) -> bool:
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        response.read()
    except OSError:
        connection.close()
        return False
    return response.status == 200


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    typer.run(main)
