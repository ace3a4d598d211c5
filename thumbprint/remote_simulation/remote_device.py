"""A device of a service in the role of a simulated phone, and the cancellation of the threads that wait for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from api.client import Client
from api.schemas.adaptations import UNDERWAY, Adaptation
from api.schemas.base import MAX_PREFIX, MAX_TEXT
from api.schemas.predictions import Message as ObservedMessage
from api.schemas.predictions import PredictionRequest
from device_runtime.phone.message_history import storable
from device_runtime.simulation.device import SHOWN, AdaptationOutcome, PredictionQuery
from device_runtime.simulation.held_out import Message
from device_runtime.simulation.report import GateVerdict

_ADAPTATION_WAIT = 2.0  # longest request for an adaptation, in seconds: Ctrl-C waits as long
_POLL_PAUSE = 0.1  # seconds between two such requests, in case the service answers at once


class CancelledError(RuntimeError):
    """The simulation was stopped, so this thread must not continue."""


class Cancellation:
    """A stop signal from the main thread. The other threads check it between two requests."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Makes every other thread stop before its next request."""
        self._cancelled.set()

    def check(self) -> None:
        """Raises CancelledError after a cancellation."""
        if self._cancelled.is_set():
            raise CancelledError("the simulation was stopped")

    def sleep(self, seconds: float) -> None:
        """Sleeps. A cancellation ends the sleep and raises CancelledError."""
        self._cancelled.wait(seconds)
        self.check()


class PhoneDataError(ValueError):
    """The service cannot process the messages of this user. It does not affect other users."""


class BundleChangedError(ValueError):
    """The service runs another bundle than at the start of the simulation."""


class RemoteDevice:
    """A `Device` over HTTP. The device `device_id` must be new; its creator deletes it."""

    batch_size = 25  # the contexts of 25 words on both keyboards: about what the service's engine caches for two phones

    def __init__(self, client: Client, device_id: str, model_id: str, cancellation: Cancellation) -> None:
        self._client, self._device_id, self._model_id = client, device_id, model_id
        self._cancellation = cancellation
        self._outcome: AdaptationOutcome | None = None

    def learn(self, messages: Sequence[Message]) -> AdaptationOutcome:
        """See `Device`. A device learns once: further calls return the same outcome.

        Raises:
            ServiceError: the service refuses or is gone.
            PhoneDataError, BundleChangedError: see there.
        """
        if self._outcome is None:
            self._outcome = self._learn(messages)
        return self._outcome

    def suggest(self, queries: Sequence[PredictionQuery], personal: bool) -> list[list[str]]:
        """See `Device`. There are no suggestions for prefixes that are longer than the service allows."""
        self._cancellation.check()
        allowed = [query for query in queries if query.typed <= MAX_PREFIX]
        requests = [_request(query, personal) for query in allowed]
        answers = iter(self._client.predict_batch(self._device_id, requests))
        return [[key.word for key in next(answers)] if query.typed <= MAX_PREFIX else [] for query in queries]

    def adapter_bytes(self) -> int:
        """See `Device`."""
        self._cancellation.check()
        device = self._client.device(self._device_id)
        self._check_bundle(device.model_id)
        return len(self._client.adapter(self._device_id)) if device.personal else 0

    def _learn(self, messages: Sequence[Message]) -> AdaptationOutcome:
        self._cancellation.check()
        self._client.observe(self._device_id, [_observed(message) for message in messages])
        adaptation = self._adapt()
        self._check_bundle(adaptation.model_id)
        if adaptation.verdict is None:
            raise PhoneDataError(f"the adaptation failed: {adaptation.reason}")
        verdict = GateVerdict(kept=adaptation.verdict.kept, reason=adaptation.verdict.reason)
        return AdaptationOutcome(verdict, adaptation.seconds or 0.0)

    def _adapt(self) -> Adaptation:
        adaptation = self._client.adapt(self._device_id, wait=_ADAPTATION_WAIT)
        while adaptation.state in UNDERWAY:
            self._cancellation.sleep(_POLL_PAUSE)
            adaptation = self._client.adaptation(self._device_id, adaptation.adaptation_id, wait=_ADAPTATION_WAIT)
        return adaptation

    def _check_bundle(self, model_id: str) -> None:
        if model_id != self._model_id:
            raise BundleChangedError("the service runs another bundle than at the start of the simulation")


def _observed(message: Message) -> ObservedMessage:
    at, text = message
    text = storable(text)
    if len(text) > MAX_TEXT:
        raise PhoneDataError(f"a message has {len(text):,} characters, but the service accepts at most {MAX_TEXT:,}")
    return ObservedMessage(text=text, timestamp=at)


def _request(query: PredictionQuery, personal: bool) -> PredictionRequest:
    # The beginning of a longer message is never read: see `device_runtime.inference.context_cache`.
    context = storable(query.word.context)[-MAX_TEXT:]
    return PredictionRequest(context=context, prefix=storable(query.prefix), k=SHOWN, personal=personal)
