"""The language model's vocabulary, text handling, n-grams and metrics, shared by training and the phone.

Start here:

    Tokenizer       words to pieces (SentencePiece BPE)
    units, words    a message split into words, marks and placeholders
    pack            encoded messages as windows of a fixed length
    metrics         recall@k, keystroke savings
    user_statistics figures over users with intervals; `user_posterior`: whom personalization hurts or helps

Inside: `text` (units, tokenizer, masking), `batching` (windows, splits by time), `ngram` (Kneser-Ney tables),
`storage` (durable files, file locks) and `model` (the CIFG-LSTM and its adapter). Only `model` imports TensorFlow.

>>> from keyboard_model import words
>>> words("See you at 8, Ada!")
['see', 'you', 'at', '8', 'ada']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from keyboard_model.batching import Windows, pack
    from keyboard_model.text.tokenizer import Tokenizer, TokenizerError
    from keyboard_model.text.units import normalize, units, words
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "keyboard_model.batching": ("Windows", "pack"),
            "keyboard_model.text.tokenizer": ("Tokenizer", "TokenizerError"),
            "keyboard_model.text.units": ("normalize", "units", "words"),
        },
    )

__all__ = ["Tokenizer", "TokenizerError", "Windows", "normalize", "pack", "units", "words"]
