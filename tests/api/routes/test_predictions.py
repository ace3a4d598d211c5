from __future__ import annotations

import httpx

MESSAGES = [{"text": "meet me at zanzibar tonight", "timestamp": None}] * 6


def words(client: httpx.Client, device: str, context: str, **more: object) -> list[str]:
    answer = client.post(f"{device}/predictions", json={"context": context, **more})
    assert answer.status_code == 200, answer.text
    return [suggestion["word"] for suggestion in answer.json()["suggestions"]]


def test_a_device_predicts_what_its_owner_writes(client: httpx.Client, device: str) -> None:
    observed = client.post(f"{device}/messages", json={"messages": [*MESSAGES, {"text": "  "}]})
    assert observed.json() == {"observed": 6, "messages": 6}
    assert words(client, device, "meet me at", prefix="Zan")[0] == "zanzibar"
    assert "zanzibar" not in words(client, device, "meet me at", personal=False)


def test_devices_know_nothing_of_each_other(client: httpx.Client, device: str) -> None:
    other = "/v1/devices/" + client.post("/v1/devices").json()["device_id"]
    client.post(f"{device}/messages", json={"messages": MESSAGES})
    assert words(client, other, "meet me at") == words(client, other, "meet me at", personal=False)


def test_suggestions_are_k_different_words_the_likeliest_first(client: httpx.Client, device: str) -> None:
    answer = client.post(f"{device}/predictions", json={"context": "see you", "k": 5}).json()
    suggestions = answer["suggestions"]
    assert len({each["word"] for each in suggestions}) == len(suggestions) == 5
    probabilities = [each["probability"] for each in suggestions]
    assert probabilities == sorted(probabilities, reverse=True) and 0 < probabilities[0] <= 1
    assert all(each["text"].lower() == each["word"] for each in suggestions)
    assert answer["model_id"] == client.get("/healthz").json()["model_id"]


def test_private_fields_are_not_stored(client: httpx.Client, device: str) -> None:
    body = {"messages": [{"text": "hunter2", "private": True}, {"text": "hello"}]}
    assert client.post(f"{device}/messages", json=body).json() == {"observed": 1, "messages": 1}
    assert "hunter2" not in client.get(f"{device}/export").text
