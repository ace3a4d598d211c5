"""A browser for the keyboard page, and the real `thumbprint serve` as a separate process."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
MESSAGES = [f"see you at zanzibar at {hour} then, bring the red bag" for hour in range(40)]
PHONE_WIDTH = 360
_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_RUN = "import sys; from thumbprint.cli.main import main; sys.exit(main(sys.argv[1:]))"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Runs Debian's Chromium with a new profile until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def thumbprint_serve(bundle: Path, public_key: Path, data: Path, *options: str) -> Iterator[str]:
    """Runs the command until the block ends. Yields the address that it prints when it is ready."""
    command = [sys.executable, "-c", _RUN, "serve", str(bundle), "--public-key", str(public_key), "--data", str(data)]
    with subprocess.Popen([*command, "--port", "0", *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+$", line.strip())
            assert found, f"not ready, but: {line!r}"
            yield found.group()
        finally:
            process.terminate()


def suggestions(page: Page, whose: str = "mine") -> Locator:
    """Returns the suggestions of one keyboard: `mine` or `shared`."""
    return page.locator(f"[data-whose={whose}] button")


def key(page: Page, name: str) -> Locator:
    """Returns a key of the on-screen keyboard by its name for screen readers."""
    return page.get_by_role("group", name="On-screen keyboard").get_by_role("button", name=name, exact=True)


def type_on_screen(page: Page, text: str) -> None:
    """Taps the letters of a text."""
    for letter in text:
        page.locator("#keys").locator(f'[data-key="{"space" if letter == " " else letter}"]').click()


def teach(page: Page) -> None:
    """Makes the phone learn `MESSAGES`."""
    page.get_by_label("Paste some of your messages, one a line").fill("\n".join(MESSAGES))
    page.get_by_role("button", name="Learn these").click()
    expect(page.locator("#taught")).to_contain_text("Learned 40 messages")


def message(page: Page) -> Locator:
    """Returns the text field."""
    return page.get_by_label("Message", exact=True)
