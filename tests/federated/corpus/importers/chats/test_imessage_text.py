from datetime import datetime

import pytest

from federated.corpus.importers.chats.imessage_text import DELETED, NO_TEXT, NOTICE, read, recognises
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.skip_count import SkipCount
from tests.support.federated.imported import imported

CHAT = """\
May 17, 2022  5:29:42 PM (Read by them after 1 hour, 49 seconds)
Me
Hello world

May 17, 2022  5:30:00 PM
Sample Contact
line one

line two
Tapbacks:
Loved by Me

    May 17, 2022  5:31:00 PM
    Me
    a reply

May 17, 2022  5:31:00 PM
Me
a reply
This message responded to an earlier message.

May 17, 2022  5:32:00 PM You renamed the conversation to Hello

May 17, 2022  5:33:00 PM
Me
attachments/1/IMG_0001.jpeg
look at this

May 17, 2022  5:34:00 PM
Me
/Users/me/Library/Messages/Attachments/0a/IMG_0002.HEIC

May 17, 2022  5:35:00 PM
Sample Contact
This message was deleted from the conversation!
gone

"""


def test_reads_texts_without_notes_reactions_and_repeated_replies(tmp_path):
    assert recognises(CHAT)
    records = [
        ("Me", "Hello world"),
        ("Sample Contact", "line one\n\nline two"),
        ("Me", "a reply"),
        ("Me", "look at this"),
    ]
    assert imported(read, tmp_path / "a.txt", CHAT) == (records, {NOTICE: 1, NO_TEXT: 1, DELETED: 1})
    [first, *_] = read(Source(tmp_path / "a.txt"), SkipCount())
    assert first.timestamp == datetime(2022, 5, 17, 17, 29, 42)


@pytest.mark.parametrize(
    "head", ["", "Me\nHello", "24/12/2022, 18:05 - Ann: May 17, 2022  5:29:42 PM", "notes of\n" + CHAT]
)
def test_recognises_nothing_else(head):
    assert not recognises(head)
