"""Finds what must not be learned in any message, and replaces it by a placeholder.

Sensitive text is always masked: numbers of four digits or more, codes of letters and digits, keys and tokens, addresses
of all kinds, and what follows words such as `password:`. Codes, card numbers and telephone numbers count as numbers,
also in groups, with invisible characters between their digits, or in digits of any script or shape.

Inside: `folded_text` (one shape for every digit, space and hyphen), `cues` (words that announce a secret), `addresses`
with `domains`, `codes` (letters and digits), `ordinary` (numbers whose surroundings say that they are years, prices,
times, ...), `numbers` (digits, also spelt out) and `mask` (all of it, and the fast way through plain messages).
"""

from keyboard_model.text.sensitive.mask import mask_sensitive

__all__ = ["mask_sensitive"]
