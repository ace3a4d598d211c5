import os
import signal
import stat
import subprocess
import sys
import urllib.request

import pytest

from tests.support.api.serving import serve_in_thread
from tests.support.thumbprint.program import PROGRAM

# Says at the end what of this was imported while the service ran.
WATCHED = (
    "import atexit, sys; from thumbprint.cli.main import main; "
    "atexit.register(lambda: print('imported', set(sys.modules) & "
    "{'tensorflow', 'tensorflow_federated', 'jax', 'matplotlib'})); sys.exit(main())"
)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_serves_until_told_to_end_and_imports_nothing_heavy(tiny_bundle, trusted, tmp_path, number, code):
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", WATCHED, "serve", str(tiny_bundle)),
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
        assert request.open(f"{address}/healthz", timeout=10).status == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == code
    assert "Traceback" not in err
    assert out.splitlines()[-1] == "imported set()"


def test_an_insecure_service_is_for_this_machine_only(run, tiny_bundle, trusted, tmp_path):
    said = run("serve", tiny_bundle, "--insecure", "--host", "0.0.0.0", "--data", tmp_path / "devices").error
    assert "other machines can reach" in said


def test_without_a_key_nothing_is_served(run, tiny_bundle):
    assert "--public-key" in run("serve", tiny_bundle).error


def test_a_bundle_of_anothers_is_not_served(tiny_bundle, tmp_path, run):
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


def test_a_block_list_that_cannot_be_used_is_an_error_before_anything_is_served(run, tiny_bundle, trusted, tmp_path):
    (tmp_path / "list").write_text("damn\ntwo words\n", "utf-8")
    said = run("serve", tiny_bundle, "--data", tmp_path / "devices", "--block-list", tmp_path / "list").error
    assert "line 2: 'two words' is not one word" in said


def test_a_key_is_made_listed_and_revoked(run, home):
    made = run("access", "create", "the app", "--scope", "device", "--device", "emulator-5554")
    assert made.code == 0
    secret = made.out.strip()
    assert secret.startswith("tp_") and secret not in made.err and "the app" in made.err
    listed = run("access", "list")
    (line,) = listed.out.splitlines()
    key_id = line.split()[0]
    assert "the app" in line and "emulator-5554" in line and "device" in line and secret not in line
    assert run("access", "revoke", key_id).out == f"revoked {key_id}\n"
    assert run("access", "list").out == ""
    assert "no valid key" in run("access", "revoke", key_id).error


def test_the_keys_are_in_the_services_own_folder_for_its_owner_alone(run, home, tmp_path):
    run("access", "create", "me", "--data", tmp_path / "data")
    assert run("access", "list").out == "" and "me" in run("access", "list", "--data", tmp_path / "data").out
    assert stat.S_IMODE((tmp_path / "data" / "devices.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "says"),
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
def test_mistakes_are_one_line_without_secrets(run, arguments, says):
    said = run("access", *arguments).error
    assert says in said and "hunter2" not in said


def test_a_running_service_takes_the_key(run, tiny_bundle, tiny_public_key, tmp_path):
    data = tmp_path / "data"
    with serve_in_thread(tiny_bundle, tiny_public_key, data, max_open=8, database=None, insecure=False) as client:
        assert client.get("/v1/devices").status_code == 401
        secret = run("access", "create", "me", "--scope", "read", "--data", data).out.strip()
        assert client.get("/v1/devices", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
