"""A bundle's files taken apart, changed and signed again, and a phone on the small bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.material.signed_content import signed
from device_runtime.bundle import signing_keys
from device_runtime.bundle.files import read_files
from device_runtime.bundle.loader import Bundle, load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from tests.support.device_runtime.bundle_parts import LEARNING_RECIPE, Content, Merge, write_folder


@pytest.fixture
def content(tiny_bundle: Path) -> Content:
    """The small bundle's six files."""
    return read_files(tiny_bundle)


@pytest.fixture
def own_keys(tmp_path: Path) -> tuple[Path, Path]:
    return signing_keys.SigningKeys.generate(tmp_path / "own_keys")


@pytest.fixture
def sign(own_keys: tuple[Path, Path]) -> Callable[[Content, Merge], Content]:
    """Makes the manifest fit the content and `changes`, and signs it with the test's own key."""

    return lambda content, changes: signed(content, changes, own_keys[0])


@pytest.fixture
def rebuilt(
    tmp_path: Path, content: Content, own_keys: tuple[Path, Path], sign: Callable[[Content, Merge], Content]
) -> Callable[..., Engine]:
    """An engine on the small bundle with some of its manifest changed, as `rebuilt({"recipe": {"steps": 0}})`."""

    def build(changes: Merge, files: Content | None = None) -> Engine:
        path = write_folder(
            tmp_path / f"rebuilt{len(list(tmp_path.iterdir()))}", sign(content | (files or {}), changes)
        )
        return Engine(load_bundle(path, own_keys[1]))

    return build


@pytest.fixture
def learning_engine(rebuilt: Callable[..., Engine]) -> Engine:
    """An engine whose adaptations learn at once, so that the gate keeps them."""
    return rebuilt(LEARNING_RECIPE)


@pytest.fixture(scope="session")
def bundle(tiny_bundle: Path, tiny_public_key: Path) -> Bundle:
    return load_bundle(tiny_bundle, tiny_public_key)


@pytest.fixture(scope="session")
def engine(bundle: Bundle) -> Engine:
    return Engine(bundle)


@pytest.fixture
def phone(tmp_path: Path, engine: Engine) -> Iterator[Phone]:
    with Phone.open(tmp_path / "phone", engine) as opened:
        yield opened
