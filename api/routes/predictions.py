"""The endpoints `/v1/devices/{id}/predictions`."""

from __future__ import annotations

from fastapi import APIRouter

from api.routes.path import Id, device_router
from api.schemas.predictions import PredictionBatch, PredictionRequest, Predictions, PredictionsBatch, Suggestion
from api.service import Service
from device_runtime.phone import Phone


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = device_router("predictions")

    @routes.post("/predictions")
    def predict(device_id: Id, body: PredictionRequest) -> Predictions:
        """Suggests the next word, or completes the one being typed."""
        with service.phone(device_id) as phone:
            return Predictions(suggestions=_suggested(phone, body), model_id=service.model_id)

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
