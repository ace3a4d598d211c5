"""Credentials are read from files that only their owner can read, and what is wrong with a file is said in one line."""

import stat

import pytest

from federated.runtime import credentials
from federated.runtime.credentials import Address, CredentialFiles, TrainingCredentials, WorkerCredentials
from federated.runtime.worker import WorkerError


@pytest.fixture
def files(tmp_path) -> CredentialFiles:
    return CredentialFiles.generate(tmp_path / "made", ["localhost", "127.0.0.1"])


def test_generated_files_are_private_and_never_overwritten(files):
    modes = [stat.S_IMODE(path.stat().st_mode) for path in files]
    assert modes == [0o600, 0o644, 0o600]
    before = [path.read_bytes() for path in files]
    with pytest.raises(WorkerError, match="never overwritten"):
        CredentialFiles.generate(files.token.parent, ["localhost"])
    assert [path.read_bytes() for path in files] == before


def test_no_secret_is_in_a_representation(files):
    token = files.token.read_text().strip()
    for found in (WorkerCredentials.read(*files), TrainingCredentials.read(files.token, files.certificate)):
        assert found.token == token and token not in repr(found) and "PRIVATE" not in repr(found)


@pytest.mark.parametrize(
    ("shown", "accepted"),
    [
        ([("authorization", "Bearer {}")], True),
        ([("other", "1"), ("authorization", b"Bearer %b")], True),
        ([("authorization", "Bearer {}x")], False),
        ([("authorization", "{}")], False),
        ([("authorization", "Bearer ")], False),
        ([("token", "Bearer {}")], False),
        ([], False),
    ],
)
def test_only_the_whole_token_is_accepted(files, shown, accepted):
    worker = WorkerCredentials.read(*files)
    filled = [
        (name, value % worker.token.encode() if isinstance(value, bytes) else value.format(worker.token))
        for name, value in shown
    ]
    assert worker.accept(filled) is accepted


def readable(files):
    files.token.chmod(0o640)


def readable_key(files):
    files.key.chmod(0o604)


def short_token(files):
    files.token.write_text("secret\n")


def two_lines(files):
    files.token.write_text("a" * 40 + "\n" + "b" * 40)


def no_token(files):
    files.token.unlink()


def other_key(files):
    files.key.write_bytes(CredentialFiles.generate(files.key.parent / "other", ["x"]).key.read_bytes())


def no_key(files):
    files.key.write_text("nothing")


def no_certificate(files):
    files.certificate.write_text("nothing")


def folder(files):
    files.certificate.unlink()
    files.certificate.mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (readable, "chmod 600 .*worker.token"),
        (readable_key, "chmod 600 .*worker.key"),
        (short_token, "worker.token is not a token.*thumbprint keys worker"),
        (two_lines, "worker.token is not a token"),
        (no_token, "cannot read .*worker.token: No such file"),
        (other_key, "worker.key is not the private key of .*worker.crt"),
        (no_key, "worker.key is not the private key of"),
        (no_certificate, "worker.crt is not a certificate"),
        (folder, "cannot read .*worker.crt: Is a directory"),
    ],
)
def test_a_worker_refuses_unusable_files(files, spoil, message):
    WorkerCredentials.read(*files)
    spoil(files)
    with pytest.raises(WorkerError, match=message):
        WorkerCredentials.read(*files)


def test_a_worker_refuses_an_expired_certificate(tmp_path, monkeypatch):
    monkeypatch.setattr(credentials, "_DAYS", -0.5)
    with pytest.raises(WorkerError, match="expired on 20"):
        WorkerCredentials.read(*CredentialFiles.generate(tmp_path, ["localhost"]))


@pytest.mark.parametrize(("spoil", "message"), [(readable, "chmod 600"), (no_certificate, "contains no certificate")])
def test_a_training_refuses_unusable_files(files, spoil, message):
    spoil(files)
    with pytest.raises(WorkerError, match=message):
        TrainingCredentials.read(files.token, files.certificate)


@pytest.mark.parametrize("host", ["", "ü.example", "a b\0"])
def test_a_certificate_needs_names_or_addresses(tmp_path, host):
    with pytest.raises(WorkerError, match="neither a name nor an address"):
        CredentialFiles.generate(tmp_path / "made", [host])
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("localhost:1", True),
        ("127.0.0.1:1", True),
        ("127.8.0.1:65535", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.example.org:1", False),
    ],
)
def test_an_address_knows_whether_others_reach_it(text, loopback):
    address = Address.parse(text)
    assert (str(address), address.is_loopback) == (text, loopback)


@pytest.mark.parametrize("text", ["here", "here:", ":1", "here:0", "here:65536", "here:-1", "here:x", ""])
def test_an_address_is_a_host_and_a_port(text):
    with pytest.raises(WorkerError, match="is not HOST:PORT"):
        Address.parse(text)
