"""Which error of ours is answered how."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from api.adaptation_jobs import UnknownAdaptationError
from api.adaptations import AlreadyAdaptingError, TooManyAdaptationsError
from api.database import DatabaseError
from api.logs import LOG
from api.problems import RETRY_AFTER, FieldProblem, problem
from api.registry import DeviceTakenError, UnknownDeviceError
from device_runtime.phone import PhoneError
from device_runtime.store import StoreError

_LONGEST_FIELD = 200
"""Characters of a field's name in an answer: an unknown one is the caller's own, of any length."""


def storage_problem(error: Exception) -> Response:
    """The answer where the database or a phone's folder cannot be used."""
    LOG.error("storage: %s", error)  # says which file, which is nobody's business outside
    return problem(503, "the service's storage cannot be used now; nothing was changed", headers=RETRY_AFTER)


def install(app: FastAPI) -> None:
    """Makes `app` answer every expected error so; the unexpected are `last_resort`'s."""

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> Response:
        faults = error.errors()
        for fault in faults:
            if fault["type"] == "json_invalid":
                return problem(422, f"the body is no JSON: {fault['ctx']['error']}, at character {fault['loc'][-1]}")
        return problem(422, "the request does not fit the schema", [_field(each) for each in faults[:20]])

    @app.exception_handler(StarletteHTTPException)
    def refused(request: Request, error: StarletteHTTPException) -> Response:
        if error.status_code == 405:
            return problem(405, error.detail, headers={"Allow": _allowed(app, request)})
        return problem(error.status_code, error.detail, headers=error.headers)

    @app.exception_handler(UnknownDeviceError)
    @app.exception_handler(UnknownAdaptationError)
    def unknown(_request: Request, error: ValueError) -> Response:
        return problem(404, str(error))

    @app.exception_handler(DeviceTakenError)
    @app.exception_handler(AlreadyAdaptingError)
    def conflict(_request: Request, error: ValueError) -> Response:
        return problem(409, str(error))

    @app.exception_handler(TooManyAdaptationsError)
    def busy(_request: Request, error: TooManyAdaptationsError) -> Response:
        return problem(429, str(error), headers=RETRY_AFTER)

    @app.exception_handler(PhoneError)
    @app.exception_handler(StoreError)
    @app.exception_handler(DatabaseError)
    @app.exception_handler(OSError)
    def storage(_request: Request, error: Exception) -> Response:
        return storage_problem(error)


def _field(error: dict[str, Any]) -> FieldProblem:
    """Only where and what: pydantic's own errors hold the input too, and its message of a wrong tag does."""
    tags = error.get("ctx", {}).get("expected_tags")
    message = f"Input should be one of {tags}" if tags else error["msg"]
    return FieldProblem(field=".".join(map(str, error["loc"]))[:_LONGEST_FIELD], message=message)


def _allowed(app: FastAPI, request: Request) -> str:
    """Every method of the path: Starlette names those of the first route alone."""
    methods = app.openapi()["paths"].get(getattr(request.scope.get("route"), "path", ""), {})
    return ", ".join(sorted(method.upper() for method in methods))
