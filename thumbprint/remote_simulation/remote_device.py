"""A device of a service, as trials ask for a phone.

How threads that wait for a service are told to end.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from api.client import Client
from api.schemas.adaptations import UNDERWAY, Adaptation
from api.schemas.base import MAX_PREFIX, MAX_TEXT
from api.schemas.predictions import Message as Written
from api.schemas.predictions import PredictionRequest
from device_runtime.phone.message_history import storable
from device_runtime.simulation.device import SHOWN, AdaptationOutcome, PredictionQuery
from device_runtime.simulation.held_out import Message
from device_runtime.simulation.report import GateVerdict


class CancelledError(RuntimeError):
    """The simulation ends: what this thread was about is not to go on."""


class Cancellation:
    """Given once by the main thread, heeded by the others between two requests."""

    def __init__(self) -> None:
        self._given = threading.Event()

    def give(self) -> None:
        """Ends every other thread at its next request."""
        self._given.set()

    def heed(self) -> None:
        """Raises CancelledError once it was given."""
        if self._given.is_set():
            raise CancelledError("the simulation was stopped")

    def sleep(self, seconds: float) -> None:
        """Passes the time, less where it is given meanwhile: then it raises CancelledError."""
        self._given.wait(seconds)
        self.heed()


_WAIT = 2.0  # seconds a request for an adaptation takes at most: so long does Ctrl-C wait
_PAUSE = 0.1  # between two, should the service answer at once


class PhoneDataError(ValueError):
    """The service takes no such message, or can make nothing of the user's; no other user is touched by it."""


class BundleChangedError(ValueError):
    """The service runs another bundle than before."""


class RemoteDevice:
    """A `Device` over HTTP: the device `device_id`, which is new and stays its owner's to delete."""

    at_once = 25  # their contexts on both keyboards are about what the service's engine remembers for two such phones

    def __init__(self, client: Client, device_id: str, model_id: str, stop: Cancellation) -> None:
        self._client, self._device_id, self._model_id, self._stop = client, device_id, model_id, stop
        self._learnt: AdaptationOutcome | None = None

    def learn(self, messages: Sequence[Message]) -> AdaptationOutcome:
        """See `Device`. A phone learns once: the second time it is asked, it has.

        Raises:
            ServiceError: the service refuses or is gone.
            PhoneDataError, BundleChangedError: see there.
        """
        if self._learnt is None:
            self._learnt = self._learn(messages)
        return self._learnt

    def suggest(self, asked: Sequence[PredictionQuery], personal: bool) -> list[list[str]]:
        """See `Device`; with more letters typed than the service takes, nothing is shown."""
        self._stop.heed()
        fitting = [each for each in asked if each.typed <= MAX_PREFIX]
        found = iter(self._client.predict_batch(self._device_id, [_request(each, personal) for each in fitting]))
        return [[key.word for key in next(found)] if each.typed <= MAX_PREFIX else [] for each in asked]

    def adapter_bytes(self) -> int:
        """See `Device`."""
        self._stop.heed()
        device = self._client.device(self._device_id)
        self._check(device.model_id)
        return len(self._client.adapter(self._device_id)) if device.personal else 0

    def _learn(self, messages: Sequence[Message]) -> AdaptationOutcome:
        self._stop.heed()
        self._client.observe(self._device_id, [_written(message) for message in messages])
        found = self._adapted()
        self._check(found.model_id)
        if found.verdict is None:
            raise PhoneDataError(f"the adaptation failed: {found.reason}")
        return AdaptationOutcome(
            GateVerdict(kept=found.verdict.kept, reason=found.verdict.reason), found.seconds or 0.0
        )

    def _adapted(self) -> Adaptation:
        found = self._client.adapt(self._device_id, wait=_WAIT)
        while found.state in UNDERWAY:
            self._stop.sleep(_PAUSE)
            found = self._client.adaptation(self._device_id, found.adaptation_id, wait=_WAIT)
        return found

    def _check(self, model_id: str) -> None:
        if model_id != self._model_id:
            raise BundleChangedError("the service runs another bundle than when this began")


def _written(message: Message) -> Written:
    at, text = message
    text = storable(text)
    if len(text) > MAX_TEXT:
        raise PhoneDataError(f"a message has {len(text):,} characters, the service takes {MAX_TEXT:,}")
    return Written(text=text, timestamp=at)


def _request(asked: PredictionQuery, personal: bool) -> PredictionRequest:
    # Of a longer message the beginning is never read: see `device_runtime.inference.context_cache`.
    context = storable(asked.word.context)[-MAX_TEXT:]
    return PredictionRequest(context=context, prefix=storable(asked.prefix), k=SHOWN, personal=personal)
