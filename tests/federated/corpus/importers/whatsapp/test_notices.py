import tomllib
from pathlib import Path

import pytest

ANDROID = "24/12/2022, 18:05 - "
IOS = "[24.12.22, 18:05:33] "

NOTICES = {
    language: tuple(notices)
    for language, notices in tomllib.loads(Path(__file__).with_name("notices.toml").read_text(encoding="utf-8")).items()
} | {
    # No list has these.
    "an unknown language": ("<Aaa bbb ccc>", "ddd eee", None, "Fff ggg hhh", None),
    "an unknown language without case": ("<ገገገ በበበ>", "ደደደ ዘዘዘ", None, "ገገገ በበበ ደደደ", None),
}
"""By language: media left out, attached, deleted, edited, missed call."""


@pytest.mark.parametrize(("media", "attached", "deleted", "edited", "call"), NOTICES.values(), ids=NOTICES)
def test_leaves_out_the_notices_of_each_language_and_keeps_the_words_beside_them(
    read_chat, media, attached, deleted, edited, call
):
    records, skipped = read_chat(
        f"{ANDROID}Ann: where are you",
        f"{ANDROID}Bob: {media}",
        f"{ANDROID}Bob: {media}",
        "look at this one",
        f"{ANDROID}Ann: \u200eIMG-20221224-WA0001.jpg ({attached})",
        f"{ANDROID}Ann: PTT-20221224-WA0001.opus ({attached})",
        "and this",
        f"{ANDROID}Bob: my report.pdf ({attached})",
        *([f"{ANDROID}Cem: {deleted}", f"{ANDROID}Dora: {call}"] if deleted else []),
        f"{ANDROID}Ann: at home <{edited}>",
        f"{ANDROID}Bob: two\nlines <{edited}>",
    )
    assert [(record.user_id, record.text) for record in records] == [
        ("Ann", "where are you"),
        ("Bob", "look at this one"),
        ("Ann", "and this"),
        ("Ann", "at home"),
        ("Bob", "two\nlines"),
    ]
    assert skipped.counts.total() == (7 if deleted else 5)


@pytest.mark.parametrize(
    "text",
    [
        "\u200eimage omitted",
        "\u200eBild weggelassen",
        "\u200eobraz pominięty",
        "\u200eimmagine omessa",
        "\u200e<attached: 00000012-PHOTO-2022-12-24-18-05-33.jpg>",
        "\u200e<Anhang: 00000012-PHOTO-2022-12-24-18-05-33.jpg>",
        "\u200e<adjunto: 00000012-AUDIO-2022-12-24-18-05-33.opus>",
        "\u200e<\u200fמצורף: 00000012-PHOTO-2022-12-24-18-05-33.jpg>",
        "\u200e<添付ファイル: 00000012-STICKER-2022-12-24-18-05-33.webp>",
        "<zzz: 00000012-PHOTO-2022-12-24-18-05-33.jpg>",
        "report.pdf • \u200e14 pages \u200e<attached: 00000002-report.pdf>",
        "bills april.pdf • \u200e2 pages \u200edocument omitted",
        "bills april.pdf \u200edocument omitted",
        "Bericht.docx • \u200e3 Seiten \u200eDokument weggelassen",
        "Annual report • \u200e14 pages \u200e<attached: 00000002-Annual report.pdf>",
        "Missed group voice call",
        "\u200eMissed voice call. \u200eTap to call back",
        "\u200eVoice call. \u200e12 sec",
        "Verpasster Gruppenanruf",
        "Voice call, 5 min",
        "Videollamada, 1 h 12 min",
        "Missed voice call at 18:05",
        "Verpasster Sprachanruf um 18:05",
        "Llamada grupal perdida",
        "null",
        "\u200eThis message was deleted by admin Uwe.",
        "\u200eYou deleted this message as admin",
        "\u200eWaiting for this message. This may take a while.",
        "\u200eZzz yyy xxx",
        "\u200eContact card omitted",
        "Ann.vcf (file attached)",
        "\u200eLocation: https://maps.google.com/?q=1.352083,103.819836",
        "Standort: https://maps.google.com/?q=-1.352083,103.819836",
        "live location shared",
        "Home (Elm Street 3): https://foursquare.com/v/4b058804f964a520b0a622e3",
        "POLL:\nWhen shall we meet?\nOPTION: Monday (2 votes)",
        "\u200ePOLL:\nWhen?\n\u200eOPTION: Monday (\u200e2 votes)\n\u200eOPTION: Tuesday: eight (\u200e0 votes)",
        "ENCUESTA:\n¿Cuándo?\nOPCIÓN: lunes (1 voto)",
        "SONDAGE :\nQuand ?\nOPTION : lundi (1 vote)",
        "투표:\n언제?\n옵션: 월요일 (2 투표)",
        "पोल:\nकब?\nविकल्प: सोमवार (2 वोट)",
        "โพล:\nเมื่อไร\nตัวเลือก: วันจันทร์ (2 โหวต)",
        "Thăm dò ý kiến:\nKhi nào?\nLựa chọn: thứ hai (1 phiếu)",
        "  This message was deleted",
        "[Media omitted]",
        "Zzz:\nwhat\nYyy: one (2 xxx)\nYyy: two (1 xxx)",
    ],
)
@pytest.mark.parametrize("header", [IOS, f"\u200e{IOS}"], ids=["unmarked line", "marked line"])
def test_leaves_out_what_an_iphone_writes_for_people(read_chat, header, text):
    records, skipped = read_chat(f"{IOS}Ann: see above", f"{header}Bob: {text}", f"{IOS}Cem: ok")
    assert [record.user_id for record in records] == ["Ann", "Cem"]
    assert skipped.counts.total() == 1


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("happy birthday \u200e<attached: 00000012-PHOTO-2022-12-24-18-05-33.jpg>", "happy birthday"),
        ("happy birthday \u200eimage omitted", "happy birthday"),
        ("so\nhappy \u200eimage omitted", "so\nhappy"),
        ("\u200eimage omitted\nso happy", "so happy"),
        ("sure \u200e<This message was edited>", "sure"),
        ("sure \u200e<Zzz>", "sure"),
        ("sure\u200e<This message was edited>", "sure"),
    ],
)
def test_keeps_the_caption_on_an_iphone(read_chat, text, caption):
    records, _ = read_chat(f"\u200e{IOS}Ann: {text}", f"{IOS}Bob: ok")
    assert [record.text for record in records] == [caption, "ok"]


def test_leaves_out_the_name_of_the_file_below_a_media_notice(read_chat):
    records, _ = read_chat(
        f"{ANDROID}Ann: <Media omitted>", "holiday plans.pdf", f"{ANDROID}Bob: <Media omitted>", "see example.com"
    )
    assert [record.text for record in records] == ["see example.com"]


@pytest.mark.parametrize(
    "text",
    [
        "i <3 you",
        "a < b and c > d",
        "the tag <br> is old",
        "i am <very sad>",
        "Image of the day: omitted",
        "call me",
        "Missed you so much",
        "voice call tonight?",
        "a video call, or shall we meet",
        "voice call, 5 minutes before the train?",
        "Voice call",
        "this message was deleted by mistake, sorry about that",
        "deleted",
        "see report.pdf (the second page)",
        "I got it (file attached to the mail)",
        "buy:\neggs (6 pieces)\nmilk",
        "plan:\nmon: gym (2 hours)\ntue: rest (1 day)",
        "Option: yes",
        "meet here https://maps.google.com/?q=1.35,103.8 at eight",
        "[laughs]",
        "(file attached)?",
        "• one\n• two",
        "10 • 14 pages",
        "left bank",
        "poll: who comes?",
        "\u200fשלום",
        "\u200fראה report.pdf (עמוד 2)",
        "see you @\u2068Bob\u2069 at 8",
    ],
)
@pytest.mark.parametrize("header", [ANDROID, IOS], ids=["Android", "iOS"])
def test_keeps_what_people_write(read_chat, header, text):
    records, skipped = read_chat(f"{header}Ann: {text}", f"{header}Bob: ok")
    assert [record.text for record in records] == [text, "ok"]
    assert not skipped.counts


def test_a_pasted_mark_does_not_make_a_text_a_notice(read_chat):
    records, skipped = read_chat(f"{ANDROID}Dana: \u200ehello from the web", f"{ANDROID}Ann: ok")
    assert [record.text for record in records] == ["\u200ehello from the web", "ok"]
    records, _ = read_chat(
        f"{IOS}Dana: good morning",
        f"\u200e{IOS}Ann: \u200eimage omitted",
        f"{IOS}Dana: \u200ehello from the web",
    )
    assert [record.text for record in records] == ["good morning", "\u200ehello from the web"]
    assert not skipped.counts


def test_a_line_that_makes_up_a_third_of_the_chat_is_a_notice(read_chat):
    notice = "zed blivo tol slettik"
    people = [f"{ANDROID}{author}: message {number}" for number, author in enumerate(["Ann", "Bob"] * 4)]
    records, skipped = read_chat(*people, *(f"{ANDROID}{author}: {notice}" for author in ["Ann", "Bob"] * 2))
    assert [record.text for record in records] == [f"message {number}" for number in range(8)]
    assert skipped.counts == {"unknown notice that makes up a third of the chat": 4}


@pytest.mark.parametrize(
    ("text", "authors"),
    [
        ("ok", ["Ann", "Bob"] * 4),
        ("good night", ["Ann", "Bob"] * 4),
        ("happy birthday dear Cem", ["Ann", "Bob", "Dora", "Eve"]),
        ("what a nice day!", ["Ann", "Bob"] * 4),
        ("see you at eight", ["Ann"] * 8),
    ],
)
def test_people_may_repeat_themselves(read_chat, text, authors):
    records, skipped = read_chat(*(f"{ANDROID}{author}: {text}" for author in authors))
    assert len(records) == len(authors)
    assert not skipped.counts


@pytest.mark.parametrize("part", ["x", "a.b • ", "a.b (", "• 1 ", "<a:", "(1 a) "])
def test_a_hostile_line_takes_no_time(read_chat, part):
    text = f"<{part * 50_000}>"
    records, _ = read_chat(f"{ANDROID}Ann: {text}", f"{ANDROID}Bob: ok", text)
    assert len(records) == 2
