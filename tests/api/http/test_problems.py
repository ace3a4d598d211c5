"""Errors inside the service: the answer is a problem, nothing is changed, and no log line contains typed text."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from device_runtime.phone.phone import Phone
from device_runtime.prediction.predictor import Suggestion
from tests.support.api.problems import SECRET, require_problem
from tests.support.api.serving import Serving


def test_a_damaged_phone_does_not_affect_other_phones(
    serving: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = tmp_path / "devices" / "damaged"
    damaged.parent.mkdir()
    damaged.write_text("a file in place of its folder")  # a damaged history would be moved aside
    with serving(tmp_path) as client:
        refused = client.post("/v1/devices", json={"device_id": "damaged"})
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
        assert refused.headers["content-type"] == "application/problem+json"
        assert str(tmp_path) not in refused.text and str(damaged) in caplog.text
        assert client.get("/v1/devices").json()["devices"] == []
        assert client.post("/v1/devices", json={"device_id": "whole"}).status_code == 201
        damaged.unlink()
        assert client.post("/v1/devices", json={"device_id": "damaged"}).status_code == 201


def test_answers_503_if_the_database_cannot_be_read(
    serving: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path) as client:
        client.post("/v1/devices", json={"device_id": "phone"})
    with serving(tmp_path) as client:
        for path in tmp_path.glob("devices.sqlite*"):
            path.write_bytes(b"no database" * 1000)
        refused = client.post("/v1/devices/phone/predictions", json={"context": SECRET})
        assert refused.status_code == 503 and SECRET not in refused.text + caplog.text


def test_an_unexpected_error_shows_no_typed_text(
    client: httpx.Client, device: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(phone: Phone, context: str, prefix: str, k: int, personal: bool, two_words: bool) -> list[Suggestion]:
        try:
            int(context)
        except ValueError as error:
            raise KeyError(context) from error
        return []

    with monkeypatch.context() as patch:
        patch.setattr(Phone, "predict", fail)
        answer = client.post(f"{device}/predictions", json={"context": SECRET})
    assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
    assert SECRET not in answer.text + caplog.text and "KeyError" not in answer.text
    assert "ValueError" in caplog.text and "KeyError" in caplog.text and "in fail" in caplog.text
    assert client.post(f"{device}/predictions", json={"context": SECRET}).status_code == 200


def test_an_unknown_path_and_a_wrong_method_are_problems(client: httpx.Client, device: str) -> None:
    require_problem(client.get("/v2"), 404)
    refused = client.get(f"{device}/messages")
    require_problem(refused, 405)
    assert refused.headers["allow"] == "POST"
