"""A database that another program has locked: commands print one line soon, and leave it unchanged."""

import contextlib
import sqlite3

import pytest

from api.storage import database
from device_runtime.phone import database as store


@contextlib.contextmanager
def locked(path, mode="IMMEDIATE"):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(f"BEGIN {mode}")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.fixture(autouse=True)
def short_timeout(monkeypatch):
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(store, "PATIENCE_SECONDS", 0.2)


def test_access_reports_a_locked_database(run, tmp_path):
    assert run("access", "create", "me", "--data", tmp_path).code == 0
    before = run("access", "list", "--data", tmp_path)
    with locked(tmp_path / "devices.sqlite"):
        assert "locked" in run("access", "create", "you", "--data", tmp_path).error
        assert "locked" in run("access", "revoke", before.out.split()[0], "--data", tmp_path).error
    assert run("access", "list", "--data", tmp_path) == before


def test_serve_reports_a_locked_database(run, tiny_bundle, trusted, tmp_path):
    assert run("access", "create", "me", "--data", tmp_path).code == 0
    with locked(tmp_path / "devices.sqlite", "EXCLUSIVE"):
        assert "locked" in run("serve", tiny_bundle, "--data", tmp_path, "--port", 0).error


def test_stats_reports_a_locked_corpus(run, tmp_path):
    source, corpus = tmp_path / "m.jsonl", tmp_path / "corpus.sqlite"
    source.write_text('{"user_id": "ann", "timestamp": null, "text": "see you"}\n')
    assert run("corpus", "import", source, "--out", corpus).code == 0
    before = corpus.read_bytes()
    with locked(corpus, "EXCLUSIVE"):
        assert "is locked by another program" in run("corpus", "stats", corpus).error
    assert corpus.read_bytes() == before
    assert run("corpus", "stats", corpus).code == 0
