"""Kills the service between and within requests that change devices, and asks the next one what it knows."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx

from api.app import create_app
from api.observability import log_to_stderr
from api.server import Server, listen
from benchmarks.kill.expected import Expected, Kind, Operation, draw
from benchmarks.kill.process import Violation, require_gone
from benchmarks.material.material import Material

_KINDS: dict[Kind, int] = {"observe": 12, "forget": 3, "block": 2, "adapt": 1, "rollback": 1, "forget_all": 1}
_DEVICES = ("ann", "bob", "cleo")
_MOST_REQUESTS = 12
_LONGEST_DELAY_SECONDS = 0.03

CUT_OFF = re.compile(
    r'^Traceback [^\n]*\n  File "<string>", [^\n]*\n  File [^\n]* in spawn_main\n.*?(?=^\{|\Z)', re.M | re.S
)
"""Python's traceback in a training process whose parent was killed during the start."""


class ServiceKills:
    """One data folder after another, used by services that are killed until `begin_anew`."""

    def __init__(self, material: Material, folder: Path) -> None:
        self.under_way = 0
        """Kills after which the request that was not answered had been carried out."""
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self._material = material
        self._expected: dict[str, Expected | None] = {}
        self._asked: tuple[str, Operation | None] | None = None

    def begin_anew(self) -> None:
        """Deletes the folder: the next kill hits a service without devices."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._expected, self._asked = dict.fromkeys(_DEVICES), None

    def kill(self, number: int, seed: int) -> None:
        """Starts the service, compares what it holds, sends requests, and kills it. Raises Violation."""
        chance = random.Random(f"{seed}:service:{number}")
        self.log.write_bytes(b"")
        with listen("127.0.0.1", 0) as listener:
            child = self._start(listener)
            try:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
                    listener.close()  # only the child's copy is left, so its death refuses connections
                    self._compare(client)
                    self._use(client, chance, child)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        if "Traceback" in (logged := CUT_OFF.sub("", self.log.read_text())):
            raise Violation(f"a traceback in the log of the service: {logged[-2000:]}")
        for device, expected in self._expected.items():
            if expected is not None and (self.folder / "devices" / device).exists():
                require_gone(self.folder / "devices" / device, expected.forgotten)

    def _start(self, listener: socket.socket) -> int:
        child = os.fork()
        if child:
            return child
        try:
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            log_to_stderr("warning")
            app = create_app(self._material.bundle, self._material.public_key, self.folder, insecure=True)
            Server(app).run(sockets=[listener])
        finally:
            os._exit(1)

    def _use(self, client: httpx.Client, chance: random.Random, child: int) -> None:
        """Sends requests one after another; the last one is killed at a random instant while it is under way."""
        requests = chance.randint(0, _MOST_REQUESTS)
        for at, operation in enumerate(draw(chance, requests + 1, _KINDS)):
            device = chance.choice(_DEVICES)
            creates = self._expected[device] is None
            self._asked = device, None if creates else operation
            if at == requests:
                killer = os.fork()
                if killer == 0:
                    time.sleep(chance.uniform(0, _LONGEST_DELAY_SECONDS))
                    os.kill(child, signal.SIGKILL)
                    os._exit(0)
            try:
                answer = _send(client, device, self._asked[1])
            except httpx.TransportError:
                break
            finally:
                if at == requests:
                    os.waitpid(killer, 0)
            if answer.status_code >= 400 and (answer.status_code != 409 or operation.kind not in ("adapt", "rollback")):
                raise Violation(f"{self._asked} was answered by {answer.status_code}: {answer.text}")
            self._expected[device] = self._after(*self._asked)
            self._asked = None

    def _after(self, device: str, operation: Operation | None) -> Expected | None:
        known = self._expected[device]
        if operation is None or known is None:
            return Expected()
        return None if operation.kind == "forget_all" else known.after(operation)

    def _compare(self, client: httpx.Client) -> None:
        for device, before in self._expected.items():
            asked = self._asked is not None and self._asked[0] == device
            after = self._after(*self._asked) if asked and self._asked else before
            answer = client.get(f"/v1/devices/{device}/export")
            if answer.status_code not in (200, 404):
                raise Violation(f"the export of {device} was answered by {answer.status_code}: {answer.text}")
            export = answer.json() if answer.status_code == 200 else None
            found = [each for each in (before, after) if _matches(export, each)]
            if not found:
                raise Violation(f"{device} is neither as acknowledged nor as asked ({self._asked}): {before} {export}")
            if found[0] != before:
                self.under_way += 1
            self._expected[device] = found[0]
        self._asked = None


def _matches(export: dict[str, Any] | None, expected: Expected | None) -> bool:
    if export is None or expected is None:
        return export is None and expected is None
    return Expected.read(export, expected.forgotten) == expected


def _send(client: httpx.Client, device: str, operation: Operation | None) -> httpx.Response:
    """Sends the request of an operation; None = create the device."""
    path = f"/v1/devices/{device}"
    if operation is None:
        return client.post("/v1/devices", json={"device_id": device})
    match operation.kind:
        case "observe":
            return client.post(f"{path}/messages", json={"messages": [{"text": text} for text in operation.texts]})
        case "forget":
            return client.post(f"{path}/forget", json={"what": "word", "word": operation.texts[0]})
        case "block":
            known = client.get(f"{path}/blocked-words").json()["words"]
            return client.put(f"{path}/blocked-words", json={"words": [*known, *operation.texts]})
        case "adapt":
            return client.post(f"{path}/adaptations")
        case "rollback":
            return client.post(f"{path}/adapter/rollback", json={"to": 0})
        case "forget_all":
            return client.delete(path)
