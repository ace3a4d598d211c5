from datetime import UTC, datetime

from federated.corpus.importers.android_sms import NOT_SENT, read
from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import Record


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
    return list(read(Source(path), skipped)), skipped.counts


def test_reads_only_the_sent_messages(tmp_path):
    content = export(sms("got this", kind="1"), sms("line one&#10;line two"), MMS.format(box=2), MMS.format(box=1))
    records, skipped = read_text(tmp_path / "sms.xml", content)
    assert records == [Record("owner", SENT, "line one\nline two"), Record("owner", SENT, "with a photo")]
    assert skipped == {NOT_SENT: 2}


def test_skips_messages_without_text_and_keeps_those_without_a_date(tmp_path):
    no_body = '<sms date="1285799668193" type="2" />'
    content = export(sms("null"), no_body, sms("when?", date="x"), sms("far", date="9" * 30))
    records, skipped = read_text(tmp_path / "sms.xml", content)
    assert [(record.timestamp, record.text) for record in records] == [(None, "when?"), (None, "far")]
    assert skipped == {"no text": 2}


def test_reads_long_messages(tmp_path):
    body = "so funny &#55357;&#56834;" * 3000
    records, _ = read_text(tmp_path / "sms.xml", export(*[sms(body)] * 3))
    assert [record.text for record in records] == ["so funny 😂" * 3000] * 3
