"""TLS and a shared token between a training and its workers elsewhere.

A worker shows a certificate, and runs only what comes with the token. A training sends the token only to a worker whose
certificate it trusts. Tokens and keys come from files that only their owner can read, so they are in no command line.
"""

from __future__ import annotations

import datetime
import hmac
import ipaddress
import os
import re
import secrets
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from federated.runtime.worker import WorkerError

TOKEN_NAME, CERTIFICATE_NAME, KEY_NAME = "worker.token", "worker.crt", "worker.key"
_DAYS = 365
_SHORTEST_TOKEN = 32
_MAX_BYTES = 1 << 20
_HANDSHAKE_SECONDS = 5.0
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class Address(NamedTuple):
    """Where a worker listens: a name or an address (without brackets), and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `HOST:PORT`; an IPv6 address stands in brackets.

        Raises:
            WorkerError: the text is something else.
        """
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise WorkerError(f"{text!r} is not HOST:PORT")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class WorkerCredentials:
    """What a worker shows, and the token that it requires."""

    token: str = field(repr=False)
    certificate: bytes
    key: bytes = field(repr=False)

    @classmethod
    def read(cls, token: Path, certificate: Path, key: Path) -> Self:
        """Reads the three files.

        Raises:
            WorkerError: a file is not what it should be, others can read a secret one, the key is not that of the
                certificate, or the certificate is expired.
        """
        found = cls(_token(token), _read(certificate), _read_secret(key))
        try:
            ends = x509.load_pem_x509_certificate(found.certificate).not_valid_after_utc
        except ValueError as error:
            raise WorkerError(f"{certificate} is not a certificate (PEM)") from error
        if ends < datetime.datetime.now(datetime.UTC):
            raise WorkerError(f"the certificate {certificate} expired on {ends:%Y-%m-%d}: make a new one")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
        except (ssl.SSLError, _PasswordError) as error:
            raise WorkerError(f"{key} is not the private key of {certificate} (PEM, without a password)") from error
        return found

    def server(self) -> Any:
        """Returns the credentials of a gRPC server."""
        return grpc.ssl_server_credentials([(self.key, self.certificate)])

    def accept(self, metadata: Iterable[tuple[str, str | bytes]]) -> bool:
        """Whether the metadata of a call holds the token; the time that this takes does not depend on the token."""
        shown = (value for name, value in metadata if name == "authorization")
        wanted = f"Bearer {self.token}".encode()
        return any(hmac.compare_digest(_bytes(value), wanted) for value in shown)


@dataclass(frozen=True)
class TrainingCredentials:
    """The token that a training sends, and the certificates (or those of their issuers) that it trusts."""

    token: str = field(repr=False)
    trusted: bytes

    @classmethod
    def read(cls, token: Path, trusted: Path) -> Self:
        """Reads the two files.

        Raises:
            WorkerError: a file is not what it should be, or others can read the token.
        """
        found = cls(_token(token), _read(trusted))
        try:
            x509.load_pem_x509_certificates(found.trusted)
        except ValueError as error:
            raise WorkerError(f"{trusted} contains no certificate (PEM)") from error
        return found

    def channel(self, address: Address, options: Sequence[tuple[str, int]]) -> Any:
        """Returns a gRPC channel that sends the token with every call."""
        both = grpc.composite_channel_credentials(
            grpc.ssl_channel_credentials(self.trusted), grpc.access_token_call_credentials(self.token)
        )
        return grpc.secure_channel(str(address), both, options)

    def refusal(self, address: Address) -> str | None:
        """Returns why TLS with the worker fails; None if it does not fail, or nothing answers.

        gRPC itself tries again without an end, and tells the reason only in its log.
        """
        try:
            _handshake(address, ssl.create_default_context(cadata=self.trusted.decode("ascii")))
        except ssl.SSLCertVerificationError as error:
            return f"shows a certificate that is not accepted ({error.verify_message}): see --tls-ca"
        except ssl.SSLEOFError:
            pass  # it is starting or ending
        except ssl.SSLError as error:
            return f"does not use TLS ({error.reason}): start it with --token-file, --tls-cert and --tls-key"
        except OSError:
            pass
        return None


def speaks_tls(address: Address) -> bool:
    """Whether what listens there expects TLS."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    try:
        _handshake(address, anyone)
    except OSError:
        return False
    return True


def _handshake(address: Address, context: ssl.SSLContext) -> None:
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(address, timeout=_HANDSHAKE_SECONDS) as connection:
        context.wrap_socket(connection, server_hostname=address.host).close()


class CredentialFiles(NamedTuple):
    """The paths of a token, a certificate and its private key."""

    token: Path
    certificate: Path
    key: Path

    @classmethod
    def generate(cls, folder: Path, hosts: Sequence[str]) -> Self:
        """Makes a token and a self-signed certificate for the workers on `hosts`, valid for a year.

        Args:
            folder: Where the files are written; created if missing.
            hosts: Names or addresses, as the training names them.

        Raises:
            WorkerError: a file exists, a host is not a name or an address, or the folder cannot be written.
        """
        files = cls(folder / TOKEN_NAME, folder / CERTIFICATE_NAME, folder / KEY_NAME)
        for path in files:
            if path.exists():
                raise WorkerError(f"{path} exists, and is never overwritten: choose another folder or move this file")
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key, hosts)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        contents = (secrets.token_urlsafe(32).encode() + b"\n", certificate.public_bytes(Encoding.PEM), private)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, content in zip(files, contents, strict=True):
                mode = 0o644 if path == files.certificate else 0o600
                with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                    file.write(content)
        except OSError as error:
            raise WorkerError(f"cannot write credentials in {folder}: {error.strerror}") from error
        return files


def _self_signed(key: ec.EllipticCurvePrivateKey, hosts: Sequence[str]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "thumbprint worker")])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # the clocks of two machines differ
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if not _HOST.fullmatch(host):
            raise WorkerError(f"{host!r} is neither a name nor an address of a machine") from None
        return x509.DNSName(host)


def _token(path: Path) -> str:
    token = _read_secret(path).strip()
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or any(byte <= ord(" ") for byte in token):
        raise WorkerError(
            f"{path} is not a token, {_SHORTEST_TOKEN} or more ASCII characters in one line: "
            "make one with `thumbprint keys worker`"
        )
    return token.decode("ascii")


def _read_secret(path: Path) -> bytes:
    content = _read(path)
    if path.stat().st_mode & 0o077:
        raise WorkerError(f"others can use {path}: allow only its owner (chmod 600 {path})")
    return content


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise WorkerError(f"cannot read {path}: {error.strerror}") from error


class _PasswordError(ValueError):
    """A key file has a password; OpenSSL would ask for it on the terminal."""


def _no_password() -> bytes:
    raise _PasswordError


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
