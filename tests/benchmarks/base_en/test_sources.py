"""The texts of the shipped base: what is left out of the chat."""

import gzip
import json

import pytest

from benchmarks.base_en import prepared_text
from benchmarks.base_en.sources import SOURCES, prepared
from keyboard_model.text.units import PLACEHOLDER, words


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """A folder of texts. Two people of three typed `hello`, and one typed `Zanzibar`."""
    monkeypatch.setattr(prepared_text, "MIN_PEOPLE", 2)
    for source in SOURCES.values():
        (tmp_path / source.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source.path).write_bytes(gzip.compress(b"Tom's sentence to tomboy Mary.\n"))
    messages = [("a", "Hello,\nZanzibar!"), ("b", "hello <NAME> zanzibarish"), ("c", "hello"), ("c", "hello")]
    lines = "".join(json.dumps({"user_id": who, "text": text}) + "\n" for who, text in messages)
    (tmp_path / SOURCES["chitchat.txt"].path).write_bytes(gzip.compress(lines.encode()))
    return tmp_path


def test_the_chat_has_a_line_a_message_and_no_word_of_few_people(texts, tmp_path):
    files = prepared(SOURCES, texts, tmp_path / "prepared")
    assert [file.name for file in files] == [
        source.path.split("/")[-1] if source.prepare is None else name for name, source in SOURCES.items()
    ]
    lines = files[-1].read_text().splitlines()
    assert lines == [f"Hello, {PLACEHOLDER}!", f"hello <NAME> {PLACEHOLDER}", "hello", "hello"]
    assert {word for line in lines for word in words(line)} == {"hello"}


def test_the_stock_names_of_the_sentences_are_left_out(texts, tmp_path):
    (sentences,) = (file for file in prepared(SOURCES, texts, tmp_path / "prepared") if file.name == "tatoeba.txt")
    assert sentences.read_text() == f"{PLACEHOLDER} sentence to tomboy {PLACEHOLDER}.\n"


def test_a_person_who_repeats_a_word_counts_once():
    assert prepared_text.without_rare_words([("a", "hm hm"), ("a", "hm"), ("b", "yes")], 2) == [
        f"{PLACEHOLDER} {PLACEHOLDER}",
        PLACEHOLDER,
        PLACEHOLDER,
    ]


def test_a_missing_text_is_named_before_any_is_prepared(texts, tmp_path):
    (texts / SOURCES["chitchat.txt"].path).unlink()
    with pytest.raises(SystemExit, match=r"has no chitchat/messages\.jsonl\.gz"):
        prepared(SOURCES, texts, tmp_path / "prepared")
    assert not (tmp_path / "prepared").exists()
