"""Errors as RFC 9457 problem details: one format for all of them, without any text that a user typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "1"}
_SCHEMAS = "#/components/schemas/"


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
    request_id: str | None = Field(default=None, description="Names the lines in the service's log.")
    errors: list[FieldProblem] | None = Field(default=None, description="Of a request that does not fit the schema.")


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
    """The OpenAPI description of the errors that an endpoint gives."""
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
