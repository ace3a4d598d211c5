import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.corpus.importers.inputs.encodings import MARK_UNDECODABLE, encoding_of, mark_undecodable, what_is_wrong
from federated.corpus.schema import CorpusError

PERSIAN = "۲۴/۱۲/۲۰۲۲، ۱۸:۰۵ - آن: سلام خوبی\n"


@pytest.mark.parametrize(
    ("head", "given", "expected"),
    [
        (b"hello", None, "utf-8"),
        (b"\xef\xbb\xbfhello", None, "utf-8-sig"),
        ("hello".encode("utf-16"), None, "utf-16"),
        ("hello".encode("utf-32"), None, "utf-32"),
        ('{"user_id": "a"}'.encode("utf-16-le"), None, "utf-16-le"),
        ('{"user_id": "a"}'.encode("utf-16-be"), None, "utf-16-be"),
        (PERSIAN.encode("utf-16-le"), None, "utf-16-le"),
        (PERSIAN.encode("utf-16-be"), None, "utf-16-be"),
        ("[2022/12/24 18:05:33] 一郎: 一二三一".encode("utf-16-le"), None, "utf-16-le"),
        (b"hello\0\0\0\0", None, "utf-8"),  # damage, no encoding
        (b"caf\xe9", "latin-1", "iso8859-1"),
        (b"caf\xe9", "Windows-1252", "cp1252"),
        (b"\xef\xbb\xbfhello", "utf-8", "utf-8-sig"),
        (b'<?xml version="1.0" encoding="latin-1"?>', "cp1252", "cp1252"),
        (b'<?xml version="1.0" encoding="UTF-16"?>', None, "utf-8"),
    ],
)
def test_finds_the_encoding_that_is_named_marked_or_declared(head, given, expected):
    assert encoding_of(head, "file", given) == expected


@pytest.mark.parametrize("given", ["klingon", "base64", "rot13", "punycode", "", " "])
def test_rejects_what_is_no_encoding_of_text(given):
    if given.strip():
        with pytest.raises(CorpusError, match=f"--encoding {given}"):
            encoding_of(b"a", "file", given)
    else:
        assert encoding_of(b"a", "file", given.strip()) == "utf-8"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", None),
        ("héllo 😂 \u200d", None),
        ("caf\udce9", "not valid UTF-8"),
        ("half \ud83d", "half a character (an unpaired surrogate)"),
        ("half \ude02", "not valid UTF-8"),
        ("\ufdd0", "character that XML forbids"),
        ("\ufdd1", "not valid UTF-8"),
        ("\ufffd", None),  # written by an earlier program
    ],
)
def test_says_what_is_wrong_with_a_text(text, expected):
    assert what_is_wrong(text, "UTF-8") == expected


def marked_one_by_one(content: bytes, encoding: str) -> str:
    """What a handler makes of the content that looks at each error alone."""

    def mark(error):
        return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end

    codecs.register_error("tests.one_by_one", mark)
    return content.decode(encoding, "tests.one_by_one")


UNITS = st.sampled_from([0x41, 0x0A, 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000, 0x10FFFF, 0x110000, 0xFFFFFFFF])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-32"])
@given(units=st.lists(UNITS, max_size=60), rest=st.binary(max_size=3))
def test_undecodable_bytes_are_marked_together_as_they_are_one_by_one(encoding, units, rest):
    width, order = int(encoding[4:6]) // 8, "big" if encoding.endswith("be") else "little"
    content = b"".join((unit & 256**width - 1).to_bytes(width, order) for unit in units) + rest
    assert content.decode(encoding, MARK_UNDECODABLE) == marked_one_by_one(content, encoding)


@pytest.mark.parametrize(("encoding", "unit"), [("utf-16-le", b"\x00\xdc"), ("utf-32-be", b"\xff\xff\xff\xff")])
def test_the_decoder_does_not_report_every_unit_of_a_long_error(encoding, unit):
    reported = []
    codecs.register_error("tests.counted", lambda error: reported.append(error) or mark_undecodable(error))
    assert len((unit * 10_000).decode(encoding, "tests.counted")) == 10_000 * len(unit)
    assert len(reported) < 100


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "shift_jis", "utf-8"])
def test_every_byte_that_is_no_text_is_marked(encoding):
    assert b"a\x81 b\x81".decode(encoding, MARK_UNDECODABLE) == "a\udc81 b\udc81"
