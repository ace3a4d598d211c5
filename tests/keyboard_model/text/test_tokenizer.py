"""Words to pieces and back; what a vocabulary may hold."""

import functools

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from keyboard_model.text.tokenizer import BOUNDARY, Tokenizer, TokenizerError, train
from keyboard_model.text.units import MARKS, PLACEHOLDER, words

COUNTS = {
    word: 40 - i
    for i, word in enumerate(
        ["see", "you", "at", "home", "ok", "thanks", "coming", "later", "don't", "i'm", "我们", "今天", "नमस्ते"]
    )
}
TOKENIZER = train(COUNTS, 400)

# Every letter, digit and mark that may stand in a word, of any script.
LETTERS = st.characters(codec="utf-8", categories=("L", "N", "Mn", "Mc"))


@functools.cache
def processor(model: bytes) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def spelled(tokenizer: Tokenizer, ids: list[int]) -> str:
    """Decodes piece ids with SentencePiece itself."""
    return str(processor(tokenizer.model).decode(ids)).strip()


@settings(max_examples=300)
@given(st.text(LETTERS, max_size=20))
def test_the_pieces_of_every_word_decode_to_it(text):
    for word in words(text):
        ids = TOKENIZER.encode_word(word)
        assert spelled(TOKENIZER, ids) == word


@pytest.mark.parametrize("word", ["see", "zzyzx", "𠮷野家", "สวัสดี", "हैं", "مرحبا", "don't", "a" * 300, "i̇stanbul"])
def test_words_of_any_script_decode_to_themselves(word):
    assert spelled(TOKENIZER, TOKENIZER.encode_word(word)) == word


@pytest.mark.parametrize("word", ["see", "seezzz", "zzyzx", "我们们"])
def test_only_the_last_piece_carries_the_boundary(word):
    pieces = [TOKENIZER.pieces[i] for i in TOKENIZER.encode_word(word)]
    assert [piece.endswith(BOUNDARY) for piece in pieces] == [False] * (len(pieces) - 1) + [True]


def test_frequent_words_are_one_piece_and_listed_as_such():
    (piece,) = TOKENIZER.encode_word("see")
    assert TOKENIZER.single_piece_words[piece] == "see"


def test_single_piece_words_and_continuing_pieces_share_nothing_special():
    special = {TOKENIZER.bos, *TOKENIZER.encode("<#>.,?!;").ids}
    ends, continues = set(TOKENIZER.single_piece_words), set(TOKENIZER.continuing_pieces)
    assert not ends & continues and not (ends | continues) & special
    assert not any(TOKENIZER.pieces[i].startswith("<0x") for i in ends | continues)


def test_every_single_piece_word_encodes_to_itself():
    single = {i: word for i, word in TOKENIZER.single_piece_words.items() if words(word) == [word]}
    assert len(single) > len(COUNTS) / 2
    for i, word in single.items():
        assert TOKENIZER.encode_word(word) == [i]


def test_a_message_begins_with_bos_and_knows_its_words():
    encoded = TOKENIZER.encode("See you, <#> ok")
    assert encoded.ids[0] == TOKENIZER.bos
    assert encoded.words == ["see", "you", "ok"]
    assert encoded.word_of == [-1, 0, 1, -1, -1, 2]


def test_marks_and_placeholders_are_control_symbols_never_decoded():
    ids = TOKENIZER.encode("".join(MARKS) + PLACEHOLDER).ids
    assert len(set(ids)) == len(MARKS) + 2
    assert spelled(TOKENIZER, ids) == ""


def test_the_text_of_a_control_symbol_is_not_the_symbol():
    """Somebody who types the name of a control symbol types words and marks."""
    for text in ("<s>", "<<.>>", "<unk>", "<slot>", "<0x41>"):
        typed = TOKENIZER.encode(text)
        assert TOKENIZER.bos not in typed.ids[1:] and 0 not in typed.ids


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_message_is_bos_alone(text):
    encoded = TOKENIZER.encode(text)
    assert (encoded.ids, encoded.word_of, encoded.words) == ([TOKENIZER.bos], [-1], [])


@given(st.text(max_size=60))
def test_any_message_encodes_within_the_vocabulary(text):
    encoded = TOKENIZER.encode(text)
    assert len(encoded.ids) == len(encoded.word_of)
    assert all(0 < i < len(TOKENIZER) for i in encoded.ids)
    assert sorted({w for w in encoded.word_of if w >= 0}) == list(range(len(encoded.words)))


def test_ten_thousand_words():
    encoded = TOKENIZER.encode("see zzyzx " * 5_000)
    assert len(encoded.words) == 10_000 and encoded.word_of[-1] == 9_999


def test_training_is_deterministic_and_independent_of_the_order_of_words():
    again = train(dict(reversed(COUNTS.items())), 400)
    assert again.model == TOKENIZER.model == Tokenizer(TOKENIZER.model).model


def test_training_without_words_is_refused():
    with pytest.raises(TokenizerError, match="no words"):
        train({}, 400)


def test_a_vocabulary_too_small_for_the_bytes_is_refused():
    with pytest.raises(TokenizerError, match=r"^\[tokenizer\] vocab_size 299 is too small"):
        train(COUNTS, 299)


@pytest.mark.parametrize("vocab_size", [300, 301, 600, 1700])
@pytest.mark.parametrize("characters", [1_500, 20_000])
def test_a_corpus_of_more_characters_than_pieces_spells_rare_ones_in_bytes(vocab_size, characters):
    counts = {chr(0x4E00 + i) + chr(0x4E00 + i // 7): 1 + 3000 // (i + 1) for i in range(characters)}
    tokenizer = train(counts, vocab_size)
    assert len(tokenizer) <= vocab_size
    assert "一一" in tokenizer.single_piece_words.values()
    for word in ("一一", "㐀是", chr(0x4E00 + characters - 1)):
        assert spelled(tokenizer, tokenizer.encode_word(word)) == word


def test_an_error_of_sentencepiece_is_said_in_the_words_of_the_job(monkeypatch):
    def fails(**_):
        raise RuntimeError("INTERNAL: src/trainer_interface.cc(638)")

    monkeypatch.setattr(sentencepiece.SentencePieceTrainer, "train", fails)
    with pytest.raises(
        TokenizerError, match=r"^\[tokenizer\] vocab_size 400 does not fit the 13 shared words"
    ) as error:
        train(COUNTS, 400)
    assert "trainer_interface" not in str(error.value)


def test_a_single_word_still_makes_a_tokenizer():
    tokenizer = train({"a": 1}, 8192)
    assert spelled(tokenizer, tokenizer.encode_word("a")) == "a"
    assert len(tokenizer) < 400


@pytest.mark.parametrize("data", [b"", b"rubbish", b"\x00" * 100])
def test_bytes_that_are_not_a_model_are_refused(data):
    with pytest.raises(TokenizerError):
        Tokenizer(data)


def test_another_program_s_sentencepiece_model_is_refused():
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["see you"] * 10),
        model_writer=model,
        vocab_size=20,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    with pytest.raises(TokenizerError, match="control symbols"):
        Tokenizer(model.getvalue())
