"""Maps errors to answers.

An unexpected exception is answered with 500 and logged without its message: the message of a Python exception often
quotes the value that caused it, here text that a user typed. The place and the type are enough to find the fault.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.devices.adaptation_jobs import UnknownAdaptationError
from api.devices.adaptation_queue import AlreadyAdaptingError, TooManyAdaptationsError
from api.devices.registry import DeviceTakenError, UnknownDeviceError
from api.observability.logs import LOG, without_message
from api.problems import RETRY_AFTER, FieldProblem, problem
from api.storage.database import DatabaseError
from device_runtime.phone.database import StoreError
from device_runtime.phone.phone import PhoneError

_LONGEST_FIELD = 200
"""Characters of a field's name in an answer: the name of an unknown field comes from the caller and may be long."""


def storage_problem(error: Exception) -> Response:
    """Returns the answer for a database or a phone's folder that cannot be used."""
    LOG.error("storage: %s", error)  # names a file, so it must not reach the caller
    return problem(503, "the service's storage cannot be used now; nothing was changed", headers=RETRY_AFTER)


def install(app: FastAPI) -> None:
    """Installs the handlers of expected errors; `UnhandledErrors` handles the others."""

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
    """Keeps the field and the message: pydantic's errors also contain the input, and so does its message on tags."""
    tags = error.get("ctx", {}).get("expected_tags")
    message = f"Input should be one of {tags}" if tags else error["msg"]
    return FieldProblem(field=".".join(map(str, error["loc"]))[:_LONGEST_FIELD], message=message)


def _allowed(app: FastAPI, request: Request) -> str:
    """Returns every method of the path: Starlette names only those of the first route."""
    methods = app.openapi()["paths"].get(getattr(request.scope.get("route"), "path", ""), {})
    return ", ".join(sorted(method.upper() for method in methods))


class UnhandledErrors:
    """ASGI middleware: answers 500 to an exception that no handler expects."""

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
            await problem(500, "unexpected error: it is in the service's log")(scope, receive, send)
