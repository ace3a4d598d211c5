"""An app that gets a bad bundle goes back to the one before, also if the bad one ends the process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from device_runtime.bundle.files import MANIFEST, SIGNATURE, BundleError, packed, read_files
from device_runtime.bundle.loader import Bundle
from device_runtime.bundle.signing_keys import load_private
from device_runtime.inference.last_good import DEATHS_WITHOUT_CHOICE, OpenedBundle, open_last_good
from device_runtime.phone.phone import Phone

PROGRAM = """
import sys
from device_runtime import open_last_good
open_last_good(*sys.argv[1:])
"""


@pytest.fixture
def opened(tmp_path: Path, tiny_public_key: Path) -> Callable[..., OpenedBundle]:
    """Opens a bundle with the notes of the test's app."""

    def opening(newest: Path, try_first: Callable[[Bundle], None] = lambda bundle: None) -> OpenedBundle:
        return open_last_good(tmp_path / "app", newest, tiny_public_key, try_first=try_first)

    return opening


@pytest.fixture
def die(tmp_path: Path, crashing_bundle: Path, tiny_public_key: Path) -> Callable[[], None]:
    """Opens the crashing bundle in a process, which dies of it."""

    def opening() -> None:
        arguments = [tmp_path / "app", crashing_bundle, tiny_public_key]
        assert subprocess.run([sys.executable, "-c", PROGRAM, *map(str, arguments)], stderr=-3).returncode < 0

    return opening


def model(opened: OpenedBundle) -> str:
    return opened.engine.bundle.manifest.model_id


def refuse(bundle: Bundle) -> None:
    raise BundleError("refused")


def test_a_phone_that_died_of_a_bundle_goes_back_to_the_one_before(
    tmp_path: Path,
    opened: Callable[..., OpenedBundle],
    die: Callable[[], None],
    tiny_bundle: Path,
    crashing_bundle: Path,
) -> None:
    good = model(opened(tiny_bundle))
    die()
    for _ in range(2):  # and stays there
        back = opened(crashing_bundle)
        assert model(back) == good
        assert "the process died when it tried this model" in (back.note or "")
        assert "the last good bundle is used instead: tiny" in (back.note or "")
    with Phone.open(tmp_path / "phone", back.engine) as phone:
        assert phone.predict("see")
    assert opened(tiny_bundle).note is None


def test_without_an_earlier_bundle_a_deadly_one_is_refused_in_the_end(
    tmp_path: Path, opened: Callable[..., OpenedBundle], tiny_bundle: Path, crashing_bundle: Path
) -> None:
    good = model(opened(tiny_bundle))
    notes = tmp_path / "app" / "trials.json"
    tried = {"good": None, "trying": good}
    notes.write_text(json.dumps({**tried, "deaths": {good: DEATHS_WITHOUT_CHOICE - 2}}))
    assert opened(tiny_bundle).note is None, "it may have been killed for another reason"
    notes.write_text(json.dumps({**tried, "deaths": {good: DEATHS_WITHOUT_CHOICE - 1}}))
    with pytest.raises(BundleError, match=r"the process died when it tried this model.*delete .*trials\.json"):
        opened(tiny_bundle)
    notes.unlink()
    assert opened(tiny_bundle).note is None


def test_a_bundle_that_the_first_check_refuses_is_not_used(
    opened: Callable[..., OpenedBundle], tiny_bundle: Path, crashing_bundle: Path
) -> None:
    with pytest.raises(BundleError, match="refused"):
        opened(tiny_bundle, refuse)
    good = model(opened(tiny_bundle))
    assert opened(tiny_bundle, refuse).note is None, "a good model is not tried again"
    back = opened(crashing_bundle, refuse)
    assert model(back) == good
    assert (back.note or "").startswith("refused; the last good bundle is used instead")


@pytest.mark.parametrize("content", [None, b"", b"noise" * 1000])
def test_a_bundle_that_is_missing_or_damaged_is_not_used(
    tmp_path: Path, opened: Callable[..., OpenedBundle], tiny_bundle: Path, content: bytes | None
) -> None:
    good = model(opened(tiny_bundle))
    newest = tmp_path / "newest.bundle"
    if content is not None:
        newest.write_bytes(content)
    back = opened(newest)
    assert model(back) == good
    assert back.note is not None


def test_the_copy_is_of_the_newest_good_bundle(
    tmp_path: Path, opened: Callable[..., OpenedBundle], tiny_bundle: Path, tiny_keys: tuple[Path, Path]
) -> None:
    opened(tiny_bundle)
    content = read_files(tiny_bundle)
    content[MANIFEST] = content[MANIFEST].replace(b'"tiny"', b'"renamed"')
    content[SIGNATURE] = load_private(tiny_keys[0]).sign(content[MANIFEST])
    renamed = tmp_path / "renamed.bundle"
    renamed.write_bytes(packed(content))
    assert opened(renamed, refuse).note is None, "the same model is not tried again"
    assert opened(tmp_path / "missing").engine.bundle.manifest.name == "renamed"
    assert len(list((tmp_path / "app").glob("*.bundle"))) == 1


@pytest.mark.parametrize("notes", ["", "{", "[]", '{"good": 7}', '{"deaths": {"a": "b"}}', '{"more": 1}', "[" * 9999])
def test_damaged_notes_count_as_none(
    tmp_path: Path, opened: Callable[..., OpenedBundle], tiny_bundle: Path, notes: str
) -> None:
    good = model(opened(tiny_bundle))
    (tmp_path / "app" / "trials.json").write_text(notes)
    assert model(opened(tiny_bundle)) == good
    assert opened(tmp_path / "missing").note is not None


def test_a_damaged_copy_is_not_used(tmp_path: Path, opened: Callable[..., OpenedBundle], tiny_bundle: Path) -> None:
    opened(tiny_bundle)
    (copy,) = (tmp_path / "app").glob("*.bundle")
    copy.write_bytes(b"noise")
    with pytest.raises(BundleError, match="missing does not exist"):
        opened(tmp_path / "missing")
