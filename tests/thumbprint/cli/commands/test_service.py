"""`thumbprint serve` and `thumbprint access`."""

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.request

import pytest

from tests.support.api.serving import serve_in_thread
from tests.support.thumbprint.command_line import PROGRAM

# Prints at the end which of these modules the service imported.
PRINT_IMPORTS = (
    "import atexit, sys; from thumbprint.cli.main import main; "
    "atexit.register(lambda: print('imported', set(sys.modules) & "
    "{'tensorflow', 'tensorflow_federated', 'jax', 'matplotlib'})); sys.exit(main())"
)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_serves_until_a_signal_and_imports_nothing_heavy(tiny_bundle, trusted, tmp_path, number, code):
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", PRINT_IMPORTS, "serve", str(tiny_bundle)),
            *("--port", "0", "--data", str(tmp_path / "devices")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        request = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert request.open(f"{address}/healthz", timeout=120).status == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == code
    assert "Traceback" not in err
    assert out.splitlines()[-1] == "imported set()"


def test_serves_the_english_base_without_a_bundle_or_a_key(home, tmp_path):
    command = [*PROGRAM, "serve", "--port", "0", "--data", str(tmp_path / "devices")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            request = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            health = json.load(request.open(f"{address}/healthz", timeout=120))
        finally:
            process.terminate()
    assert (health["bundle"], health["synthetic"]) == ("base_en", False)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--insecure", "--host", "0.0.0.0"), "other machines can reach"),
        (("--block-list", "list"), "line 2: 'two words' is not one word"),
    ],
)
def test_rejects_unusable_options_before_it_serves(run, tiny_bundle, trusted, tmp_path, monkeypatch, options, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list").write_text("damn\ntwo words\n", "utf-8")
    assert expected in run("serve", tiny_bundle, "--data", tmp_path / "devices", *options).error


def test_serves_nothing_without_a_public_key(run, tiny_bundle):
    assert "--public-key" in run("serve", tiny_bundle).error


def test_rejects_a_bundle_with_another_signature(tiny_bundle, tmp_path, run):
    run("keys", "generate")
    done = subprocess.run(
        [*PROGRAM, "serve", str(tiny_bundle), "--port", "0", "--data", str(tmp_path / "devices")],
        capture_output=True,
        text=True,
        timeout=30,
        env=dict(os.environ),
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "signed with another key" in line


def test_access_creates_lists_and_revokes_a_key(run, home):
    created = run("access", "create", "the app", "--scope", "device", "--device", "emulator-5554")
    assert created.code == 0
    secret = created.out.strip()
    assert secret.startswith("tp_") and secret not in created.err and "the app" in created.err
    listed = run("access", "list")
    (line,) = listed.out.splitlines()
    key_id = line.split()[0]
    assert "the app" in line and "emulator-5554" in line and "device" in line and secret not in line
    assert run("access", "revoke", key_id).out == f"revoked {key_id}\n"
    assert run("access", "list").out == ""
    assert "no valid key" in run("access", "revoke", key_id).error


def test_only_the_owner_can_read_the_keys_in_the_data_folder(run, home, tmp_path):
    run("access", "create", "me", "--data", tmp_path / "data")
    assert run("access", "list").out == "" and "me" in run("access", "list", "--data", tmp_path / "data").out
    assert stat.S_IMODE((tmp_path / "data" / "devices.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["create", "me", "--scope", "root"], "'--scope'"),
        (["create", ""], "name"),
        (["create", "me", "--scope", "admin", "--device", "x"], "scope device"),
        (["list", "--database", "mysql://a:hunter2@b/c"], "postgresql://"),
        (["list", "--database", "postgresql://a:hunter2@127.0.0.1:1/c"], "cannot be used"),
        (["create", "me", "--device", "no id"], "not a valid device id"),
        (["revoke", "nosuch"], "access list"),
        (["revoke", "\udcff"], "access list"),
    ],
)
def test_access_errors_are_one_line_without_secrets(run, arguments, expected):
    message = run("access", *arguments).error
    assert expected in message and "hunter2" not in message


def test_a_running_service_accepts_a_new_key(run, tiny_bundle, tiny_public_key, tmp_path):
    data = tmp_path / "data"
    with serve_in_thread(tiny_bundle, tiny_public_key, data, max_open=8, database=None, insecure=False) as client:
        assert client.get("/v1/devices").status_code == 401
        secret = run("access", "create", "me", "--scope", "read", "--data", data).out.strip()
        assert client.get("/v1/devices", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
