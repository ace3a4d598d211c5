import json

import pytest

from federated.corpus.importers.chats.hangouts import NO_MESSAGE, NO_TEXT, read, recognises
from tests.support.federated.imported import imported

ABOUT = {"conversation": {"participant_data": [{"id": {"gaia_id": "7"}, "fallback_name": "Ann"}]}}


def event(*segments, sender="7"):
    content = {"segment": [{"type": "TEXT", "text": text} if text else {"type": "LINE_BREAK"} for text in segments]}
    return {
        "sender_id": {"gaia_id": sender},
        "timestamp": "1469000000000000",
        "chat_message": {"message_content": content if segments else {"attachment": [{}]}},
    }


EVENTS = [
    event("hello"),
    event("a", "", "b", sender="8"),
    event(),
    {"sender_id": {"gaia_id": "7"}, "hangout_event": {}},
]


@pytest.mark.parametrize(
    "content",
    [
        {"conversations": [{"conversation": ABOUT, "events": EVENTS}]},
        {"conversation_state": [{"conversation_state": {"conversation": ABOUT["conversation"], "event": EVENTS}}]},
    ],
    ids=["now", "before 2017"],
)
def test_reads_the_messages_under_the_names_of_the_participants(tmp_path, content):
    counts = {NO_TEXT: 1, NO_MESSAGE: 1}
    assert imported(read, tmp_path / "Hangouts.json", content) == ([("Ann", "hello"), ("8", "a\nb")], counts)
    assert recognises(json.dumps(content))
