"""Errors as RFC 9457 problem details: one shape for every one, and never a word of what was typed in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from api.adaptations import AlreadyAdaptingError, TooManyAdaptationsError
from api.registry import DeviceTakenError, RegistryError
from api.service import UnknownDeviceError
from device_runtime.phone import PhoneError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "1"}
_SCHEMAS = "#/components/schemas/"
_LOG = logging.getLogger("thumbprint.api")


class FieldProblem(BaseModel):
    """What is wrong with one field; its value is not repeated."""

    field: str = Field(examples=["body.messages.0.text"])
    message: str = Field(examples=["Input should be a valid string"])


class ProblemDetails(BaseModel):
    """The body of every error. `type` is `about:blank`: the status says what kind it is."""

    type: str = "about:blank"
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str
    errors: list[FieldProblem] | None = Field(default=None, description="Of a request that does not fit the schema.")


class Problem(HTTPException):
    """An error to answer with, from a place outside the endpoints."""


class DescribedApp(FastAPI):
    """FastAPI whose OpenAPI page knows the schema that `responses` refers to."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            described = ProblemDetails.model_json_schema(ref_template=_SCHEMAS + "{model}")
            schemas = super().openapi()["components"]["schemas"]
            schemas |= {**described.pop("$defs"), ProblemDetails.__name__: described}
        return super().openapi()


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the errors that an endpoint gives."""
    schema = {"schema": {"$ref": _SCHEMAS + ProblemDetails.__name__}}
    return {status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}} for status in statuses}


def problem(
    status: int, detail: str, errors: list[FieldProblem] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Makes the answer. ASCII only: half a surrogate pair in a key of the request must not break the answer too."""
    details = ProblemDetails(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    body = json.dumps(details.model_dump(exclude_none=True))
    return Response(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Makes `app` answer every expected error so; the unexpected are `last_resort`'s."""

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> Response:
        # Only where and what: pydantic's own errors hold the input too.
        fields = [
            FieldProblem(field=".".join(map(str, each["loc"])), message=each["msg"]) for each in error.errors()[:20]
        ]
        return problem(422, "the request does not fit the schema", fields)

    @app.exception_handler(StarletteHTTPException)
    def refused(_request: Request, error: StarletteHTTPException) -> Response:
        return problem(error.status_code, error.detail, headers=error.headers)

    @app.exception_handler(UnknownDeviceError)
    def unknown(_request: Request, error: UnknownDeviceError) -> Response:
        return problem(404, str(error))

    @app.exception_handler(DeviceTakenError)
    @app.exception_handler(AlreadyAdaptingError)
    def conflict(_request: Request, error: ValueError) -> Response:
        return problem(409, str(error))

    @app.exception_handler(TooManyAdaptationsError)
    def busy(_request: Request, error: TooManyAdaptationsError) -> Response:
        return problem(429, str(error), headers=RETRY_AFTER)

    @app.exception_handler(PhoneError)
    @app.exception_handler(RegistryError)
    def storage(_request: Request, error: ValueError) -> Response:
        _LOG.error("storage: %s", error)  # says which file, which is nobody's business outside
        return problem(503, "the service's storage cannot be used now; nothing was changed", headers=RETRY_AFTER)
