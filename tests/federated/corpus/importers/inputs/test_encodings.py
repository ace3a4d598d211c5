import pytest

from federated.corpus.importers.inputs.encodings import encoding_of, what_is_wrong
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
