"""The page at `/`, its files under `/page/`, and the data of its fleet charts, without users' names."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from api.auth.authentication import needs
from api.http.problems import responses
from api.routes.parameters import V1, known_queries
from api.schemas.base import Answer, KeyScope
from device_runtime.reporting.plots import user_gains
from device_runtime.simulation.fleet.report import FleetReport, load_fleet_report
from device_runtime.simulation.report import Report, load_report

REPORT, FLEET = "report.json", "fleet.json"


class FleetFilesError(ValueError):
    """The folder has no file to show. The message says what to do."""


class People(Answer):
    """Users whose phones learned from most of their messages and were tested on the rest."""

    bundle: str
    corpus: str
    tested: int = Field(description="Number of users in the averages.")
    shared: float | None = Field(description="Mean recall_at_3 of the shared model, 0..1.")
    personal: float | None
    helped: float | None = Field(description="Fraction of users who gain at least 2 words in 100.")
    hurt: float | None = Field(description="Fraction of users who lose anything, chance included.")
    likely_helped: float | None = Field(
        description="Fraction of users who gain more than half a word in 100 with a probability of at least 0.9."
    )
    likely_hurt: float | None = Field(description="Fraction of users who lose as much with that probability.")
    gains: list[float] = Field(description="Each user's gain in recall_at_3 in percentage points, largest first.")
    adapter_bytes: list[int] = Field(description="Adapter size of each phone that keeps one, smallest first.")
    without_adapter: int = Field(description="Number of phones that keep no adapter.")


class Day(Answer):
    """One day since first use: mean recall_at_3 over phones, null if no word was tested."""

    day: int
    phones: int
    shared: float | None
    personal: float | None


class Days(Answer):
    """Phones simulated day by day."""

    bundle: str
    corpus: str
    phones: int
    people: int
    days: list[Day]
    adaptations: int
    phones_with_adapter: int
    adapter_bytes_p50: int | None
    adapter_bytes_max: int | None


class Fleet(Answer):
    """The simulation given to `thumbprint serve --fleet`. Parts whose file is missing are null."""

    synthetic: bool = Field(description="Whether any figure comes from synthetic messages.")
    people: People | None = Field(description="From report.json.")
    days: Days | None = Field(description="From fleet.json.")


NO_FLEET = Fleet(synthetic=False, people=None, days=None)


def load_fleet(folder: Path) -> Fleet:
    """Reads the report, the fleet report, or both from `folder`.

    Raises:
        FleetFilesError: the folder has neither file.
        ReportError: a file cannot be read.
    """
    report = load_report(folder / REPORT) if (folder / REPORT).exists() else None
    fleet = load_fleet_report(folder / FLEET) if (folder / FLEET).exists() else None
    if report is None and fleet is None:
        raise FleetFilesError(
            f"{folder} has neither {REPORT} nor {FLEET}: give the folder that `thumbprint simulate` wrote to"
        )
    return Fleet(
        synthetic=any(each.synthetic for each in (report, fleet) if each is not None),
        people=None if report is None else _people(report),
        days=None if fleet is None else _days(fleet),
    )


def _people(report: Report) -> People:
    sizes = sorted(row.adapter_bytes for row in report.clients)
    stored = [size for size in sizes if size]
    return People(
        bundle=report.bundle.name,
        corpus=report.corpus.description,
        tested=report.clients_in_aggregates,
        shared=report.shared.recall_at_3.mean,
        personal=report.personal.recall_at_3.mean,
        helped=report.fraction_helped,
        hurt=report.fraction_hurt,
        likely_helped=report.likely_helped.value if report.likely_helped else None,
        likely_hurt=report.likely_hurt.value if report.likely_hurt else None,
        gains=user_gains(report),
        adapter_bytes=stored,
        without_adapter=len(sizes) - len(stored),
    )


def _days(fleet: FleetReport) -> Days:
    return Days(
        bundle=fleet.bundle.name,
        corpus=fleet.corpus.description,
        phones=fleet.phones,
        people=fleet.users,
        days=[
            Day(
                day=row.day,
                phones=row.phones,
                shared=row.shared and row.shared.recall_at_3,
                personal=row.personal and row.personal.recall_at_3,
            )
            for row in fleet.days
        ],
        adaptations=fleet.adaptations,
        phones_with_adapter=fleet.phones_with_adapter,
        adapter_bytes_p50=fleet.adapter_bytes.p50,
        adapter_bytes_max=fleet.adapter_bytes.max,
    )


_INDEX = "index.html"
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
# Only the page's own scripts run, requests go to this host only, no site can frame the page, and no text becomes
# markup (trusted types). `data:` is for the icon in the tab.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}
"""`no-cache`: a browser revalidates each file by its ETag, so that users see an update at once."""


@dataclass(frozen=True)
class Asset:
    """One file of the page."""

    content: bytes
    media_type: str
    etag: str


def _path(name: str) -> str:
    return "/" if name == _INDEX else f"/page/{name}"


def _asset(name: str, content: bytes) -> Asset:
    return Asset(content, _MEDIA_TYPES["." + name.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


ASSETS = {
    _path(file.name): _asset(file.name, file.read_bytes())
    for file in (resources.files(__package__) / "static").iterdir()
    if file.name.endswith(tuple(_MEDIA_TYPES))
}
"""Every file of the page by its path on the service."""


def page_router(fleet: Fleet) -> APIRouter:
    """Returns the routes of the page's files, which need no key because they hold no personal data, and `/v1/fleet`."""
    routes = APIRouter()
    for path, asset in ASSETS.items():
        routes.add_api_route(
            path, _sender(asset), methods=["GET", "HEAD"], response_class=Response, include_in_schema=False
        )

    @routes.get(
        V1 + "/fleet",
        tags=["fleet"],
        dependencies=[Depends(known_queries), needs(KeyScope.READ, every_device=True)],
        responses=responses(401, 403, 421, 422, 500, 503),
    )
    async def show() -> Fleet:
        """Returns the simulation that the service was started with: each user's figures, without names."""
        return fleet

    return routes


def _sender(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        headers = {**_HEADERS, "ETag": asset.etag}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers=headers, media_type=asset.media_type)

    return send
