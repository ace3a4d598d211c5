"""The endpoint `/v1/devices/{id}/messages`."""

from __future__ import annotations

from fastapi import APIRouter

from api.routes.parameters import Id, device_router
from api.schemas.messages import NewMessages, Observed
from api.service import Service


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = device_router("messages")

    @routes.post("/messages")
    def observe(device_id: Id, body: NewMessages) -> Observed:
        """Adds messages to the device's history, all or none. They are on disk when the answer is sent."""
        written = [
            (message.text, message.timestamp)
            for message in body.messages
            if message.text.strip() and not message.private
        ]
        with service.phone(device_id) as phone:
            observed = 0 if phone.incognito else len(written)
            phone.observe_many(written)
            return Observed(observed=observed, messages=phone.messages)

    return routes
