"""The reader of KenLM's models, and what the baseline says without KenLM. KenLM itself runs where it is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.five_folds.kenlm_baseline import LMPLZ, NOT_WORDS, KenlmTrigram, recall, require_lmplz

ARPA = """\\data\\
ngram 1=7

\\1-grams:
-9\t<s>\t-0.1
-1.5\t</s>\t0
-2\t<unk>\t0
-0.2\t?\t0
-0.5\tyou\t-0.3
-0.7\tsee\t-0.4
-1.1\tlater\t0

\\2-grams:
-0.4\t<s> see\t-0.2
-0.3\tsee you\t-0.6
-0.9\tyou ?\t0

\\3-grams:
-0.15\tsee you later

\\end\\
"""
MODEL = KenlmTrigram.parse(ARPA.split("\n"))


@pytest.mark.parametrize(
    ("context", "word", "log10"),
    [
        (["<s>"], "see", -0.4),
        (["<s>", "see", "you"], "later", -0.15),  # only the last two units count
        (["<s>", "see"], "you", -0.2 - 0.3),
        (["see", "you"], "see", -0.6 - 0.3 - 0.7),
        (["later", "later"], "you", -0.5),
    ],
)
def test_backs_off_to_shorter_contexts(context: list[str], word: str, log10: float) -> None:
    assert MODEL.log10_probability(context, word) == pytest.approx(log10)


def test_suggests_words_alone_in_order_of_probability() -> None:
    assert MODEL.suggest(["see", "you"], 9) == ["later", "you", "see"]
    assert MODEL.suggest(["<s>"], 2) == ["see", "you"]


def test_recall_counts_each_word_of_a_message() -> None:
    assert recall(MODEL, ["See you later?", "unknown"]) == (4, 3, 3)


def test_without_kenlm_it_names_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="run `make kenlm`"):
        require_lmplz(tmp_path / "lmplz")
    with pytest.raises(SystemExit, match="run `make kenlm`"):
        KenlmTrigram.train(["see you"], tmp_path / "lmplz")


def test_a_failure_of_lmplz_is_reported(tmp_path: Path) -> None:
    lmplz = tmp_path / "lmplz"
    lmplz.write_text("#!/bin/sh\necho 'no space left' >&2\nexit 3\n")
    lmplz.chmod(0o755)
    with pytest.raises(SystemExit, match="lmplz failed with code 3: no space left"):
        KenlmTrigram.train(["see you"], lmplz)


@pytest.mark.skipif(not LMPLZ.exists(), reason="KenLM is not built: make kenlm")
def test_kenlm_estimates_a_probability_distribution() -> None:
    model = KenlmTrigram.train(["See you later.", "see you!", "later, then", ""])
    texts = [*["see", "you", "later", "then", ".", "!", ","], "</s>", "<unk>"]
    for context in (["<s>"], ["<s>", "see"], ["see", "you"], ["!", "!"]):
        assert sum(10 ** model.log10_probability(context, text) for text in texts) == pytest.approx(1.0, abs=1e-5)
    assert model.suggest(["<s>"], 1) == ["see"]
    assert not NOT_WORDS & set(model.suggest(["<s>"], 9))
