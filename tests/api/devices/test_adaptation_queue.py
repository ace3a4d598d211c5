from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest

from api.devices import adaptation_queue
from api.devices.adaptation_jobs import AdaptationJobs
from api.devices.adaptation_queue import MAX_UNDERWAY, AdaptationQueue, AlreadyAdaptingError
from api.schemas.adaptations import State
from api.storage.database import Database
from device_runtime.adaptation.adapt import Adaptation, Verdict
from device_runtime.adaptation.budget import Budget
from device_runtime.adapter.adapter import Adapter
from device_runtime.phone.phone import Phone, PhoneError
from tests.support.api.serving import Serving

WAIT = {"wait": 30}
NO_BUDGET = Budget()
MESSAGES = [{"text": f"see you at the station at {hour} then, bring the red bag"} for hour in range(40)]


@dataclass
class PausedAdaptations:
    """Each adaptation sets `begun`, waits for `resume`, and then runs."""

    begun: threading.Event = field(default_factory=threading.Event)
    resume: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> Iterator[PausedAdaptations]:
    paused, adapt = PausedAdaptations(), Phone.adapt

    def wait_and_adapt(phone: Phone, budget: Budget = NO_BUDGET) -> Adaptation:
        paused.begun.set()
        assert paused.resume.wait(30)
        return adapt(phone, budget)

    monkeypatch.setattr(Phone, "adapt", wait_and_adapt)
    yield paused
    paused.resume.set()


def test_an_adaptation_returns_its_verdict(client: httpx.Client, device: str) -> None:
    client.post(f"{device}/messages", json={"messages": MESSAGES})
    answer = client.post(f"{device}/adaptations", params=WAIT)
    assert answer.status_code == 200
    result = answer.json()
    assert result.keys() == {
        *("adaptation_id", "state", "model_id", "created_at", "finished_at", "verdict", "reason", "steps", "seconds")
    }
    assert result["state"] == "done" and result["reason"] is None
    assert result["steps"] > 0 and result["seconds"] > 0
    verdict = result["verdict"]
    assert verdict.keys() == {"kept", "reason", "before", "after", "tail_words"}
    assert verdict["tail_words"] > 0 and verdict["before"] > 0 and verdict["after"] > 0
    assert isinstance(verdict["kept"], bool) and verdict["reason"]


def test_without_messages_the_old_adapter_is_kept(client: httpx.Client, device: str) -> None:
    verdict = client.post(f"{device}/adaptations", params=WAIT).json()["verdict"]
    assert not verdict["kept"] and verdict["tail_words"] == 0


def test_an_unknown_device_is_not_queued(client: httpx.Client) -> None:
    assert client.post("/v1/devices/unknown/adaptations").status_code == 404


def test_other_requests_are_answered_during_an_adaptation(
    client: httpx.Client, device: str, paused: PausedAdaptations
) -> None:
    client.post(f"{device}/messages", json={"messages": MESSAGES})
    with ThreadPoolExecutor(1) as thread:
        adapting = thread.submit(client.post, f"{device}/adaptations", params=WAIT)
        try:
            assert paused.begun.wait(30)
            for path in (f"{device}/predictions",) * 20:
                assert client.post(path, json={"context": "see you"}).status_code == 200
            assert client.post(f"{device}/messages", json={"messages": MESSAGES[:1]}).status_code == 200
            assert client.get("/healthz").status_code == 200
            assert not adapting.done()
            again = client.post(f"{device}/adaptations", params=WAIT)
            assert again.status_code == 409
        finally:
            paused.resume.set()
        assert adapting.result().status_code == 200
    assert client.post(f"{device}/adaptations", params=WAIT).status_code == 200


def test_predictions_use_the_old_adapter_or_the_new_one(client: httpx.Client, device: str) -> None:
    """Every prediction during a real adaptation equals the one before it or the one after it."""
    client.post(f"{device}/messages", json={"messages": MESSAGES})

    def predict() -> str:
        answer = client.post(f"{device}/predictions", json={"context": "see you at the", "k": 10})
        assert answer.status_code == 200
        return answer.text

    before = predict()
    with ThreadPoolExecutor(1) as thread:
        adapting = thread.submit(client.post, f"{device}/adaptations", params=WAIT)
        seen = {predict()}
        while not adapting.done():
            seen.add(predict())
        assert adapting.result().status_code == 200
    assert seen <= {before, predict()}


def test_refuses_an_adaptation_if_the_queue_is_full(client: httpx.Client, paused: PausedAdaptations) -> None:
    devices = [f"/v1/devices/waiting-{number}" for number in range(MAX_UNDERWAY + 1)]
    for path in devices:
        client.post("/v1/devices", json={"device_id": path.rpartition("/")[2]})
    with ThreadPoolExecutor(MAX_UNDERWAY + 1) as threads:
        first = [threads.submit(client.post, f"{path}/adaptations", params=WAIT) for path in devices]
        try:
            while not any(each.done() for each in first):
                time.sleep(0.01)
        finally:
            paused.resume.set()
        answers = [each.result() for each in first]
    assert sorted(answer.status_code for answer in answers) == [200] * MAX_UNDERWAY + [429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) > 0


def test_the_shutdown_waits_for_the_running_adaptation(
    serving: Serving, tmp_path: Path, paused: PausedAdaptations
) -> None:
    with ThreadPoolExecutor(1) as thread:
        with serving(tmp_path) as client:
            client.post("/v1/devices", json={"device_id": "phone"})
            url = client.base_url.join("/v1/devices/phone/adaptations")
            adapting = thread.submit(httpx.post, url, params=WAIT, timeout=30, trust_env=False)
            assert paused.begun.wait(30)
            threading.Timer(0.3, paused.resume.set).start()
        assert adapting.result().status_code == 200


class HangingAdaptations:
    """What `AdaptationQueue` calls: the device `bad` hangs until `go_on`, the others adapt at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.adapted: list[str] = []

    def __call__(self, device_id: str) -> Adaptation:
        if device_id == "bad":
            assert self.go_on.wait(30)
        self.adapted.append(device_id)
        tensors = np.zeros((1, 1), np.float32)
        adapter = Adapter(tensors, tensors, tensors[0])
        return Adaptation(adapter, Verdict(True, "kept", 1, 1.0, 1.0), 1, 0.1)


def test_an_adaptation_that_hangs_fails_in_time_and_the_others_go_on(database: Database) -> None:
    jobs, adapt = AdaptationJobs(database), HangingAdaptations()
    adaptations = AdaptationQueue(jobs, adapt, "m", patience=0.2)
    bad, good = adaptations.start("bad"), adaptations.start("good")
    for job, state in ((bad, State.FAILED), (good, State.DONE)):
        if (future := adaptations.future(job)) is not None:
            future.result(30)
        assert jobs.job(job.device_id, job.id).state is state
    assert jobs.job("bad", bad.id).reason == "the adaptation did not end in time; the old adapter stays"
    with pytest.raises(AlreadyAdaptingError):  # it would hang again
        adaptations.start("bad")
    adapt.go_on.set()
    deadline = time.monotonic() + 30
    while len(adaptations) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert jobs.job("bad", bad.id).state is State.FAILED
    again = adaptations.start("bad")
    future = adaptations.future(again)
    assert future is None or future.result(30) is None
    assert jobs.job("bad", again.id).state is State.DONE
    adaptations.close()


def test_the_queue_closes_although_an_adaptation_hangs_and_resumes_it_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptation_queue, "CLOSE_SECONDS", 0.2)
    jobs, adapt = AdaptationJobs(database), HangingAdaptations()
    adaptations = AdaptationQueue(jobs, adapt, "m")
    for device_id in ("bad", "good"):
        adaptations.start(device_id)
    began = time.monotonic()
    adaptations.close()
    assert time.monotonic() - began < 10
    adapt.go_on.set()
    deadline = time.monotonic() + 30
    while "bad" not in adapt.adapted and time.monotonic() < deadline:
        time.sleep(0.01)
    assert {job.device_id for job in jobs.underway()} == {"bad", "good"}
    resumed = AdaptationQueue(jobs, adapt, "m")
    resumed.resume()
    while len(resumed) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not jobs.underway()
    resumed.close()


def test_an_adaptation_is_started_and_polled(client: httpx.Client, device: str, paused: PausedAdaptations) -> None:
    client.post(f"{device}/messages", json={"messages": MESSAGES})
    started = client.post(f"{device}/adaptations")
    assert started.status_code == 202 and started.json()["state"] in ("queued", "running")
    path = started.headers["location"]
    assert path == f"{device}/adaptations/{started.json()['adaptation_id']}"
    assert paused.begun.wait(30)
    polled = client.get(path, params={"wait": 0.1})
    assert (polled.status_code, polled.json()["state"], polled.json()["verdict"]) == (202, "running", None)
    paused.resume.set()
    done = client.get(path, params=WAIT)
    assert (done.status_code, done.json()["state"]) == (200, "done")
    assert client.get(f"{device}/adaptations/999999").status_code == 404
    assert client.get(f"{device}/adaptations/{2**60}").status_code == 422


def test_a_restart_resumes_the_adaptations_that_waited(
    serving: Serving, tmp_path: Path, paused: PausedAdaptations
) -> None:
    paths = []
    with serving(tmp_path) as client:
        for name in ("first", "second", "third"):
            client.post("/v1/devices", json={"device_id": name})
            client.post(f"/v1/devices/{name}/messages", json={"messages": MESSAGES})
            paths.append(client.post(f"/v1/devices/{name}/adaptations").headers["location"])
        assert paused.begun.wait(30)
        threading.Timer(0.3, paused.resume.set).start()  # the first one ends; the others have not begun
    with serving(tmp_path) as client:
        assert [client.get(path, params=WAIT).json()["state"] for path in paths] == ["done"] * 3


def test_a_failed_adaptation_has_a_reason_without_details(
    client: httpx.Client, device: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for error, reason in ((KeyError("hunter2"), "unexpected error"), (PhoneError("hunter2"), "storage")):

        def fail(_phone: Phone, error: Exception = error) -> Adaptation:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(Phone, "adapt", fail)
            result = client.post(f"{device}/adaptations", params=WAIT).json()
        assert result["state"] == "failed" and reason in result["reason"] and "hunter2" not in result["reason"]
    assert "KeyError" in caplog.text


def test_predictions_use_a_whole_adapter_under_stress(client: httpx.Client, device: str) -> None:
    """Rollbacks switch between two adapters while other threads predict. Each answer is that of one adapter."""
    client.post(f"{device}/messages", json={"messages": MESSAGES})
    assert client.post(f"{device}/adaptations", params=WAIT).json()["verdict"]["kept"]
    contexts = {"requests": [{"context": context, "k": 10} for context in ("see you at the", "bring", "so")]}

    def predict() -> str:
        answer = client.post(f"{device}/predictions/batch", json=contexts)
        assert answer.status_code == 200
        return answer.text

    def predictions() -> set[str]:
        return {json.dumps(each) for each in json.loads(predict())["predictions"]}

    personal = predictions()
    client.post(f"{device}/adapter/rollback", json={"to": 0})
    shared = predictions()
    assert personal.isdisjoint(shared)
    stop = threading.Event()

    def switch() -> int:
        switches = 0
        while not stop.is_set():
            to = {"to": switches % 2}
            assert client.post(f"{device}/adapter/rollback", json=to).status_code == 200
            switches += 1
        return switches

    with ThreadPoolExecutor(5) as threads:
        switching = threads.submit(switch)
        try:
            for found in threads.map(lambda _: predictions(), range(150)):
                assert found <= personal | shared
        finally:
            stop.set()
        assert switching.result() > 2
