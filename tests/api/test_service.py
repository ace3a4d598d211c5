"""The service tries a new bundle in a child process, and serves the last good one if it must not be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.service import Service
from device_runtime.bundle import loader
from device_runtime.bundle.files import BundleError


def test_a_bundle_that_crashes_the_interpreter_is_not_served(
    tmp_path: Path, tiny_bundle: Path, crashing_bundle: Path, tiny_public_key: Path
) -> None:
    data = tmp_path / "data"
    with pytest.raises(BundleError, match="crashes the interpreter"):
        Service(crashing_bundle, tiny_public_key, data)
    service = Service(tiny_bundle, tiny_public_key, data)
    good = service.model_id
    assert service.note is None
    service.close()
    service = Service(crashing_bundle, tiny_public_key, data)
    try:
        assert service.model_id == good
        assert "crashes the interpreter" in (service.note or "")
        assert "the last good bundle is used instead: tiny" in (service.note or "")
        with service.phones.use("phone", new=True) as phone:
            assert phone.predict("see")
    finally:
        service.close()


def test_the_bundle_is_read_once_at_the_start(
    tmp_path: Path, tiny_bundle: Path, tiny_public_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[Path] = []
    parse = loader.parse_bundle

    def counted(path: Path, *content: Any) -> loader.Bundle:
        parsed.append(path)
        return parse(path, *content)

    monkeypatch.setattr(loader, "parse_bundle", counted)
    Service(tiny_bundle, tiny_public_key, tmp_path / "data", try_bundle=lambda bundle: None).close()
    assert parsed == [tiny_bundle]
