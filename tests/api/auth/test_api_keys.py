from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from api.auth.api_keys import REMEMBERED_SECONDS, ApiKeyError, ApiKeys
from api.schemas.base import KeyScope
from api.storage.database import Database
from api.storage.schema import open_database


def test_a_key_is_valid_until_it_is_revoked(database: Database) -> None:
    now = 0.0
    keys = ApiKeys(database, lambda: now)
    key, secret = keys.create("app", KeyScope.DEVICE, "phone")
    assert keys.remembered(secret) is None
    assert keys.find(secret) == key == keys.remembered(secret)
    assert (key.name, key.scope, key.device_id) == ("app", KeyScope.DEVICE, "phone")
    assert keys.valid() == [key]
    ApiKeys(database).revoke(key.id)  # as another process does it
    assert keys.find(secret) is None and keys.valid() == []
    assert keys.remembered(secret) == key
    now = REMEMBERED_SECONDS
    assert keys.remembered(secret) is None
    with pytest.raises(ApiKeyError, match="no valid key"):
        keys.revoke(key.id)


def test_a_database_with_a_key_of_every_scope_is_opened_again(tmp_path: Path) -> None:
    """The schema lists the scopes, because it lies below them."""
    path = tmp_path / "devices.sqlite"
    database = open_database(path, to_serve=True)
    created = [ApiKeys(database).create("app", scope)[0] for scope in KeyScope]
    database.close()
    again = open_database(path, to_serve=True)
    assert sorted(key.id for key in ApiKeys(again).valid()) == sorted(key.id for key in created)
    again.close()


def test_only_the_exact_secret_is_found(database: Database) -> None:
    keys = ApiKeys(database)
    _, secret = keys.create("app", KeyScope.READ)
    for wrong in ("", "tp_", secret[:-1], secret + "a", secret.swapcase(), "\ud83d"):
        assert keys.find(wrong) is None


def test_secrets_differ_and_are_not_stored(tmp_path: Path) -> None:
    database = open_database(tmp_path / "devices.sqlite", to_serve=True)
    keys = ApiKeys(database)
    secrets = [keys.create("app", KeyScope.ADMIN)[1] for _ in range(20)]
    database.close()
    assert len(set(secrets)) == 20 and all(len(secret) == 46 for secret in secrets)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(secret.removeprefix("tp_").encode() in stored for secret in secrets)


@pytest.mark.parametrize("name", ["", "a" * 101, "two\nlines", "\x1b[31m"])
def test_rejects_a_name_that_is_not_one_printable_line(database: Database, name: str) -> None:
    with pytest.raises(ApiKeyError, match="name"):
        ApiKeys(database).create(name, KeyScope.READ)


@pytest.mark.parametrize("scope", [KeyScope.READ, KeyScope.ADMIN])
def test_rejects_a_key_for_one_device_with_another_scope(database: Database, scope: KeyScope) -> None:
    with pytest.raises(ApiKeyError, match="scope device"):
        ApiKeys(database).create("app", scope, "phone")


def test_a_scope_includes_the_scopes_before_it() -> None:
    included = {(has, needed) for has, needed in product(KeyScope, KeyScope) if has.includes(needed)}
    assert included == {
        *((has, KeyScope.READ) for has in KeyScope),
        (KeyScope.DEVICE, KeyScope.DEVICE),
        (KeyScope.ADMIN, KeyScope.DEVICE),
        (KeyScope.ADMIN, KeyScope.ADMIN),
    }
