import io

import pytest

from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.encodings import FORBIDDEN_IN_XML, UNDECODABLE_IN_XML
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.inputs.xml_elements import BROKEN_XML, ReadableXml, elements
from federated.corpus.schema import CorpusError


def bodies(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    skipped = SkipCount()
    return [element.get("body") for element in elements(Source(path), ("sms",), skipped)], skipped.counts


def sms(body):
    return f'<smses><sms body="{body}"/></smses>'


def read_in_chunks(text, size):
    stream = ReadableXml(io.StringIO(text, newline=""))
    return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize(
    ("escaped", "expected"),
    [
        ("&#55357;&#56834;", "😂"),
        ("&#xD83D;&#xDE02;", "😂"),
        ("&#55356;&#56824;&#55356;&#56812;!", "🇸🇬!"),
        ("😂 &amp; &#38; &quot;&#x1F602;", '😂 & & "😂'),
        ("a&#55357;b", f"a{FORBIDDEN_IN_XML}b"),
        ("&#56834;", FORBIDDEN_IN_XML),
        ("&#55357;&#55357;&#56834;", f"{FORBIDDEN_IN_XML}😂"),
        ("&#0;&#11;&#9999999;", FORBIDDEN_IN_XML * 3),
        ("&#55000;&#57000;", f"\ud6d8{FORBIDDEN_IN_XML}"),
        ("a\0b\x0bc\x1f", f"a{FORBIDDEN_IN_XML}b{FORBIDDEN_IN_XML}c{FORBIDDEN_IN_XML}"),
        ("caf\udce9", f"caf{UNDECODABLE_IN_XML}"),
    ],
)
def test_joins_surrogate_references_and_marks_what_xml_forbids_at_any_chunk_size(tmp_path, escaped, expected):
    content = sms(escaped).encode(errors="surrogateescape")
    assert bodies(tmp_path / "sms.xml", content) == ([expected], {})
    whole = read_in_chunks(f"<{escaped}>", 10_000)
    assert all(read_in_chunks(f"<{escaped}>", size) == whole for size in range(1, 12))


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ""),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-8"),  # piped through a Windows shell, which changes the bytes but not the declaration
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-8"),
        ("utf-16-be", ""),
        ("iso-8859-1", "ISO-8859-1"),
        ("cp1252", "windows-1252"),
        ("iso-8859-15", "ISO-8859-15"),
        ("cp1250", "windows-1250"),
        ("utf-32", "UTF-32"),
    ],
)
def test_reads_xml_in_the_encoding_of_its_mark_or_its_declaration(tmp_path, encoding, declared):
    declaration = f"<?xml version='1.0' encoding='{declared}' standalone='yes' ?>\n" if declared else ""
    content = (declaration + sms("schöne Grüße")).encode(encoding)
    assert bodies(tmp_path / "sms.xml", content) == (["schöne Grüße"], {})


@pytest.mark.parametrize("declared", ["x-klingon", "base64", "rot13", "idna"])
def test_names_a_declared_encoding_that_cannot_be_read(tmp_path, declared):
    with pytest.raises(CorpusError, match=f"declares the encoding {declared}"):
        bodies(tmp_path / "sms.xml", f"<?xml version='1.0' encoding='{declared}'?>" + sms("a"))


@pytest.mark.parametrize("end", ["", '<sms body="lo', "<sms body='a < b'/></smses>", "</wrong>", "&nbsp;</smses>"])
def test_yields_what_comes_before_a_broken_end(tmp_path, end):
    content = '<smses><sms body="a"/><sms body="b"/>' + end
    assert bodies(tmp_path / "sms.xml", content) == (["a", "b"], {BROKEN_XML: 1})


@pytest.mark.parametrize("content", ["", "<smses>", "<smses", '<sms body="a', "no XML", b"\xff\xfe"])
def test_rejects_what_breaks_before_the_first_element(tmp_path, content):
    with pytest.raises(CorpusError, match="broken XML"):
        bodies(tmp_path / "sms.xml", content)


def test_rejects_entities(tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><smses><sms body="&b;"/></smses>'
    with pytest.raises(CorpusError, match="declares XML entities"):
        bodies(tmp_path / "sms.xml", bomb)
