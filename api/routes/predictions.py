"""The endpoints that a keyboard calls while its owner types: `/v1/devices/{id}/predictions` and `…/messages`."""

from __future__ import annotations

from fastapi import APIRouter

from api.routes.parameters import Id, device_router
from api.schemas.predictions import (
    NewMessages,
    Observed,
    PredictionBatch,
    PredictionRequest,
    Predictions,
    PredictionsBatch,
    Suggestion,
)
from api.service import Service
from device_runtime.phone.phone import Phone

MAX_INLINE_CONTEXT = 1_000
"""Characters. A prediction with a context of at most this length runs in the event loop if the phone is open: it takes
a millisecond, less than switching to a worker thread."""


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = device_router()

    def predict_now(phone: Phone, request: PredictionRequest) -> Predictions:
        return Predictions(suggestions=_suggest(phone, request), model_id=service.model_id)

    @routes.post("/predictions", tags=["predictions"])
    async def predict(device_id: Id, body: PredictionRequest) -> Predictions:
        """Suggests the next word, or completes the word being typed."""
        if len(body.context) <= MAX_INLINE_CONTEXT:
            with service.open_phone(device_id) as phone:
                if phone is not None:
                    return predict_now(phone, body)

        def predict_in_thread() -> Predictions:
            with service.phone(device_id) as phone:
                return predict_now(phone, body)

        return await service.run(predict_in_thread)

    @routes.post("/predictions/batch", tags=["predictions"])
    async def predict_batch(device_id: Id, body: PredictionBatch) -> PredictionsBatch:
        """Answers several prediction requests in one call."""

        def predict_all() -> PredictionsBatch:
            with service.phone(device_id) as phone:
                return PredictionsBatch(
                    predictions=[_suggest(phone, request) for request in body.requests], model_id=service.model_id
                )

        return await service.run(predict_all)

    @routes.post("/messages", tags=["messages"])
    async def observe(device_id: Id, body: NewMessages) -> Observed:
        """Adds messages to the device's history, all or none. They are on disk when the answer is sent."""
        written = [
            (message.text, message.timestamp)
            for message in body.messages
            if message.text.strip() and not message.private
        ]

        def store() -> Observed:
            with service.phone(device_id) as phone:
                observed = 0 if phone.incognito else len(written)
                phone.observe_many(written)
                return Observed(observed=observed, messages=phone.messages)

        return await service.run(store)

    return routes


def _suggest(phone: Phone, request: PredictionRequest) -> list[Suggestion]:
    suggestions = phone.predict(request.context, request.prefix, request.k, request.personal, request.two_words)
    return [
        Suggestion(
            word=each.word,
            text=each.text,
            probability=each.probability,
            replaces=each.replaces,
            space_after=each.space_after,
            then=each.then,
        )
        for each in suggestions
    ]
