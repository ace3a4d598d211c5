"""SentencePiece tokenizer of words, with the word boundary at the *end* of a word.

A word has one or more pieces, and its last piece ends in the boundary sign `▁`. So one softmax gives the probability
of every word that is a single piece; beam search spells the others. Byte fallback covers every word. Marks and
placeholders are control symbols: they are context, never targets, and are therefore never suggested.
"""

from __future__ import annotations

import functools
import io
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sentencepiece

from keyboard_model.text.units import MARKS, PLACEHOLDER, Kind, units

BOUNDARY = "▁"
_UNK, _BOS = "<unk>", "<s>"
_CONTROL = {symbol: f"<{symbol}>" for symbol in MARKS} | {PLACEHOLDER: "<slot>"}
_RESERVED = 256 + len((_UNK, _BOS)) + len(_CONTROL)
"""Pieces of every vocabulary: the bytes and the symbols."""
_MIN_VOCAB = 300
_COVERAGE = 0.9995
"""Share of the typed characters that are pieces of their own; the rare rest is spelt in bytes."""


class TokenizerError(ValueError):
    """The corpus or the stored model cannot give a tokenizer; the message says what to do."""


@dataclass(frozen=True)
class Encoded:
    """A message encoded for the model.

    Attributes:
        ids: Piece ids, the first of them BOS.
        word_of: For each id, the index in `words` of the word it belongs to; -1 for BOS, marks, placeholders.
        words: The message's words, lower-cased, in order.
    """

    ids: list[int]
    word_of: list[int]
    words: list[str]


class Tokenizer:
    """A trained tokenizer. Build with `train` or from a stored model's bytes."""

    def __init__(self, model: bytes) -> None:
        """Args: model: a serialized SentencePiece model made by `train`.

        Raises:
            TokenizerError: the bytes are not such a model.
        """
        try:
            self._sp = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise TokenizerError("not a SentencePiece model: train one with `thumbprint train`") from error
        self.model = model
        self.bos = self._sp.bos_id()
        control = {symbol: self._sp.piece_to_id(piece) for symbol, piece in _CONTROL.items()}
        if self._sp.unk_id() in control.values() or self.bos < 0:
            raise TokenizerError("this SentencePiece model lacks Thumbprint's control symbols")
        self._control = control
        self.slot = control[PLACEHOLDER]

    def __len__(self) -> int:
        return int(self._sp.vocab_size())

    @functools.cached_property
    def pieces(self) -> list[str]:
        """Piece text by id; a byte piece as `<0xNN>`, a control symbol as `<…>`."""
        return [self._sp.id_to_piece(i) for i in range(len(self))]

    @functools.cached_property
    def single_piece_words(self) -> dict[int, str]:
        """The words that are a single piece, by id; one softmax can suggest them."""
        return {
            i: piece.removesuffix(BOUNDARY)
            for i, piece in enumerate(self.pieces)
            if piece.endswith(BOUNDARY) and piece != BOUNDARY and not self._is_special(i)
        }

    @functools.cached_property
    def continuing_pieces(self) -> dict[int, str]:
        """The pieces that start or continue a word without ending it, by id (without bytes)."""
        return {
            i: piece
            for i, piece in enumerate(self.pieces)
            if not piece.endswith(BOUNDARY) and not self._is_special(i) and not self._sp.is_byte(i)
        }

    def _is_special(self, i: int) -> bool:
        return bool(self._sp.is_control(i) or self._sp.is_unknown(i))

    def with_pieces(self, added: Sequence[str]) -> Tokenizer:
        """Returns a tokenizer with more pieces: the last ids, and the last merges, in their order."""
        lowest = min(self._sp.get_score(i) for i in range(len(self)))
        more = (_stored_piece(piece, lowest - rank) for rank, piece in enumerate(added, 1))
        return Tokenizer(self.model + b"".join(more))  # the end of a protocol buffer may add to its repeated fields

    def encode_word(self, word: str) -> list[int]:
        """Returns the ids of one lower-cased word; the last piece has the boundary sign."""
        return _cached_ids(self._sp, word)

    def encode(self, text: str) -> Encoded:
        """Encodes a message, or its part before the cursor."""
        ids, word_of = [self.bos], [-1]
        words: list[str] = []
        for unit in units(text):
            if unit.kind is Kind.WORD:
                pieces = self.encode_word(unit.text)
                ids += pieces
                word_of += [len(words)] * len(pieces)
                words.append(unit.text)
            else:
                ids.append(self._control[unit.text])
                word_of.append(-1)
        return Encoded(ids, word_of, words)


def _stored_piece(piece: str, score: float) -> bytes:
    """Returns field 1 of a `ModelProto`: a `SentencePiece` with `piece` (field 1) and `score` (field 2, float)."""
    text = piece.encode()
    stored = b"\x0a" + _varint(len(text)) + text + b"\x15" + struct.pack("<f", score)
    return b"\x0a" + _varint(len(stored)) + stored


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


@functools.lru_cache(maxsize=100_000)
def _cached_ids(sp: sentencepiece.SentencePieceProcessor, word: str) -> list[int]:
    return list(sp.encode(word))


def train(word_counts: Mapping[str, int], vocab_size: int) -> Tokenizer:
    """Trains a BPE tokenizer on word counts; the same counts give the same bytes.

    A vocabulary always has room for words: if it is too small for the characters of the corpus, characters take half of
    it, and rarer ones are spelt in bytes, as the rarest always are.

    Args:
        word_counts: How often each word was typed. Pass only words that several clients share:
            the vocabulary is public, so it must not contain words of a single user.
        vocab_size: Most pieces; few words may give fewer.

    Raises:
        TokenizerError: there are no words, or `vocab_size` is too small for bytes and symbols.
    """
    if not word_counts:
        raise TokenizerError("no words to train a tokenizer on: the corpus has no word that enough clients share")
    if vocab_size < _MIN_VOCAB:
        raise TokenizerError(
            f"[tokenizer] vocab_size {vocab_size} is too small: 256 bytes and the symbols need at least {_MIN_VOCAB}"
        )
    trained_on = _spellable(word_counts, vocab_size - _RESERVED)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            # Not a file: the model would contain its name, and two trainings would differ.
            sentence_iterator=(f"{word}\t{count}" for word, count in sorted(trained_on.items())),
            input_format="tsv",
            model_writer=model,
            model_type="bpe",
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            treat_whitespace_as_suffix=True,
            byte_fallback=True,
            character_coverage=_COVERAGE,
            normalization_rule_name="identity",
            control_symbols=list(_CONTROL.values()),
            bos_id=1,
            eos_id=-1,
            unk_id=0,
            pad_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise TokenizerError(
            f"[tokenizer] vocab_size {vocab_size} does not fit the {len(word_counts):,} shared words of this corpus: "
            "choose a larger one"
        ) from error
    return Tokenizer(model.getvalue())


def _spellable(word_counts: Mapping[str, int], room: int) -> Mapping[str, int]:
    """Returns the words to train on: those whose characters all get a piece, if not all characters fit into `room`."""
    counts: Counter[str] = Counter({BOUNDARY: sum(word_counts.values())})
    for word, count in word_counts.items():
        for character in word:
            counts[character] += count
    if len(counts) <= room or _covering(counts) <= room:
        return word_counts
    kept = {character for character, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: room // 2]}
    spellable = {word: count for word, count in word_counts.items() if kept.issuperset(word)}
    return spellable or {character: counts[character] for character in kept - {BOUNDARY}}


def _covering(counts: Counter[str]) -> int:
    """Returns how many characters SentencePiece needs for `_COVERAGE`."""
    left = _COVERAGE * counts.total()
    for number, count in enumerate(sorted(counts.values(), reverse=True)):
        if left <= 0:
            return number
        left -= count
    return len(counts)
