"""Makes texts of the kinds that people and attackers type: many scripts, invisible characters, long runs."""

from __future__ import annotations

import random

_SAMPLES = (
    *(
        "see you at home",
        "Straße ÉCOLE İstanbul ὈΔΥΣΣΕΎΣ",
        "می‌خواهم کتاب",
        "ไปไหนมา วันนี้",
        "你好吗 今天去哪里",
        "ありがとう、また明日",
    ),
    *(
        "l·l col·legi",
        "צה״ל ג׳ירפה",
        "it's don’t ʻokina o´clock",
        "नमस्ते दुनिया",
        "안녕하세요",
        "👩‍👩‍👧‍👦 ❤️ 🏳️‍🌈 1️⃣2️⃣3️⃣",
        "🇩🇪🇫🇷",
    ),
    *(
        "call +49 170 1234567 at 12:30",
        "DE89 3704 0044 0532 0130 00",
        "4111-1111-1111-1111",
        "a.b@c.example",
        "http://x.y/?z=1",
    ),
    *(
        "192.168.1.1 fe80::1 00:1a:2b:3c:4d:5e",
        "code: ١٢٣٤٥٦",
        "１２３４-５６７８",
        "• one\n- two\n1) three",
        "“quoted” (so) «là»",
    ),
)
_ODD = (
    *("\0", "\x07", "\x1b[31m", "\r", "\n", "\t", "\v", "\u0085", "\u2028", "\u2029", "\u00a0", "\u202f", "\u3000"),
    *("\u00ad", "\u200b", "\u200c", "\u200d", "\u200e", "\u202e", "\u2066", "\u2060", "\ufeff", "\ufe0f", "\ufe0e"),
    *("\u0301", "\u0489", "\u20e3", "\U000e0067", "\U0001f3fb", "\ud800", "\udfff", "\ufffe", "\U0010ffff", "▁", "<s>"),
    *(
        "'",
        "’",
        "-",
        ".",
        ",",
        "@",
        "/",
        "://",
        "#",
        "_",
        "·",
        "\u0e33",
        "\u0e40",
        "ß",
        "İ",
        "ǅ",
        "ﬁ",
        "Å",
        "1",
        "٣",
        "੩",
        "𝟗",
    ),
)
_RANGES = (
    (0x20, 0x7F),
    (0xA0, 0x250),
    (0x300, 0x600),
    (0x600, 0x1100),
    (0x1E00, 0x3100),
    (0x4E00, 0xA000),
    (0x1F000, 0x1FB00),
)


def text(chance: random.Random, longest: int = 400) -> str:
    """Returns a text of at most about `longest` parts: samples, odd characters, and characters of any script."""
    parts: list[str] = []
    for _ in range(chance.randint(0, chance.choice((4, 12, longest)))):
        match chance.randrange(5):
            case 0:
                parts.append(chance.choice(_SAMPLES))
            case 1 | 2:
                parts.append(chance.choice(_ODD))
            case 3:
                parts.append(chr(chance.randrange(*chance.choice(_RANGES))))
            case _:
                parts.append(chance.choice((" ", "word", "12", "a")))
    return "".join(parts)


def long_text(chance: random.Random, characters: int = 8_000) -> str:
    """Returns a long text of one short pattern, which takes long where the time grows with the square of the length."""
    pattern = text(chance, 3) or "a"
    return text(chance, 3) + (pattern * (characters // len(pattern) + 1))[:characters] + text(chance, 3)
