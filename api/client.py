"""A typed client of the service, which needs only httpx and pydantic.

with Client("http://127.0.0.1:8000", key) as service:
    service.create_device("me")
    service.observe("me", ["meet me at zanzibar tonight"])
    print([suggestion.text for suggestion in service.predict("me", "meet me at")])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from api.schemas.adaptations import Adaptation, AdapterEntry, AdapterHistory, RolledBack
from api.schemas.base import MAX_BATCH, MAX_MESSAGES, Answer
from api.schemas.devices import Device, DeviceEntry, DevicePage
from api.schemas.predictions import Message, Observed, PredictionRequest, Predictions, PredictionsBatch, Suggestion
from api.schemas.privacy import BlockedWords, Export, Forgotten, LearnedWord, LearnedWords
from api.schemas.service import BundleEntry, Bundles, Health

MAX_WAIT = 60.0
"""Seconds that the service waits for an adaptation at most, see `Client.adapt`."""
_RETRY_STATUSES = (429, 503)
_DEVICES_A_PAGE = 200
_Answer = TypeVar("_Answer", bound=Answer)
_Item = TypeVar("_Item")


class ServiceError(ValueError):
    """The service refused a request or cannot be reached.

    Attributes:
        status: The HTTP status of the answer; 0 if there was no answer.
        request_id: The id of the request in the service's log, if the answer has one.
    """

    def __init__(self, message: str, status: int = 0, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id


class Client:
    """A connection to one service. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        timeout: float = 30.0,
        tries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepares the client; the first request opens a connection.

        Args:
            url: Address of the service.
            key: An API key; None for an insecure service.
            timeout: Seconds to wait for an answer, in addition to the `wait` of an adaptation.
            tries: How often a request is sent at most while the service answers 429 or 503 with `Retry-After`.
            sleep: Called with the seconds to wait between two tries.

        Raises:
            ServiceError: the URL or the key is malformed.
        """
        if key is not None and not (key.isascii() and key.isprintable()):
            raise ServiceError("not an API key: a key has only printable ASCII characters")
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._timeout = timeout
        self._tries = tries
        self._sleep = sleep
        try:
            self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)
        except httpx.InvalidURL as error:
            raise ServiceError(f"{url} is not the URL of a service: {error}") from error

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def health(self) -> Health:
        """Returns the names of the service's model and bundle."""
        return self._get("/healthz", Health)

    def bundles(self) -> list[BundleEntry]:
        """Returns the bundles that apps can download."""
        return self._get("/v1/bundles", Bundles).bundles

    def manifest(self, model_id: str) -> bytes:
        """Returns the manifest of a bundle, as the bytes that were signed."""
        return self._send("GET", f"/v1/bundles/{model_id}").content

    def download_bundle(self, model_id: str, have: bytes = b"") -> bytes:
        """Returns the bundle's zip. `have`: the bytes of an interrupted download of the same bundle, to continue it."""
        headers = {"Range": f"bytes={len(have)}-"} if have else {}
        answer = self._send("GET", f"/v1/bundles/{model_id}/download", headers=headers)
        return have + answer.content if answer.status_code == 206 else answer.content

    def create_device(self, device_id: str | None = None) -> Device:
        """Creates a device. Without an id, the service chooses one."""
        return self._post("/v1/devices", Device, {"device_id": device_id})

    def device(self, device_id: str) -> Device:
        """Returns a device."""
        return self._get(f"/v1/devices/{device_id}", Device)

    def devices(self) -> Iterator[DeviceEntry]:
        """Yields every device, sorted by id."""
        cursor: dict[str, str] = {}
        while True:
            page = self._get("/v1/devices", DevicePage, params={"limit": _DEVICES_A_PAGE, **cursor})
            yield from page.devices
            if page.next_cursor is None:
                return
            cursor = {"cursor": page.next_cursor}

    def set_incognito(self, device_id: str, on: bool) -> Device:
        """Turns learning off (`on` is true) or on again."""
        return _read(self._send("PATCH", f"/v1/devices/{device_id}", json={"incognito": on}), Device)

    def delete_device(self, device_id: str) -> bool:
        """Deletes a device and all of its data. Returns False if the service is still removing some of its files."""
        return self._send("DELETE", f"/v1/devices/{device_id}").status_code != 202

    def observe(self, device_id: str, messages: Iterable[str | Message]) -> int:
        """Adds messages in their order, 1,000 a call. Returns how many of them the service stored."""
        observed = 0
        for batch in _batched(messages, MAX_MESSAGES):
            body = [m.model_dump(mode="json") if isinstance(m, Message) else {"text": m} for m in batch]
            observed += self._post(f"/v1/devices/{device_id}/messages", Observed, {"messages": body}).observed
        return observed

    def predict(
        self,
        device_id: str,
        context: str,
        prefix: str = "",
        k: int = 3,
        personal: bool = True,
        two_words: bool = False,
    ) -> list[Suggestion]:
        """Suggests the next word. The arguments are those of `PredictionRequest`."""
        body = {"context": context, "prefix": prefix, "k": k, "personal": personal, "two_words": two_words}
        return self._post(f"/v1/devices/{device_id}/predictions", Predictions, body).suggestions

    def predict_batch(self, device_id: str, requests: Sequence[PredictionRequest]) -> list[list[Suggestion]]:
        """Returns the suggestions for each request, in their order. It sends 100 requests a call."""
        predictions: list[list[Suggestion]] = []
        for batch in _batched(requests, MAX_BATCH):
            body = {"requests": [each.model_dump() for each in batch]}
            predictions += self._post(f"/v1/devices/{device_id}/predictions/batch", PredictionsBatch, body).predictions
        return predictions

    def adapt(self, device_id: str, wait: float = MAX_WAIT) -> Adaptation:
        """Starts an adaptation and waits for its end, at most `wait` seconds (0 to 60)."""
        return self._post(f"/v1/devices/{device_id}/adaptations", Adaptation, None, wait=wait)

    def adaptation(self, device_id: str, adaptation_id: int, wait: float = 0) -> Adaptation:
        """Returns the state and the result of an adaptation, after waiting for its end at most `wait` seconds."""
        path = f"/v1/devices/{device_id}/adaptations/{adaptation_id}"
        return _read(self._send("GET", path, params={"wait": wait}, timeout=self._timeout + wait), Adaptation)

    def adapter(self, device_id: str) -> bytes:
        """Returns the adapter's file."""
        return self._send("GET", f"/v1/devices/{device_id}/adapter").content

    def upload_adapter(self, device_id: str, file: bytes) -> AdapterEntry:
        """Makes the device use an adapter from another device."""
        return _read(self._send("PUT", f"/v1/devices/{device_id}/adapter", content=file), AdapterEntry)

    def adapter_history(self, device_id: str) -> list[AdapterEntry]:
        """Returns the adaptations and uploads of the device's adapter, newest first."""
        return self._get(f"/v1/devices/{device_id}/adapter/history", AdapterHistory).entries

    def rollback(self, device_id: str, to: int | None = None) -> RolledBack:
        """Returns to an earlier adapter.

        Args:
            to: The id of an entry in the adapter's history; 0 = the bundle's adapter; None = the previous adapter.
        """
        return self._post(f"/v1/devices/{device_id}/adapter/rollback", RolledBack, {"to": to})

    def words(self, device_id: str, limit: int = 100) -> list[LearnedWord]:
        """Returns the words that the owner typed, at most `limit`."""
        return self._get(f"/v1/devices/{device_id}/words", LearnedWords, params={"limit": limit}).words

    def forget_word(self, device_id: str, word: str) -> int:
        """Forgets a word. Returns the number of messages that remain."""
        return self._forget(device_id, {"what": "word", "word": word})

    def forget_since(self, device_id: str, since: datetime) -> int:
        """Forgets everything typed since a time. Returns the number of messages that remain."""
        return self._forget(device_id, {"what": "since", "since": since.isoformat()})

    def forget_all(self, device_id: str) -> int:
        """Forgets everything. Returns the number of messages that remain: 0."""
        return self._forget(device_id, {"what": "all"})

    def blocked_words(self, device_id: str) -> list[str]:
        """Returns the device's block list: words in lower case that it must not suggest."""
        return self._get(f"/v1/devices/{device_id}/blocked-words", BlockedWords).words

    def set_blocked_words(self, device_id: str, words: Iterable[str]) -> list[str]:
        """Replaces the device's block list. Returns it as it is stored: in lower case, sorted."""
        answer = self._send("PUT", f"/v1/devices/{device_id}/blocked-words", json={"words": list(words)})
        return _read(answer, BlockedWords).words

    def export(self, device_id: str) -> Export:
        """Returns everything that the device stores about its owner."""
        return self._get(f"/v1/devices/{device_id}/export", Export)

    def _forget(self, device_id: str, body: dict[str, Any]) -> int:
        return self._post(f"/v1/devices/{device_id}/forget", Forgotten, body).messages

    def _get(self, path: str, kind: type[_Answer], params: dict[str, Any] | None = None) -> _Answer:
        return _read(self._send("GET", path, params=params), kind)

    def _post(self, path: str, kind: type[_Answer], body: dict[str, Any] | None, wait: float = 0) -> _Answer:
        params = {"wait": wait} if wait else None
        return _read(self._send("POST", path, json=body, params=params, timeout=self._timeout + wait), kind)

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        for attempt in range(self._tries):
            try:
                answer = self._http.request(method, path, **request)
            except httpx.HTTPError as error:
                raise ServiceError(f"{self._http.base_url} cannot be reached: {error}") from error
            if answer.status_code not in _RETRY_STATUSES or "Retry-After" not in answer.headers:
                break
            if attempt + 1 < self._tries:
                self._sleep(_seconds(answer.headers["Retry-After"]))
        if answer.is_error:
            raise _refusal(answer)
        return answer


def _batched(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _read(answer: httpx.Response, kind: type[_Answer]) -> _Answer:
    try:
        # The answer of a newer service can have fields that this client does not know.
        return kind.model_validate_json(answer.content, extra="ignore")
    except ValidationError as error:
        raise ServiceError(
            f"{answer.url.copy_with(path='/', query=None)} gives an answer that this client does not understand: check "
            "that it is a Thumbprint service of this version",
            answer.status_code,
        ) from error


def _seconds(retry_after: str) -> float:
    """Converts a Retry-After, a number of seconds or a date (RFC 9110, 10.2.3), to seconds; 1 if it is neither."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max((parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 1.0


def _refusal(answer: httpx.Response) -> ServiceError:
    try:
        problem = answer.json()
        errors = "".join(f"; {each['field']}: {each['message']}" for each in problem.get("errors", []))
        return ServiceError(f"{problem['detail']}{errors}", answer.status_code, problem.get("request_id"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ServiceError(f"the service answered {answer.status_code} without details", answer.status_code)
