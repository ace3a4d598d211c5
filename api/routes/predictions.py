"""The endpoints `/v1/devices/{id}/predictions`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from api.routes.parameters import Id, device_router
from api.schemas.predictions import PredictionBatch, PredictionRequest, Predictions, PredictionsBatch, Suggestion
from api.service import Service
from device_runtime.phone.phone import Phone

SHORT = 1_000
"""Characters of a context that is answered in the event loop if the phone is open: that takes a millisecond, less than
switching to a worker thread."""


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = device_router("predictions")

    def answer(phone: Phone, asked: PredictionRequest) -> Predictions:
        return Predictions(suggestions=_suggested(phone, asked), model_id=service.model_id)

    def predict_elsewhere(device_id: str, asked: PredictionRequest) -> Predictions:
        with service.phone(device_id) as phone:
            return answer(phone, asked)

    @routes.post("/predictions")
    async def predict(device_id: Id, body: PredictionRequest) -> Predictions:
        """Suggests the next word, or completes the one being typed."""
        if len(body.context) <= SHORT:
            with service.phone_at_hand(device_id) as phone:
                if phone is not None:
                    return answer(phone, body)
        return await run_in_threadpool(predict_elsewhere, device_id, body)

    @routes.post("/predictions/batch")
    def predict_batch(device_id: Id, body: PredictionBatch) -> PredictionsBatch:
        """Answers several predictions in one request."""
        with service.phone(device_id) as phone:
            return PredictionsBatch(
                predictions=[_suggested(phone, each) for each in body.requests], model_id=service.model_id
            )

    return routes


def _suggested(phone: Phone, asked: PredictionRequest) -> list[Suggestion]:
    found = phone.predict(asked.context, asked.prefix, asked.k, asked.personal)
    return [Suggestion(word=each.word, text=each.text, probability=each.probability) for each in found]
