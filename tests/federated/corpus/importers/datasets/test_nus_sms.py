from datetime import datetime

import pytest

from federated.corpus.importers.datasets.nus_sms import NOT_SENT, read, read_profiles, timestamp
from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import Record

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="no"?><smsCorpus date="2015.03.09" version="1.2">\n'


def message(number, user, text, time="unknown", kind="send", profile="<country>SG</country><gender>Female</gender>"):
    return (
        f'<message id="{number}"><text>{text}</text><source><srcNumber>{user}</srcNumber>'
        f'<phoneModel manufactuer="unknown" smartphone="Yes"/><userProfile><userID>{user}</userID><age>unknown</age>'
        f"{profile}</userProfile></source>"
        f'<messageProfile language="en" time="{time}" type="{kind}"/></message>\n'
    )


RELEASE = (
    HEAD
    + message(1, "51", "Invented &lt;#&gt; one", "2010.11.3 21:44", "unknown")
    + message(2, "52", "Invented two")
    + message(3, "51", "Got this", kind="receive")
    + message(4, "", "Whose?")
    + "</smsCorpus>"
)
EXPECTED = [Record("51", datetime(2010, 11, 3, 21, 44), "Invented <#> one"), Record("52", None, "Invented two")]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "corpus.xml"
    path.write_text(RELEASE)
    return path


def test_reads_sent_messages(path):
    skipped = SkipCount()
    assert list(read(Source(path), skipped)) == EXPECTED
    assert skipped.counts == {NOT_SENT: 1, "no text, user or profile": 1}


def test_reads_profiles(path):
    profile = read_profiles(Source(path), SkipCount())["51"]
    assert profile["country"] == "Singapore"
    assert (profile["gender"], profile["smartphone"]) == ("female", "yes")
    assert profile["age"] is profile["city"] is None


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2010.11.3 21:44", datetime(2010, 11, 3, 21, 44)),
        ("2013.07.09 01:08:40", datetime(2013, 7, 9, 1, 8, 40)),
        ("2011.02.03 14:29    ", datetime(2011, 2, 3, 14, 29)),
        ("2013.05.1605:49:49", datetime(2013, 5, 16, 5, 49, 49)),
        ("8/23/2010 7:15:26 PM", datetime(2010, 8, 23, 19, 15, 26)),
        ("10/14/2010 12:44:12 AM", datetime(2010, 10, 14, 0, 44, 12)),
        ("unknown", None),
        ("2003/4", None),
        ("", None),
        ("2011.13.45 25:61", None),
    ],
)
def test_reads_every_format_of_time(time, expected):
    assert timestamp(time) == expected
