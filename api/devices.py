"""The endpoints under `/v1/devices`: a phone each, driven over HTTP."""

from __future__ import annotations

import dataclasses
import secrets
from typing import Annotated

from fastapi import APIRouter, Path

from api import schemas
from api.problems import responses
from api.schemas import DeviceId
from api.service import Service

# Endpoints are plain functions: each runs in a worker thread, for a phone reads files and computes.
_Id = Annotated[DeviceId, Path(examples=["emulator-5554"])]


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = APIRouter(prefix="/devices", tags=["devices"], responses=responses(413, 422, 500, 503))

    @routes.post("", status_code=201, responses=responses(409))
    def create(body: schemas.NewDevice | None = None) -> schemas.Device:
        """Creates a device with an empty history. Taken ids are refused."""
        device_id = (body and body.device_id) or secrets.token_hex(16)
        with service.registry.adding(device_id) as device, service.phones.use(device_id) as phone:
            return schemas.Device(
                device_id=device.id, created_at=device.created_at, model_id=service.model_id, messages=phone.messages
            )

    @routes.post("/{device_id}/messages", responses=responses(404))
    def observe(device_id: _Id, body: schemas.NewMessages) -> schemas.Observed:
        """Adds messages to the device's history, all or none. They are on disk when this answers."""
        written = [(message.text, message.timestamp) for message in body.messages if message.text.strip()]
        with service.phone(device_id) as phone:
            phone.observe_many(written)
            return schemas.Observed(observed=len(written), messages=phone.messages)

    @routes.post("/{device_id}/predictions", responses=responses(404))
    def predict(device_id: _Id, body: schemas.PredictionRequest) -> schemas.Predictions:
        """Suggests the next word, or completes the one being typed."""
        with service.phone(device_id) as phone:
            found = phone.predict(body.context, body.prefix, body.k, body.personal)
        suggestions = [schemas.Suggestion(word=s.word, text=s.text, probability=s.probability) for s in found]
        return schemas.Predictions(suggestions=suggestions, model_id=service.model_id)

    @routes.post("/{device_id}/adaptations", responses=responses(404, 409, 429))
    def adapt(device_id: _Id) -> schemas.Adaptation:
        """Trains the device's adapter on its history and answers with the gate's verdict."""
        service.require(device_id)
        with service.adaptations.turn(device_id), service.phone(device_id) as phone:
            result = phone.adapt()
        return schemas.Adaptation(
            verdict=schemas.Verdict(**dataclasses.asdict(result.verdict)),
            steps=result.steps,
            seconds=result.seconds,
            model_id=service.model_id,
        )

    return routes
