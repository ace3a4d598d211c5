from __future__ import annotations

import io
import zipfile
from pathlib import Path

import httpx
import pytest

from device_runtime.bundle.loader import load_bundle
from tests.support.api.serving import serve_in_thread


@pytest.fixture
def path(client: httpx.Client) -> str:
    """The path of the served bundle."""
    (entry,) = client.get("/v1/bundles").json()["bundles"]
    return f"/v1/bundles/{entry['model_id']}"


def test_lists_the_served_bundle(client: httpx.Client, tiny_bundle: Path, tiny_public_key: Path) -> None:
    manifest = load_bundle(tiny_bundle, tiny_public_key).manifest
    (entry,) = client.get("/v1/bundles").json()["bundles"]
    assert (entry["model_id"], entry["name"]) == (manifest.model_id, manifest.name)
    assert entry["synthetic"] is manifest.provenance.synthetic
    download = client.get(f"/v1/bundles/{manifest.model_id}/download")
    assert entry["bytes"] == len(download.content) and entry["etag"] == download.headers["etag"]


def test_the_download_is_a_valid_bundle(
    client: httpx.Client, path: str, tmp_path: Path, tiny_bundle: Path, tiny_public_key: Path
) -> None:
    answer = client.get(f"{path}/download")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="tiny.bundle"'
    (tmp_path / "tiny.bundle").write_bytes(answer.content)
    found, served = load_bundle(tmp_path / "tiny.bundle", tiny_public_key), load_bundle(tiny_bundle, tiny_public_key)
    assert found.manifest == served.manifest and found.model == served.model


def test_returns_the_signed_manifest(client: httpx.Client, path: str) -> None:
    with zipfile.ZipFile(io.BytesIO(client.get(f"{path}/download").content)) as archive:
        assert client.get(path).content == archive.read("manifest.json")


def test_does_not_send_a_bundle_that_the_caller_has(client: httpx.Client, path: str) -> None:
    etag = client.get(f"{path}/download").headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        answer = client.get(f"{path}/download", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert client.get(f"{path}/download", headers={"If-None-Match": '"other"'}).status_code == 200


def test_continues_an_interrupted_download(client: httpx.Client, path: str) -> None:
    whole = client.get(f"{path}/download")
    half, size = len(whole.content) // 2, len(whole.content)
    first = client.get(f"{path}/download", headers={"Range": f"bytes=0-{half - 1}"})
    headers = {"Range": f"bytes={half}-", "If-Range": whole.headers["etag"]}
    rest = client.get(f"{path}/download", headers=headers)
    assert (first.status_code, rest.status_code) == (206, 206)
    assert rest.headers["content-range"] == f"bytes {half}-{size - 1}/{size}"
    assert first.content + rest.content == whole.content
    changed = client.get(f"{path}/download", headers={**headers, "If-Range": '"of another bundle"'})
    assert (changed.status_code, changed.content) == (200, whole.content)


def test_head_returns_the_size(client: httpx.Client, path: str) -> None:
    head, whole = client.head(f"{path}/download"), client.get(f"{path}/download")
    assert head.content == b"" and head.headers["content-length"] == str(len(whole.content))


def test_answers_404_for_another_model(client: httpx.Client) -> None:
    for rest in ("", "/download"):
        assert client.get("/v1/bundles/" + "0" * 64 + rest).status_code == 404
        assert client.get("/v1/bundles/latest" + rest).status_code == 422


def test_serves_the_verified_bundle_even_if_the_file_changes(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    """Devices use, and apps download, the bundle that was verified at the start."""
    served = tmp_path / "served.bundle"
    served.write_bytes(tiny_bundle.read_bytes())
    with serve_in_thread(served, tiny_public_key, tmp_path / "data", 8, None, True) as client:
        path = f"/v1/bundles/{client.get('/healthz').json()['model_id']}"
        before = client.get(f"{path}/download").content
        served.write_bytes(b"something else")
        assert client.get(f"{path}/download").content == before
        assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 201
        assert client.post("/v1/devices/phone/predictions", json={"context": "see"}).status_code == 200


def test_is_ready_while_the_database_can_be_read(client: httpx.Client) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}


def test_health_returns_the_model(client: httpx.Client, tiny_bundle: Path, tiny_public_key: Path) -> None:
    manifest = load_bundle(tiny_bundle, tiny_public_key).manifest
    answer = client.get("/healthz").json()
    assert answer.keys() == {"status", "model_id", "bundle", "synthetic"}
    assert answer["status"] == "ok"
    assert (answer["model_id"], answer["bundle"]) == (manifest.model_id, manifest.name)
    assert answer["synthetic"] is manifest.provenance.synthetic
