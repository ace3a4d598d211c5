"""The service under load: `python -m benchmarks.service_load BUNDLE --public-key KEY`.

`thumbprint serve` with many devices, each with a history; predictions of devices drawn at random arrive at a fixed
rate, whether earlier ones were answered or not, while one device after another adapts. The time of a prediction is
from when it was due, so that a service that falls behind shows it. `--seconds 3600` is the soak: the memory of its
last quarter against that of its second. Writes `runs/benchmarks/service_load.json`.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.memory import resident_bytes
from benchmarks.results import Figure, Machine, publish
from benchmarks.service import HOST, MB, serving
from benchmarks.typist import Typist, make_typist

HISTORY_WORDS = 250
CONTEXTS = 2_000
_CONNECTIONS = 32


@dataclass
class Seen:
    """What happened: seconds of each prediction from when it was due, adaptations, resident bytes over time."""

    seconds: list[float] = field(default_factory=list)
    adaptations: int = 0
    resident: list[int] = field(default_factory=list)


class Connection:
    """One HTTP/1.1 connection that stays open; next to nothing beside the service's own cost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: dict[str, Any] | None = None) -> bytes:
        """Posts JSON under /v1/devices. Ends the benchmark where the answer is an error."""
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
            raise SystemExit(f"POST {path} was answered by {answer.decode()}{received.decode()}")
        return received


def main(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder, or a zip of it.")],
    public_key: Annotated[Path, typer.Option(help="The public key that it must be signed with.")],
    devices: Annotated[int, typer.Option(min=1, help="Devices.")] = 1_000,
    rate: Annotated[float, typer.Option(min=1, help="Predictions a second.")] = 500,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 60,
) -> None:
    """Measures predictions while devices adapt, and the memory over time."""
    machine = Machine.now()
    typist = make_typist(HISTORY_WORDS, CONTEXTS)
    with serving(bundle, public_key) as service:
        port = service.connection.port
        seen = asyncio.run(_load(port, service.process, typist, devices, rate, seconds))
    p50, p99 = 1000 * np.percentile(seen.seconds, [50, 99])
    quarters = np.array_split(np.array(seen.resident), 4)
    second, last = (float(np.mean(quarters[number])) for number in (1, 3))
    publish(
        "service_load",
        [
            Figure("answered", "predictions a second", len(seen.seconds) / seconds, "1/s", at_least=0.99 * rate),
            Figure("predict_p50", f"prediction at {devices:,} devices while others adapt, p50", float(p50), "ms"),
            Figure("predict_p99", "the same, p99", float(p99), "ms", at_most=25),
            Figure("adaptations", "adaptations meanwhile", seen.adaptations / seconds, "1/s"),
            Figure("resident", "resident in the last quarter", last / MB, "MB"),
            Figure("growth", "the last quarter against the second", last / second - 1, "", at_most=0.05),
        ],
        {"devices": devices, "rate": rate, "seconds": seconds, "predictions": len(seen.seconds)},
        machine,
    )


async def _load(port: int, process: int, typist: Typist, devices: int, rate: float, seconds: float) -> Seen:
    messages = {"messages": [{"text": text} for text in typist.history]}
    first = Connection(port)
    for number in range(devices):
        await first.post("", {"device_id": f"device-{number}"})
        await first.post(f"/device-{number}/messages", messages)
    seen, drawn = Seen(), random.Random(0)
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        idle.put_nowait(Connection(port))

    async def predict(due: float) -> None:
        connection = await idle.get()
        body = {"context": drawn.choice(typist.contexts), "k": 3}
        await connection.post(f"/device-{drawn.randrange(devices)}/predictions", body)
        seen.seconds.append(time.perf_counter() - due)
        idle.put_nowait(connection)

    async def adapt() -> None:
        while True:
            await first.post(f"/device-{drawn.randrange(devices)}/adaptations?wait=60")
            seen.adaptations += 1

    async def weigh() -> None:
        while True:
            seen.resident.append(resident_bytes(process))
            await asyncio.sleep(max(seconds / 400, 0.05))

    others = [asyncio.create_task(adapt()), asyncio.create_task(weigh())]
    started = time.perf_counter()
    async with asyncio.TaskGroup() as predictions:
        for number in range(int(rate * seconds)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            predictions.create_task(predict(due))
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return seen


if __name__ == "__main__":
    typer.run(main)
