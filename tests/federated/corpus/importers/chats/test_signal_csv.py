import pytest

from federated.corpus.importers.chats.signal_csv import NO_TEXT, NOT_A_MESSAGE, NOT_A_ROW, read, recognises
from tests.support.federated.imported import imported

HEADER = (
    "ID,THREAD_ID,ADDRESS,ADDRESS_DEVICE_ID,PERSON,DATE_RECEIVED,DATE_SENT,PROTOCOL,READ,STATUS,TYPE,SUBJECT,BODY\n"
)
SECURE = 1 << 23


def row(kind, text):
    return f'1,2,+441,1,0,1671905100000,1671905100000,0,1,0,{kind},,"{text}"\n'


def test_reads_who_sent_what_from_the_type_of_the_row(tmp_path):
    content = (
        HEADER + row(20 | SECURE, "hello, you") + row(23 | SECURE, "hi\nthere") + row(10 | SECURE, "") + row(20, "")
    )
    assert recognises(content)
    records = [("+441", "hello, you"), ("Me", "hi\nthere")]
    assert imported(read, tmp_path / "a.csv", content) == (records, {NOT_A_MESSAGE: 1, NO_TEXT: 1})


@pytest.mark.parametrize("bad", ["1,2,3\n", row("x", "a"), row(20, "a").strip() + ",more\n"])
def test_a_row_that_is_not_valid_costs_itself_only(tmp_path, bad):
    records, counts = imported(read, tmp_path / "a.csv", HEADER + bad + row(20, "hello"))
    assert (records, counts) == ([("+441", "hello")], {NOT_A_ROW: 1})
