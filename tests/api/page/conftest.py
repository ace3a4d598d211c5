"""The keyboard page in Chromium, on a real `thumbprint serve`. Tests are skipped without Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from device_runtime.bundle.loader import load_bundle
from device_runtime.simulation.fleet.report import write_fleet_report
from device_runtime.simulation.report import write_report
from tests.support.api.browsing import CHROMIUM, PHONE_WIDTH, chromium, suggestions, thumbprint_serve
from tests.support.device_runtime.simulation.fleet_report import make_fleet_report
from tests.support.device_runtime.simulation.report import make_report

expect.set_options(timeout=60_000)  # 5 s are too short on a busy machine; what is expected comes, or never does


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's Chromium: apt-get install chromium")
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def address(tiny_bundle: Path, tiny_public_key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    fleet = tmp_path_factory.mktemp("fleet")
    write_report(fleet / "report.json", make_report())
    write_fleet_report(fleet / "fleet.json", make_fleet_report([load_bundle(tiny_bundle, tiny_public_key)]))
    data = tmp_path_factory.mktemp("data")
    with thumbprint_serve(tiny_bundle, tiny_public_key, data, "--insecure", "--fleet", str(fleet)) as address:
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": PHONE_WIDTH, "height": 640}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def console() -> list[str]:
    """What the browser writes to its console about the page."""
    return []


@pytest.fixture
def page(context: BrowserContext, address: str, console: list[str]) -> Iterator[Page]:
    page = context.new_page()
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.goto(address)
    expect(suggestions(page)).to_have_count(3)
    yield page
    # The browser reports the 404 of a phone that does not exist yet.
    assert [each for each in console if "status of 404" not in each] == []
