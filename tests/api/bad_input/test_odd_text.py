"""Text in any script, with emoji, with control characters, or empty: the service stores it and predicts after it."""

from __future__ import annotations

import httpx
import pytest

from api.schemas.base import MAX_TEXT

ODD_MESSAGES = {
    "emoji": "see you 👩‍👩‍👧‍👦 soon 🎉🎉",
    "right to left": "أراك غدا في المحطة \u202e!dehsart",
    "NUL": "see\x00you\x00",
    "Chinese": "明天在车站见",
    "combining": "Z" + "\u0301" * 500,
    "control": "\x01\x1b[31m\x7f\u2028",
    "placeholders": "<#> <URL> < script>",
    "one long word": "a" * MAX_TEXT,
    "many words": "so " * (MAX_TEXT // 3),
    "blank": " \n\t\u3000",
    "empty": "",
}
ODD_WORDS = {
    "emoji": "\N{GRINNING FACE}\U0001f469\u200d\U0001f467",
    "right to left": "\u0623\u0631\u0627\u0643 \u202egnorw\u202c",
    "NUL": "see\0you",
    "control": "\x1b[31m\x07",
    "private use": "\ue000\U0010ffff",
}


@pytest.mark.parametrize("text", ODD_MESSAGES.values(), ids=ODD_MESSAGES.keys())
def test_odd_text_is_observed_and_predicted_after(client: httpx.Client, device: str, text: str) -> None:
    observed = client.post(f"{device}/messages", json={"messages": [{"text": text}]})
    assert observed.status_code == 200
    assert observed.json()["observed"] == bool(text.strip())
    for personal in (True, False):
        for prefix in ("", text[:64]):
            body = {"context": text, "prefix": prefix, "personal": personal}
            answer = client.post(f"{device}/predictions", json=body)
            assert answer.status_code == 200
            assert len(answer.json()["suggestions"]) <= 3


@pytest.mark.parametrize("text", ODD_WORDS.values(), ids=ODD_WORDS.keys())
def test_odd_words_are_stored_unchanged_and_can_be_forgotten(client: httpx.Client, device: str, text: str) -> None:
    client.post(f"{device}/messages", json={"messages": [{"text": f"meet {text} now"}] * 3})
    (kept,) = {each["text"] for each in client.get(f"{device}/export").json()["messages"]}
    assert kept == f"meet {text} now"
    batch = {"requests": [{"context": f"meet {text}"}, {"context": "meet", "prefix": text}]}
    predictions = client.post(f"{device}/predictions/batch", json=batch).json()["predictions"]
    assert predictions[0][0]["word"] == "now" and len(predictions) == 2
    for word in client.get(f"{device}/words").json()["words"]:
        assert client.post(f"{device}/forget", json={"what": "word", "word": word["word"]}).status_code == 200
    assert client.get(f"{device}/words").json()["words"] == []
    answer = client.post(f"{device}/forget", json={"what": "word", "word": text})
    assert answer.status_code in (200, 422)
    assert client.post(f"{device}/adaptations", params={"wait": 30}).json()["state"] == "done"
    assert client.get(device).json()["messages"] == 3
