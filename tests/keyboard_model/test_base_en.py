"""The base that comes with Thumbprint: what it is made of, and that it can be used."""

import json
from pathlib import Path

import pytest

from benchmarks.base_en.prepared_text import STOCK_NAMES
from benchmarks.base_en.sources import SOURCES
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from federated.base import Base
from keyboard_model import base_en


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(base_en.BUNDLE, base_en.PUBLIC_KEY)


def test_the_name_stands_for_what_is_shipped_unless_the_folder_has_it(tmp_path):
    assert base_en.resolve(Path("base_en"), base_en.BASE, tmp_path) == base_en.BASE
    (tmp_path / "base_en").mkdir()
    assert base_en.resolve(Path("base_en"), base_en.BASE, tmp_path) == tmp_path / "base_en"
    assert base_en.resolve(Path("runs/base_en"), base_en.BASE, tmp_path) == tmp_path / "runs" / "base_en"


def test_it_is_made_only_of_text_that_may_be_shipped():
    about = Base(base_en.BASE).about()
    assert set(about["files"]) <= SOURCES.keys()
    assert about["words"] is None, "a list of users' words has no place in it"


def test_its_card_names_every_text_with_its_licence():
    card = base_en.BUNDLE.with_name("README.md").read_text()
    for name in Base(base_en.BASE).about()["files"]:
        assert SOURCES[name].title in card
        assert SOURCES[name].licence in card


def test_base_and_bundle_are_the_same_model(bundle):
    base = Base(base_en.BASE)
    assert bundle.tokenizer == base.tokenizer().model
    assert bundle.manifest.provenance.corpus_id == base.about()["text"]
    parameters = base.parameters()
    assert (bundle.manifest.model.embedding, bundle.manifest.model.cells) == (
        parameters.embedding.shape[1],
        parameters.w_p.shape[0],
    )


def test_the_bundle_has_at_most_3_mb():
    assert base_en.BUNDLE.stat().st_size <= 3_000_000


def test_a_phone_suggests_english(bundle, tmp_path):
    with Phone.open(tmp_path, Engine(bundle)) as phone:
        assert [suggestion.text for suggestion in phone.predict("", k=1)] == ["I"]
        assert not STOCK_NAMES & {suggestion.word for suggestion in phone.predict("", k=50)}
        assert "you" in [suggestion.word for suggestion in phone.predict("see", k=3)]
        assert phone.predict("what are you", "do", k=1)[0].word == "doing"


def test_the_card_states_the_figures_of_the_base():
    measured = json.loads((base_en.BASE / "base.json").read_text())["validation"]
    card = base_en.BUNDLE.with_name("README.md").read_text()
    assert f"{100 * measured['recall_at_3']:.1f} %" in card
