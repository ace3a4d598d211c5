"""`thumbprint simulate --api` against the real service on a real port."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from api.auth.api_keys import ApiKeys
from api.client import Client
from api.devices.adaptation_queue import AdaptationQueue, TooManyAdaptationsError
from api.schemas.base import KeyScope
from api.storage.schema import open_database
from device_runtime.simulation.report import load_report
from federated.corpus.store import Corpus
from federated.corpus.synthetic.generate import write_synthetic
from tests.support.api.serving import serve_in_thread
from tests.support.thumbprint.command_line import PROGRAM

USERS = 4
MANY = 7
ONE_USER = ("--users", "new", "--new-phone-share", 1 / USERS, "--workers", 1)
TIMES = {"adaptation_seconds", "prediction_ms"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "c.sqlite"
    write_synthetic(path, users=USERS, messages=(20, 25))
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def service(tiny_bundle, tiny_public_key, data):
    """The URL of a service that requires keys."""
    with serve_in_thread(tiny_bundle, tiny_public_key, data, 128, None, False) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture(scope="module")
def key_of(service, data):
    def make(scope, device=None):
        database = open_database(data / "devices.sqlite", to_serve=False)
        try:
            return ApiKeys(database).create("test", scope, device)[1]
        finally:
            database.close()

    return make


@pytest.fixture(scope="module")
def key(key_of):
    return key_of(KeyScope.ADMIN)


@pytest.fixture
def simulate(run, corpus, service, key, tmp_path, monkeypatch):
    monkeypatch.setenv("THUMBPRINT_API_KEY", key)

    def command(*options, api=service, out=tmp_path / "sim"):
        return run("simulate", "--api", api, "--corpus", corpus, "--out", out, *options)

    return command


def without_times(path):
    report = load_report(path / "report.json").model_dump(mode="json", exclude=TIMES)
    for row in report["clients"]:
        del row["adaptation_seconds"]
    return report


def devices(service, key):
    with Client(service, key) as client:
        return [entry.device_id for entry in client.devices()]


def test_gives_the_results_of_a_local_simulation(run, simulate, tiny_bundle, trusted, corpus, service, key, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    assert run("simulate", tiny_bundle, "--corpus", corpus, "--out", here, "--workers", 1).code == 0
    code, printed, errors = simulate(out=there)
    assert (code, errors) == (0, "")
    assert without_times(there) == without_times(here)
    assert any(row.verdict.kept and row.adapter_bytes for row in load_report(there / "report.json").clients)
    rows = [json.loads(line)["trial"] for line in (there / "rows.jsonl").read_text().splitlines()]
    expected = {
        trial["user_id"]: trial
        for trial in (json.loads(line)["trial"] for line in (here / "rows.jsonl").read_text().splitlines())
    }
    for row in rows:  # word by word, not in sum alone
        assert row["prequential_shown"] == expected[row["user_id"]]["prequential_shown"]
        assert row["personal_shown"] == expected[row["user_id"]]["personal_shown"]
        assert len(row["prediction_ms"]) == len(row["personal_shown"]) > 0
    assert "SYNTHETIC" in printed and f"{USERS} users" in printed
    for name in ("gain.svg", "gain.png"):
        assert (there / name).read_bytes() == (here / name).read_bytes()
    assert (there / "report.html").read_text().lstrip().startswith("<!")
    assert devices(service, key) == []
    assert not (there / "devices.jsonl").exists() and not (there / "phones").exists()


def test_lists_kept_devices_and_the_next_simulation_deletes_them(simulate, service, key, tmp_path):
    assert simulate("--keep-devices").code == 0
    listed = [json.loads(line) for line in (tmp_path / "sim" / "devices.jsonl").read_text().splitlines()]
    assert sorted(line["device_id"] for line in listed) == devices(service, key)
    assert len({line["user_id"] for line in listed}) == USERS  # some have a second device, for the examples
    assert (tmp_path / "sim" / "devices.jsonl").stat().st_mode & 0o077 == 0
    with Client(service, key) as client:
        assert all(client.device(line["device_id"]).messages for line in listed)
    before = (tmp_path / "sim" / "rows.jsonl").read_bytes()
    assert simulate().code == 0
    assert devices(service, key) == []
    assert (tmp_path / "sim" / "rows.jsonl").read_bytes() == before  # no trial was repeated


def test_simulates_a_part_of_the_users(simulate, tmp_path, corpus):
    assert simulate(*ONE_USER).code == 0
    assert load_report(tmp_path / "sim" / "report.json").users == 1


def test_waits_for_a_busy_service(simulate, monkeypatch, tmp_path):
    start, refused = AdaptationQueue.start, []

    def busy(self, device_id):
        if len(refused) < 2:
            refused.append(device_id)
            raise TooManyAdaptationsError("too many devices are adapting: try again in a moment")
        return start(self, device_id)

    monkeypatch.setattr(AdaptationQueue, "start", busy)
    begun = time.monotonic()
    assert simulate(*ONE_USER).code == 0
    assert time.monotonic() - begun > 1.9  # Retry-After, twice
    assert load_report(tmp_path / "sim" / "report.json").failed == ()


def test_a_message_that_the_service_refuses_fails_only_its_user(run, service, key, tmp_path, monkeypatch):
    monkeypatch.setenv("THUMBPRINT_API_KEY", key)
    texts = {"ann": ["see you at the station"] * 20, "bob": ["word " * 4_001] * 20, "cem": ["a" * 70 + " ok"] * 20}
    messages = tmp_path / "m.jsonl"
    lines = [{"user_id": who, "timestamp": None, "text": text} for who, written in texts.items() for text in written]
    messages.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run("corpus", "import", messages, "--out", tmp_path / "c.sqlite").code == 0
    assert run("simulate", "--api", service, "--corpus", tmp_path / "c.sqlite", "--out", tmp_path / "sim").code == 0
    report = load_report(tmp_path / "sim" / "report.json")
    assert [row.user_id for row in report.clients] == ["ann", "cem"]
    (failed,) = report.failed
    assert failed.user_id == "bob" and "20,005 characters, but the service accepts at most 20,000" in failed.reason
    assert devices(service, key) == []


# --- user errors ---


def test_rejects_a_url_without_a_service(simulate, tmp_path):
    assert "127.0.0.1:1 cannot be reached" in simulate(api="http://127.0.0.1:1").error
    assert not (tmp_path / "sim").exists()


@pytest.mark.parametrize("url", ["localhost", "http://[", "ftp://localhost", "http://localhost:99999"])
def test_rejects_an_invalid_url(simulate, url):
    assert simulate(api=url).error


def test_rejects_another_web_server(simulate, tmp_path):
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        error = simulate(api=f"http://127.0.0.1:{server.server_port}").error
        server.shutdown()
        thread.join()
    assert "that it is a Thumbprint service" in error


@pytest.mark.parametrize("wrong", ["tp_wrong", "no key", "ключ"])
def test_rejects_a_wrong_key(simulate, wrong, tmp_path):
    assert "key" in simulate("--api-key", wrong).error
    assert not (tmp_path / "sim").exists()


def test_asks_for_a_missing_key(simulate, monkeypatch):
    monkeypatch.delenv("THUMBPRINT_API_KEY")
    assert "--api-key or THUMBPRINT_API_KEY" in simulate().error


def test_rejects_a_key_that_cannot_delete_unless_devices_are_kept(simulate, key_of, service, key, tmp_path):
    device_key = key_of(KeyScope.DEVICE)
    assert "--keep-devices" in simulate("--api-key", device_key).error
    assert not (tmp_path / "sim").exists()
    assert simulate("--api-key", device_key, "--keep-devices", *ONE_USER).code == 0
    assert simulate(*ONE_USER).code == 0
    assert devices(service, key) == []


def test_rejects_a_bundle_of_an_unknown_format(simulate, monkeypatch):
    monkeypatch.setattr(Client, "manifest", lambda *_: b'{"format": "thumbprint-bundle", "format_version": 99}')
    error = simulate().error
    assert "this version cannot read the bundle" in error and "the bundle has format version 99" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x.bundle", "--api", "http://x"), "not both"),
        ((), "--api URL"),
        (("x.bundle", "--keep-devices"), "--keep-devices"),
        (("--api", "http://x", "--population", 3, "--days", 2), "fleet"),
    ],
)
def test_rejects_options_that_exclude_each_other(run, corpus, tmp_path, arguments, message):
    assert message in run("simulate", *arguments, "--corpus", corpus, "--out", tmp_path / "sim").error


# --- interruptions ---


@contextmanager
def serving_process(bundle, key, data, port):
    """Runs `thumbprint serve` as a process that can be killed."""
    command = [*PROGRAM, "serve", bundle, "--public-key", key, "--data", data, "--insecure", "--port", port]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert b"http" in process.stdout.readline()
            yield process
        finally:
            process.kill()


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """More users than finish before a test stops the simulation."""
    path = tmp_path_factory.mktemp("corpus") / "many.sqlite"
    write_synthetic(path, users=MANY, messages=(20, 25))
    return path


def after_rows(path, count, then):
    """Calls `then` when `count` users are finished."""

    def wait():
        while not path.exists() or path.read_bytes().count(b"\n") < count:
            time.sleep(0.005)
        then()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()


def test_continues_after_the_service_died(run, tiny_bundle, tiny_public_key, many, port, tmp_path):
    url, out, data = f"http://127.0.0.1:{port}", tmp_path / "sim", tmp_path / "data"
    command = ("simulate", "--api", url, "--corpus", many, "--out", out)
    with serving_process(tiny_bundle, tiny_public_key, data, port) as service:
        after_rows(out / "rows.jsonl", 2, service.kill)
        error = run(*command).error
    assert f"{url} cannot be reached" in error and "run it again" in error
    done = (out / "rows.jsonl").read_bytes()
    assert 2 <= done.count(b"\n") < MANY
    listed = [json.loads(line)["device_id"] for line in (out / "devices.jsonl").read_text().splitlines()]
    with serving_process(tiny_bundle, tiny_public_key, data, port), Client(url) as client:
        left = devices(url, None)
        assert listed and set(left) <= set(listed)
        if not left:  # it died between two requests for devices
            client.create_device(listed[0])
        assert run(*command).code == 0
        assert devices(url, None) == []
    assert (out / "rows.jsonl").read_bytes().startswith(done)
    with Corpus.open(many) as opened:
        assert [row.user_id for row in load_report(out / "report.json").clients] == list(opened.user_ids())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_deletes_the_devices_after_a_signal(service, key, many, tmp_path, number, code):
    out = tmp_path / "sim"
    command = [*PROGRAM, "simulate", "--api", service, "--corpus", many, "--out", out]
    environment = os.environ | {"THUMBPRINT_API_KEY": key}
    with subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True, env=environment) as process:
        after_rows(out / "rows.jsonl", 1, lambda: process.send_signal(number))
        errors = process.communicate(timeout=300)[1]
    assert process.returncode == code and "Traceback" not in errors
    assert devices(service, key) == []
    assert not (out / "devices.jsonl").exists() and (out / "rows.jsonl").read_bytes()
