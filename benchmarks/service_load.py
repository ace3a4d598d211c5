"""The service under load: `python -m benchmarks.service_load BUNDLE --public-key KEY`.

It runs `thumbprint serve` with many devices, each with a history. Requests for predictions of random devices arrive at
a fixed rate, whether earlier ones have been answered or not, while one device after another adapts. The time of a
prediction starts when it is due, so a delay of the service, or of this program, shows. This program needs a twentieth
of a core. `--seconds 3600` is a soak test, which compares the memory of the last quarter with that of the second. The
benchmark writes `runs/benchmarks/service_load.json` every half minute and at the end.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.measure.memory import family_bytes, resident_bytes
from benchmarks.measure.results import Figure, Machine, keep, publish
from benchmarks.measure.typist import Typist, make_typist
from benchmarks.service import HOST, MB, serving

HISTORY_WORDS = 250
CONTEXTS = 2_000
_CONNECTIONS = 32
_KEEP_SECONDS = 30.0


@dataclass(frozen=True)
class Plan:
    """Number of devices, predictions a second, duration in seconds, and seconds between two adaptations (`pause`)."""

    devices: int
    rate: float
    seconds: float
    pause: float


@dataclass
class Seen:
    """Measurements: seconds of each prediction since it was due, adaptations done, resident bytes over time."""

    started: float = field(default_factory=time.perf_counter)
    seconds: array[float] = field(default_factory=lambda: array("d"))
    adaptations: int = 0
    resident: list[int] = field(default_factory=list)

    def figures(self, plan: Plan) -> list[Figure]:
        """Returns the figures so far, or at the end."""
        elapsed = min(time.perf_counter() - self.started, plan.seconds)
        p50, p99 = 1000 * np.percentile(self.seconds, [50, 99])
        quarters = np.array_split(np.array(self.resident), 4)
        second, last = (float(np.mean(quarters[number])) for number in (1, 3))
        return [
            Figure("answered", "predictions a second", len(self.seconds) / elapsed, "1/s", at_least=0.99 * plan.rate),
            Figure("predict_p50", f"prediction at {plan.devices:,} devices while others adapt, p50", float(p50), "ms"),
            Figure("predict_p99", "the same, p99", float(p99), "ms", at_most=25),
            Figure("adaptations", "adaptations meanwhile", self.adaptations / elapsed, "1/s"),
            Figure("resident", "resident in the last quarter, both processes", last / MB, "MB"),
            Figure("growth", "the last quarter against the second", last / second - 1, "", at_most=0.05),
        ]

    def samples(self, plan: Plan) -> dict[str, Any]:
        """Returns the sizes, the duration so far, and the processor time of this program."""
        return {
            "devices": plan.devices,
            "rate": plan.rate,
            "seconds": plan.seconds,
            "pause_s": plan.pause,
            "elapsed_s": time.perf_counter() - self.started,
            "predictions": len(self.seconds),
            "generator_cpu_s": time.process_time(),
            "resident_bytes": self.resident,
        }


class Connection:
    """One open HTTP/1.1 connection. It costs almost nothing compared with the service."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: dict[str, Any] | None = None) -> bytes:
        """Posts JSON under /v1/devices. Raises RuntimeError on an error response."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        head = f"POST /v1/devices{path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        received = await reader.readexactly(int(length.split(b":")[1]))
        if int(answer.split(b" ", 2)[1]) >= 400:
            raise RuntimeError(f"POST {path} was answered by {answer.decode()}{received.decode()}")
        return received


def main(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder, or a zip of it.")],
    public_key: Annotated[Path, typer.Option(help="The public key that verifies the bundle.")],
    devices: Annotated[int, typer.Option(min=1, help="Devices.")] = 1_000,
    rate: Annotated[float, typer.Option(min=1, help="Predictions a second.")] = 500,
    seconds: Annotated[float, typer.Option(min=4, help="Duration in seconds.")] = 60,
    adaptations_every: Annotated[float, typer.Option(min=0, help="Seconds from an adaptation's end to the next.")] = 0,
) -> None:
    """Measures predictions while devices adapt, and the memory over time."""
    machine, plan = Machine.now(), Plan(devices, rate, seconds, adaptations_every)
    typist = make_typist(HISTORY_WORDS, CONTEXTS)
    with serving(bundle, public_key) as service:
        seen = asyncio.run(_load(service.connection.port, service.process, typist, plan, machine))
    publish("service_load", seen.figures(plan), seen.samples(plan), machine)


async def _load(port: int, process: int, typist: Typist, plan: Plan, machine: Machine) -> Seen:
    await _make_devices(port, typist, plan.devices)
    seen, drawn = Seen(), random.Random(0)
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        idle.put_nowait(Connection(port))

    async def predict(due: float) -> None:
        connection = await idle.get()
        body = {"context": drawn.choice(typist.contexts), "k": 3}
        await connection.post(f"/device-{drawn.randrange(plan.devices)}/predictions", body)
        seen.seconds.append(time.perf_counter() - due)
        idle.put_nowait(connection)

    async def adapt() -> None:
        while True:
            # A new connection each time, because the service closes idle ones.
            answer = await Connection(port).post(f"/device-{drawn.randrange(plan.devices)}/adaptations?wait=60")
            seen.adaptations += json.loads(answer)["state"] == "done"
            await asyncio.sleep(plan.pause)

    async def measure_memory() -> None:
        while True:
            seen.resident.append(family_bytes(process, resident_bytes))
            await asyncio.sleep(max(plan.seconds / 400, 0.25))

    async def report() -> None:
        while True:
            await asyncio.sleep(_KEEP_SECONDS)
            figures = seen.figures(plan)
            keep("service_load", figures, seen.samples(plan), machine)
            shown = (f"{figure.name} {figure.value:.3g} {figure.unit}".rstrip() for figure in figures)
            print(f"{time.perf_counter() - seen.started:.0f} s: {', '.join(shown)}", flush=True)

    others = [asyncio.create_task(each()) for each in (adapt, measure_memory, report)]
    async with asyncio.TaskGroup() as predictions:
        for number in range(int(plan.rate * plan.seconds)):
            due = seen.started + number / plan.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            predictions.create_task(predict(due))
    for other in others:
        other.cancel()
    for ended in await asyncio.gather(*others, return_exceptions=True):
        if not isinstance(ended, asyncio.CancelledError):
            raise SystemExit(f"the load could not be kept up: {ended}")
    return seen


async def _make_devices(port: int, typist: Typist, devices: int) -> None:
    connection, messages = Connection(port), {"messages": [{"text": text} for text in typist.history]}
    for number in range(devices):
        await connection.post("", {"device_id": f"device-{number}"})
        await connection.post(f"/device-{number}/messages", messages)


if __name__ == "__main__":
    typer.run(main)
