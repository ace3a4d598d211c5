"""The corpus of made-up secrets and ordinary messages."""

from __future__ import annotations

from benchmarks.secrets.corpus import ordinary_cases, secret_cases


def test_the_corpus_is_the_same_every_time_and_another_with_another_seed() -> None:
    assert list(secret_cases(1)) == list(secret_cases(1))
    assert list(secret_cases(1)) != list(secret_cases(1, seed=1))


def test_the_corpus_has_forty_kinds_and_each_message_its_secret() -> None:
    cases = list(secret_cases(1))

    assert len({case.kind for case in cases}) >= 40
    assert all(case.secret and case.secret in case.text for case in cases)
    assert not any(case.secret for case in ordinary_cases(1))


def test_no_shape_has_a_brace_left() -> None:
    texts = [case.text for case in [*secret_cases(1), *ordinary_cases(1)] if case.kind != "UUID"]

    assert not [text for text in texts if "{" in text or "@label" in text]
