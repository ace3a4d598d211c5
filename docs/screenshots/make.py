"""Makes the docs' pictures of the keyboard page, on the demo's bundle: `make screenshots`.

    python docs/screenshots/make.py DEMO OUT

DEMO is the folder of `thumbprint demo`, to which `thumbprint simulate` has added a fleet's fleet.json.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.support.api.browsing import chromium, thumbprint_serve

PHONE, DESK = {"width": 360, "height": 700}, {"width": 1200, "height": 820}
LEARNING = 60_000
ANSWERED = 500
"""Milliseconds that an adaptation may take, and after which the latest suggestions are there."""


def opened(browser: Browser, address: str, scheme: str, size: dict[str, int]) -> Page:
    """A new phone's page, in one of the two colour schemes."""
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        device_scale_factor=2,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".word").first).to_be_visible()
    return page


def compared(page: Page) -> None:
    """Takes the tour, and in its sentence taps a word that only the owner's keyboard suggests."""
    page.get_by_role("button", name="Try made-up messages").click()
    expect(page.locator("#note")).to_contain_text("tap one", timeout=LEARNING)
    page.locator(".word.own").first.click()
    page.mouse.move(0, 0)
    page.wait_for_timeout(ANSWERED)


def shoot(address: str, out: Path) -> None:
    """Writes the pictures: a phone in light and dark, both halves on a desk, and the fleet."""
    with chromium() as browser:
        for scheme in ("light", "dark"):
            page = opened(browser, address, scheme, PHONE)
            compared(page)
            page.screenshot(path=out / f"keyboard-{scheme}.png")
        for scheme in ("light", "dark"):
            page = opened(browser, address, scheme, DESK)
            compared(page)
            page.screenshot(path=out / f"page-{scheme}.png")
            page.set_viewport_size({"width": 1200, "height": 1700})  # so that the header covers nothing of it
            page.get_by_role("region", name="The fleet").screenshot(path=out / f"fleet-{scheme}.png")


def main(demo: Path, out: Path) -> None:
    key = demo / "keys" / "thumbprint_public.pem"
    with (
        tempfile.TemporaryDirectory() as data,
        thumbprint_serve(demo / "demo.bundle", key, Path(data), "--insecure", "--fleet", str(demo)) as address,
    ):
        shoot(address, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
