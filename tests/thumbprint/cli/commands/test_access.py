import stat

import pytest

from tests.support.api.serving import serve_in_thread


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
    assert "no valid key" in run("access", "revoke", key_id).mistake


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
    said = run("access", *arguments).mistake
    assert says in said and "hunter2" not in said


def test_a_running_service_takes_the_key(run, tiny_bundle, tiny_public_key, tmp_path):
    data = tmp_path / "data"
    with serve_in_thread(tiny_bundle, tiny_public_key, data, max_open=8, database=None, insecure=False) as client:
        assert client.get("/v1/devices").status_code == 401
        secret = run("access", "create", "me", "--scope", "read", "--data", data).out.strip()
        assert client.get("/v1/devices", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
