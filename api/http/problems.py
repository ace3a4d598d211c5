"""Errors as RFC 9457 problem details, and the handlers that turn exceptions into them.

No answer and no log line contains text that a user typed. The message of a Python exception often quotes the value
that caused it, so an unexpected exception is answered with 500 and logged by its place and its type only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.devices.adaptation_jobs import UnknownAdaptationError
from api.devices.adaptation_queue import AlreadyAdaptingError, TooManyAdaptationsError
from api.devices.deletions import RETRY_SECONDS
from api.devices.phone_pool import PATIENCE_SECONDS, PhoneBusyError
from api.devices.registry import DeletingError, DeviceTakenError, TooManyCreationsError, UnknownDeviceError
from api.observability import LOG, without_message
from api.storage.database import DatabaseError
from device_runtime.phone.database import PhoneDatabaseError
from device_runtime.phone.phone import PhoneError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "1"}
_SCHEMAS = "#/components/schemas/"
_MAX_FIELD_LENGTH = 200
"""Characters of a field's name in an answer. The caller chooses the name of an unknown field, so it can be long."""


class FieldProblem(BaseModel):
    """What is wrong with one field. The answer does not repeat the field's value."""

    field: str = Field(examples=["body.messages.0.text"])
    message: str = Field(examples=["Input should be a valid string"])


class ProblemDetails(BaseModel):
    """The body of every error. `type` is always `about:blank`: the status says which kind of error it is."""

    type: str = "about:blank"
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str
    request_id: str | None = Field(default=None, description="The id of the request in the service's log.")
    errors: list[FieldProblem] | None = Field(
        default=None, description="The fields that do not fit the schema, if the request does not fit it."
    )


class Problem(HTTPException):
    """An error that any part of the service can raise as an answer."""


class DescribedApp(FastAPI):
    """FastAPI whose OpenAPI schema contains `ProblemDetails`, which `responses` refers to."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            described = ProblemDetails.model_json_schema(ref_template=_SCHEMAS + "{model}")
            schemas = super().openapi()["components"]["schemas"]
            schemas |= {**described.pop("$defs"), ProblemDetails.__name__: described}
        return super().openapi()


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns the OpenAPI description of the errors that an endpoint can answer with."""
    schema = {"schema": {"$ref": _SCHEMAS + ProblemDetails.__name__}}
    return {status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}} for status in statuses}


def problem(
    status: int, detail: str, errors: list[FieldProblem] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Makes the answer, in ASCII: an unpaired surrogate in a key of the request must not break the answer."""
    title = HTTPStatus(status).phrase
    request_id = correlation_id.get()
    details = ProblemDetails(title=title, status=status, detail=detail, request_id=request_id, errors=errors)
    body = json.dumps(details.model_dump(exclude_none=True))
    return Response(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def storage_problem(error: Exception) -> Response:
    """Returns the answer for a database or a phone's folder that cannot be used."""
    LOG.error("storage: %s", error)  # the message contains a file's name, so the caller must not see it
    return problem(503, "the service's storage cannot be used now; nothing was changed", headers=RETRY_AFTER)


def install_handlers(app: FastAPI) -> None:
    """Installs the handlers of expected errors. `UnhandledErrors` handles all others."""

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> Response:
        faults = error.errors()
        for fault in faults:
            if fault["type"] == "json_invalid":
                reason, position = fault["ctx"]["error"], fault["loc"][-1]
                return problem(422, f"the body is not valid JSON at character {position}: {reason}")
        return problem(422, "the request does not fit the schema", [_field_problem(each) for each in faults[:20]])

    @app.exception_handler(StarletteHTTPException)
    def refused(request: Request, error: StarletteHTTPException) -> Response:
        if error.status_code == 405:
            return problem(405, error.detail, headers={"Allow": _allowed_methods(app, request)})
        return problem(error.status_code, error.detail, headers=error.headers)

    @app.exception_handler(UnknownDeviceError)
    @app.exception_handler(UnknownAdaptationError)
    def unknown(_request: Request, error: ValueError) -> Response:
        return problem(404, str(error))

    @app.exception_handler(DeviceTakenError)
    @app.exception_handler(AlreadyAdaptingError)
    def conflict(_request: Request, error: ValueError) -> Response:
        return problem(409, str(error))

    @app.exception_handler(DeletingError)
    def deleting(_request: Request, error: DeletingError) -> Response:
        return problem(409, str(error), headers={"Retry-After": f"{RETRY_SECONDS:.0f}"})

    @app.exception_handler(PhoneBusyError)
    def hanging(_request: Request, error: PhoneBusyError) -> Response:
        return problem(503, str(error), headers={"Retry-After": f"{PATIENCE_SECONDS:.0f}"})

    @app.exception_handler(TooManyAdaptationsError)
    @app.exception_handler(TooManyCreationsError)
    def busy(_request: Request, error: ValueError) -> Response:
        return problem(429, str(error), headers=RETRY_AFTER)

    @app.exception_handler(PhoneError)
    @app.exception_handler(PhoneDatabaseError)
    @app.exception_handler(DatabaseError)
    @app.exception_handler(OSError)
    def storage(_request: Request, error: Exception) -> Response:
        return storage_problem(error)


def _field_problem(error: dict[str, Any]) -> FieldProblem:
    """Keeps only the field and the message: pydantic's errors contain the input, as do its messages about tags."""
    tags = error.get("ctx", {}).get("expected_tags")
    message = f"Input should be one of {tags}" if tags else error["msg"]
    return FieldProblem(field=".".join(map(str, error["loc"]))[:_MAX_FIELD_LENGTH], message=message)


def _allowed_methods(app: FastAPI, request: Request) -> str:
    """Returns all methods of the path. Starlette's own answer has only the methods of the first route."""
    methods = app.openapi()["paths"].get(getattr(request.scope.get("route"), "path", ""), {})
    return ", ".join(sorted(method.upper() for method in methods))


class UnhandledErrors:
    """ASGI middleware: answers 500 to an exception that has no handler."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            LOG.error("unexpected error\n%s", without_message(error))
            await problem(500, "unexpected error: see the service's log")(scope, receive, send)
