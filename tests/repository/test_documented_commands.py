"""The shell and Python blocks of README and docs run as they are written.

The blocks of a page run in order, in one folder. They find the files that they read there: a corpus, a job, a run and a
bundle, all tiny. A block that does not run has `<!-- not run: REASON -->` on the line before it.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from federated.corpus.store import Corpus
from tests.support.ci import IN_CI

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<language>sh|bash|console|python)\n(?P<text>.*?)```", re.DOTALL
)

# A run differs from what a reader types. `serve` runs in the background, on a free port, until the page ends.
# `compare` does nothing: it trains every method for minutes, and has its own tests. `pip` copies the source.
PRELUDE = r"""
set -euo pipefail
program() { "$PYTHON" -P -m thumbprint "$@"; }
serve() {
  "$PYTHON" -P -m thumbprint serve "$@" --port "$PORT" >served.txt 2>served.err & server=$!
  trap 'kill $server; wait $server || true' EXIT
  until grep -q http:// served.txt; do kill -0 $server || { cat served.err >&2; return 1; }; sleep 0.1; done
}
thumbprint() {
  case $1 in
    serve) shift; serve "$@" ;;
    compare) ;;
    *) program "$@" ;;
  esac
}
python() { "$PYTHON" -P "$@"; }
pip() { mkdir -p vendored && cp -r "$ROOT/api" vendored; }
curl() { command curl --fail-with-body "$@" && echo; }
"""


class Block(NamedTuple):
    """A code block of a page; `line` is where it begins."""

    line: int
    language: str
    text: str
    reason: str | None

    def script(self) -> str:
        """Returns the block as Bash."""
        if self.language == "python":
            return f"python - <<'END_OF_BLOCK'\n{self.text}END_OF_BLOCK\n"
        if self.language == "console":  # commands behind `$`, each with its continued lines; the rest is output
            return "".join(re.findall(r"^\$ ((?:.*\\\n)*.*\n)", self.text, re.M))
        return self.text


def blocks(page: Path) -> list[Block]:
    content = page.read_text()
    return [
        Block(content[: found.start("language")].count("\n") + 1, found["language"], found["text"], found["reason"])
        for found in BLOCK.finditer(content)
    ]


RUNNABLE = [page for page in PAGES if any(block.reason is None for block in blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_mark_belongs_to_a_block(page: Path) -> None:
    assert page.read_text().count("<!-- not run") == sum(block.reason is not None for block in blocks(page))


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def folder(
    tmp_path: Path, job_file: Path, tiny_corpus: Path, tiny_run: Path, tiny_bundle: Path, tiny_public_key: Path
) -> Path:
    """The files that the blocks read, by the names that the documentation gives them."""
    folder = tmp_path / "reader"
    (folder / "myapp").mkdir(parents=True)
    shutil.copytree(tiny_run, folder / "runs" / "first")
    files = {
        "job.toml": job_file,
        "corpus.sqlite": tiny_corpus,
        "first.bundle": tiny_bundle,
        "thumbprint_public.pem": tiny_public_key,
    }
    for name, file in files.items():
        shutil.copy(file, folder / name)
    with Corpus.open(tiny_corpus) as corpus, gzip.open(folder / "messages.jsonl.gz", "wt") as messages:
        for user in corpus.user_ids():
            for message in corpus.messages(user):
                messages.write(json.dumps({"user_id": user, "timestamp": None, "text": message.text}) + "\n")
    return folder


@pytest.mark.skipif(not IN_CI, reason="runs what the documentation shows, minutes: in CI only")
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page: Path, folder: Path, free_port: int) -> None:
    environment = {
        **os.environ,
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "home" / ".config"),
        "PYTHON": sys.executable,
        "PYTHONPATH": f"{ROOT}:{folder}",
        "ROOT": str(ROOT),
        "PORT": str(free_port),
    }
    text = "".join(f"echo '{page.name}:{b.line}' >&2\n{b.script()}" for b in blocks(page) if b.reason is None)
    if "keys generate" not in text:  # a page that makes its own keys trusts those
        environment["THUMBPRINT_PUBLIC_KEY"] = str(folder / "thumbprint_public.pem")
    if "tp_…" in text:
        command = [sys.executable, "-m", "thumbprint", "access", "create", "reader"]
        key = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
        text = text.replace("tp_…", key)
    text = text.replace(".venv/bin/", "").replace(":8000", f":{free_port}")

    done = subprocess.run(["bash", "-c", PRELUDE + text], cwd=folder, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-2000:]
