# ruff: noqa: E501 (the lines are the formats' own)
"""Made-up exports, one or more for each format of `FORMATS` that can be written by hand, and their neighbours."""

from __future__ import annotations

_TELEGRAM = """{"name": "Ann", "type": "personal_chat", "id": 1, "messages": [
 {"id": 1, "type": "message", "date": "2024-05-01T10:00:00", "date_unixtime": "1714557600", "from": "Ann", "from_id": "user1", "text": "see you at home"},
 {"id": 2, "type": "message", "date": "2024-05-01T10:01:00", "from": "Bob", "from_id": "user2", "text": ["ok ", {"type": "bold", "text": "thanks"}]},
 {"id": 3, "type": "service", "actor": "Ann", "action": "phone_call"}]}"""
_SIGNAL = """{"id": "1", "conversationId": "c", "source": "+10", "type": "outgoing", "sent_at": 1714557600000, "body": "see you at home"}"""
_IMESSAGE = (
    """{"messages": [{"text": "see you", "is_from_me": true, "date": "2024-05-01 10:00:00", "sender": "Ann"}]}"""
)
_IMESSAGE_TEXT = """May 17, 2022  5:29:42 PM (Read by you after 18 seconds)
Me
see you at home

May 17, 2022  5:30:42 PM
+15558675309
ok
thanks

"""
_SIGNAL_CSV = """THREAD_ID,ADDRESS,DATE_SENT,TYPE,BODY
1,Ann,1714557600000,20,"see you, at home"
1,+10,1714557700000,10485783,ok
"""
_SIGNAL_LINES = """{"date": "2024-05-01 10:00:00", "sender": "You", "body": "see you at home", "quote": "", "reactions": []}
{"date": "2024-05-01 10:01:00", "sender": "Bob", "body": "ok"}
"""
_HANGOUTS = """{"conversations": [{"conversation": {"conversation": {"participant_data": [{"id": {"gaia_id": "1"}, "fallback_name": "Ann"}]}},
 "events": [{"sender_id": {"gaia_id": "1"}, "timestamp": "1714557600000000", "event_type": "REGULAR_CHAT_MESSAGE",
 "chat_message": {"message_content": {"segment": [{"type": "TEXT", "text": "see you at home"}]}}}]}]}"""
_TAKEOUT = """{"messages": [{"creator": {"name": "Ann", "email": "ann@example.org", "user_type": "Human"},
 "created_date": "Wednesday, 1 May 2024 at 10:00:00 UTC", "text": "see you at home", "topic_id": "t", "message_id": "m"}]}"""
_LEAF = """{"users": ["ann", "bob"], "num_samples": [2, 1], "user_data": {
 "ann": {"x": [["1", "d", "ann", "see you", ""], ["2", "d", "ann", "ok", ""]], "y": [1, 0]}, "bob": {"x": [["3", "d", "bob", "home", ""]], "y": [1]}}}"""
_CSV = """user_id,timestamp,text
ann,2024-05-01T10:00:00,see you at home
bob,,"ok, thanks ""so"" much
two lines"
"""
_JSONL = """{"user_id": "ann", "timestamp": "2024-05-01T10:00:00+02:00", "text": "see you at home"}
{"user_id": "bob", "timestamp": null, "text": "call 123456 or a@b.example"}
"""
_WHATSAPP = """[24.12.22, 18:05:33] Ann: see you at home
[24.12.22, 18:06:00] Bob: ok
thanks
[24.12.22, 18:07:10] Ann: \u200eimage omitted
"""
_WHATSAPP_ANDROID = """12/24/22, 6:05\u202fPM - Messages and calls are end-to-end encrypted.
12/24/22, 6:05\u202fPM - Ann: see you at home
12/24/22, 6:06\u202fPM - Bob Smith: <Media omitted>
12/25/22, 6:06\u202fPM - Bob Smith: merry: christmas
"""
_WHATSAPP_ARABIC = """\u200f٢٤‏/١٢‏/٢٠٢٢، ٦:٠٥ م - آن: أراك لاحقا
\u200f٢٤‏/١٢‏/٢٠٢٢، ٦:٠٦ م - بوب: شكرا
"""
_ANDROID = """<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>
<smses count="2"><sms protocol="0" address="+10" date="1714557600000" type="2" body="see you &#55357;&#56834; at home" read="1" />
<mms date="1714557700000" msg_box="2"><parts><part seq="0" ct="text/plain" text="ok thanks" /></parts></mms></smses>
"""
_NUS = """<?xml version="1.0" encoding="UTF-8"?>
<smsCorpus date="2015.03.09"><message id="1"><text>see you at home</text><source><srcNumber>51</srcNumber>
<phoneModel manufactuer="x" smartphone="yes"/><userProfile><userID>51</userID><age>21-25</age><gender>female</gender>
<nativeSpeaker>yes</nativeSpeaker><country>SG</country><city>unknown</city><experience>5</experience><frequency>5</frequency>
<inputMethod>multi-tap</inputMethod></userProfile></source><destination country="SG"><destNumber>1</destNumber></destination>
<messageProfile language="en" time="2010.11.3 21:44" type="send"/><collectionMethod collector="c" method="m" time="2010/11"/></message></smsCorpus>
"""

SEEDS: tuple[tuple[str, str], ...] = (
    *(
        ("messages.jsonl", _JSONL),
        ("chat.txt", _WHATSAPP),
        ("chat.txt", _WHATSAPP_ANDROID),
        ("chat.txt", _WHATSAPP_ARABIC),
    ),
    *(("sms.xml", _ANDROID), ("smsCorpus.xml", _NUS), ("result.json", _TELEGRAM), ("signal.jsonl", _SIGNAL)),
    *(
        ("messages.txt", _IMESSAGE_TEXT),
        ("signal.csv", _SIGNAL_CSV),
        ("signal.jsonl", _SIGNAL_LINES),
        ("Hangouts.json", _HANGOUTS),
    ),
    *(("imessage.json", _IMESSAGE), ("messages.json", _TAKEOUT), ("leaf.json", _LEAF), ("messages.csv", _CSV)),
)
"""File names and contents."""
