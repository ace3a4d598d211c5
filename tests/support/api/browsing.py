"""A browser for the keyboard page, and the real `thumbprint serve` as a separate process."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
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
