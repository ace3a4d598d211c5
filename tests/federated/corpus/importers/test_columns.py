import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.corpus.importers.columns import (
    NO_AUTHOR,
    NOT_A_ROW,
    NOT_A_TIME,
    parse_columns,
    read,
    recognises,
)
from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError
from tests.support.federated.imported import imported


@pytest.mark.parametrize(
    "content",
    [
        "user_id,timestamp,text\nann,,hello\n",
        "text;author\nhello;ann\n",
        "Sender\tDate\tMessage\r\nann\t2022-12-24\thello\r\n",
        "id|From|Body\n1|ann|hello",
        '"User Name","Text"\n"ann","hello"\n',
        "sep=;\nuser;text\nann;hello\n",
        "\ufefffrom,content\nann,hello\n",
    ],
)
def test_finds_the_separator_and_the_columns(tmp_path, content):
    assert recognises(content)
    assert imported(read, tmp_path / "a.csv", content) == ([("ann", "hello")], {})


@pytest.mark.parametrize(
    "head", ["", "a,b\n1,2", "Dear diary, the text and the user\n", "user_id\nann", '{"user":1,"text":2}']
)
def test_recognises_no_other_text(head):
    assert not recognises(head)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2022-12-24T18:05:00", datetime(2022, 12, 24, 18, 5)),
        ("2022-12-24 18:05:00+00:00", datetime(2022, 12, 24, 18, 5, tzinfo=UTC)),
        ("1671905100", datetime(2022, 12, 24, 18, 5, tzinfo=UTC)),
        ("1671905100.0", datetime(2022, 12, 24, 18, 5, tzinfo=UTC)),
        ("1671905100000", datetime(2022, 12, 24, 18, 5, tzinfo=UTC)),
        ("", None),
    ],
)
def test_reads_times(tmp_path, time, expected):
    (tmp_path / "a.csv").write_text(f"user,time,text\nann,{time},hello\n")
    assert [record.timestamp for record in read(Source(tmp_path / "a.csv"), SkipCount())] == [expected]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ann,yesterday,hi", NOT_A_TIME),
        ("ann,nan,hi", NOT_A_TIME),
        ("ann,1e300,hi", NOT_A_TIME),
        ("ann,1,hi,more", NOT_A_ROW),
        ("ann", NOT_A_ROW),
        (",1,hi", NO_AUTHOR),
        ('bob,1,"cut', None),
    ],
)
def test_a_row_that_cannot_be_used_costs_itself_only(tmp_path, row, reason):
    records, counts = imported(read, tmp_path / "a.csv", f"user,time,text\nann,1,first\n{row}\n")
    assert records[0] == ("ann", "first")
    assert counts == ({reason: 1} if reason else {})


def test_columns_can_be_named(tmp_path):
    (tmp_path / "a.csv").write_text("Von,Nachricht\nann,hello\n")
    source = Source(tmp_path / "a.csv")
    [record] = read(source, SkipCount(), {"user": "Von", "text": "Nachricht"})
    assert (record.user_id, record.text) == ("ann", "hello")
    with pytest.raises(CorpusError, match=r"no column of the user .*Von, Nachricht: name them with --columns"):
        list(read(source, SkipCount()))
    with pytest.raises(CorpusError, match="no column named 'Vom'"):
        list(read(source, SkipCount(), {"user": "Vom"}))


@pytest.mark.parametrize("given", ["", "user", "user=", "author=a", "user=a,user=b", "user=a,,text=b"])
def test_rejects_another_form_of_columns(given):
    with pytest.raises(CorpusError, match="--columns"):
        parse_columns(given)


@settings(max_examples=60)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_every_text_survives(tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "every.csv"
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([("user", "text"), *(("ann", text) for text in texts)])
    path.write_bytes(buffer.getvalue().encode())
    assert [record.text for record in read(Source(path), SkipCount())] == texts
