import io
from datetime import UTC, datetime

import pytest

from federated.corpus.importers.android_sms import _Repaired, read
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.skip_count import SkipCount
from federated.corpus.schema import CorpusError, Record


def export(*messages):
    head = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<!--File Created By SMS Backup -->\n"
    return head + f'<smses count="{len(messages)}">\n' + "\n".join(messages) + "\n</smses>"


def sms(body, kind="2", date="1285799668193"):
    return (
        f'<sms protocol="0" address="+6512345678" date="{date}" type="{kind}" subject="null" body="{body}" read="1" />'
    )


MMS = """<mms msg_box="{box}" date="1285799668193" address="5"><parts>
<part seq="-1" ct="application/smil" text="&lt;smil/&gt;" /><part seq="0" ct="image/jpeg" text="null" data="AAAA" />
<part seq="0" ct="text/plain" text="with a photo" /></parts><addrs><addr address="5" type="151" /></addrs></mms>"""
SENT = datetime(2010, 9, 29, 22, 34, 28, 193000, tzinfo=UTC)


def read_text(path, content):
    path.write_text(content)
    skipped = SkipCount()
    return list(read(Source(path), skipped)), skipped.examples


def test_reads_only_the_sent_messages(tmp_path):
    content = export(sms("got this", kind="1"), sms("line one&#10;line two"), MMS.format(box=2), MMS.format(box=1))
    records, skipped = read_text(tmp_path / "sms.xml", content)
    assert records == [Record("owner", SENT, "line one\nline two"), Record("owner", SENT, "with a photo")]
    assert skipped == []


def test_skips_messages_without_text_and_keeps_those_without_a_date(tmp_path):
    no_body = '<sms date="1285799668193" type="2" />'
    content = export(sms("null"), no_body, sms("when?", date="x"), sms("far", date="9" * 30))
    records, skipped = read_text(tmp_path / "sms.xml", content)
    assert [(record.timestamp, record.text) for record in records] == [(None, "when?"), (None, "far")]
    assert skipped == ["no text: message 1", "no text: message 2"]


def read_in_chunks(text, size):
    stream = _Repaired(io.BytesIO(text.encode()))
    return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize(
    ("escaped", "expected"),
    [
        ("&#55357;&#56834;", "😂"),
        ("&#xD83D;&#xDE02;", "😂"),
        ("&#55356;&#56824;&#55356;&#56812;!", "🇸🇬!"),
        ("😂 &amp; &#38; &quot;&#x1F602;", '😂 & & "😂'),
        ("a&#55357;b", "a\ufffdb"),
        ("&#56834;", "\ufffd"),
        ("&#55357;&#55357;&#56834;", "\ufffd😂"),
        ("&#0;&#11;&#9999999;", "\ufffd\ufffd\ufffd"),
        ("&#55000;&#57000;", "\ud6d8\ufffd"),
    ],
)
def test_joins_surrogate_references_at_any_chunk_size(tmp_path, escaped, expected):
    records, _ = read_text(tmp_path / "sms.xml", export(sms(escaped)))
    assert [record.text for record in records] == [expected]
    whole = read_in_chunks(f"<{escaped}>", 10_000)
    assert all(read_in_chunks(f"<{escaped}>", size) == whole for size in range(1, 12))


def test_reads_long_messages(tmp_path):
    body = "so funny &#55357;&#56834;" * 3000
    records, _ = read_text(tmp_path / "sms.xml", export(*[sms(body)] * 3))
    assert [record.text for record in records] == ["so funny 😂" * 3000] * 3


def test_replaces_broken_utf8(tmp_path):
    path = tmp_path / "sms.xml"
    path.write_bytes(export(sms("caf_")).encode().replace(b'_"', b'\xe9"'))
    assert [record.text for record in read(Source(path), SkipCount())] == ["caf\ufffd"]


@pytest.mark.parametrize("content", ["", "<smses>", export(sms("a"))[:-12], export(sms("a < b"))])
def test_rejects_broken_xml(tmp_path, content):
    with pytest.raises(CorpusError, match="broken XML"):
        read_text(tmp_path / "sms.xml", content)
