"""What a phone must hold, on operations worked out by hand."""

from __future__ import annotations

import random

from benchmarks.kill.expected import Expected, Operation, draw


def test_a_forgotten_word_is_masked_before_and_after() -> None:
    content = Expected().after(Operation("observe", ("meet zorblatt now", "ok")))
    content = content.after(Operation("forget", ("zorblatt",))).after(Operation("observe", ("zorblatt again",)))
    assert content.messages == ("meet <#> now", "ok", "<#> again")
    assert content.after(Operation("forget_all")) == Expected()


def test_another_number_of_forgotten_words_is_a_difference() -> None:
    export = {"messages": [{"text": "ok"}], "settings": {"forgotten_words": 1, "blocked_words": ["no"]}}
    expected = Expected(("ok",), frozenset({"zorblatt"}), frozenset({"no"}))
    assert Expected.read(export, expected.forgotten) == expected
    assert Expected.read(export, frozenset()) != expected


def test_no_two_messages_are_alike() -> None:
    operations = draw(random.Random(0), 300, {"observe": 1})
    texts = [text for operation in operations for text in operation.texts]
    assert len(set(texts)) == len(texts) > 600
