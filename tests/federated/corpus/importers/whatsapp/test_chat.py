import zipfile
from datetime import datetime

import pytest

from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.whatsapp import looks_like_chat, read
from federated.corpus.schema import CorpusError, Record


def test_reads_an_android_chat_without_system_lines_and_media(read_chat):
    records, skipped = read_chat(
        "24/12/2022, 18:04 - Messages and calls are end-to-end encrypted. Tap to learn more.",
        '24/12/2022, 18:04 - Ann created group "Xmas: the plan"',
        "24/12/2022, 18:05 - Ann: first line",
        "second line: with a colon",
        "",
        "24/12/2022, 18:06 - Bob: <Media omitted>",
        "24/12/2022, 18:06 - Bob: This message was deleted",
        "24/12/2022, 18:06 - Bob: IMG-20221224-WA0001.jpg (file attached)",
        "24/12/2022, 18:07 - Bob left",
        "24/12/2022, 18:08 - +65 9123 4567: see you at 18:30: ok?",
    )
    assert records == [
        Record("Ann", datetime(2022, 12, 24, 18, 5), "first line\nsecond line: with a colon\n"),
        Record("+65 9123 4567", datetime(2022, 12, 24, 18, 8), "see you at 18:30: ok?"),
    ]
    assert skipped.counts == {
        "group change or other line without an author": 3,
        "media notice or name of an attached file": 2,
        "deleted message": 1,
    }


def test_reads_an_ios_chat_with_direction_marks(read_chat):
    records, _ = read_chat(
        "\ufeff[24.12.22, 18:05:33] Family: \u200eMessages and calls are end-to-end encrypted.",
        "[24.12.22, 18:05:34] Ann: hello",
        "\u200e[24.12.22, 18:06:00] Ann: \u200eimage omitted",
        "[24.12.22, 18:06:01] \u202a+65 9123 4567\u202c: sure \u200e<This message was edited>",
        "[24.12.22, 18:06:02] ~\u202fBob: hi",
    )
    assert records == [
        Record("Ann", datetime(2022, 12, 24, 18, 5, 34), "hello"),
        Record("+65 9123 4567", datetime(2022, 12, 24, 18, 6, 1), "sure"),
        Record("Bob", datetime(2022, 12, 24, 18, 6, 2), "hi"),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("24/12/2022, 6:05 pm - A: x", datetime(2022, 12, 24, 18, 5)),
        ("24/12/22, 6:05\u202fPM - A: x", datetime(2022, 12, 24, 18, 5)),
        ("12/24/22, 6:05 PM - A: x", datetime(2022, 12, 24, 18, 5)),
        ("24/12/2022, 12:05 am - A: x", datetime(2022, 12, 24, 0, 5)),
        ("24/12/2022, 12:05 p. m. - A: x", datetime(2022, 12, 24, 12, 5)),
        ("24/12/2022 18:05 - A: x", datetime(2022, 12, 24, 18, 5)),
        ("24-12-2022 18:05 - A: x", datetime(2022, 12, 24, 18, 5)),
        ("[2022/12/24, 18:05:33] A: x", datetime(2022, 12, 24, 18, 5, 33)),
        ("[2022-12-24, 6:05:33\u202fPM] A: x", datetime(2022, 12, 24, 18, 5, 33)),
        ("[24.12.2022 klo 18.05.33] A: x", datetime(2022, 12, 24, 18, 5, 33)),
        ("3/4/22, 18:05 - A: x", datetime(2022, 4, 3, 18, 5)),
    ],
)
def test_reads_the_dates_and_clocks_of_many_regions(read_chat, line, expected):
    records, skipped = read_chat(line)
    assert records == [Record("A", expected, "x")]
    assert not skipped.counts


def test_decides_the_order_of_day_and_month_from_the_whole_file(read_chat):
    records, _ = read_chat("3/4/22, 18:05 - A: x", "3/14/22, 18:05 - A: y")
    assert [record.timestamp.month for record in records] == [3, 3]
    records, _ = read_chat("3/4/22, 18:05 - A: x", "14/3/22, 18:05 - A: y")
    assert [record.timestamp.month for record in records] == [4, 3]


def test_skips_impossible_dates_and_lines_before_the_first_date(read_chat):
    records, skipped = read_chat(
        "stray",
        "31/2/22, 18:05 - A: x",
        "1/2/22, 25:05 - A: y",
        "13/14/22, 8:05 - A: z",
        "1/2/22, 8:05 - A: w",
    )
    assert [record.text for record in records] == ["w"]
    assert [reason.split(": ")[:2] for reason in skipped.examples] == [
        ["text before the first dated line", "line 1"],
        *(["not a date", f"line {number}"] for number in (2, 3, 4)),
    ]


def test_marks_broken_utf8_for_the_import_to_leave_out(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_bytes(b"24/12/2022, 18:05 - Ann: caf\xe9\r\n")
    assert list(read(Source(path), SkipCount())) == [Record("Ann", datetime(2022, 12, 24, 18, 5), "caf\udce9")]


def test_reads_the_zip_of_an_ios_export(tmp_path):
    path = tmp_path / "chat.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", "[24.12.22, 18:05:34] Ann: hello")
        archive.writestr("00001-PHOTO.jpg", b"x" * 1000)
    assert [record.text for record in read(Source(path, "_chat.txt"), SkipCount())] == ["hello"]


def test_rejects_a_text_that_is_not_a_chat(read_chat):
    assert not looks_like_chat("Dear diary,\n2022 was fine.")
    with pytest.raises(CorpusError, match="not a WhatsApp chat export"):
        read_chat("Dear diary,")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("24/12/2022, {}:05 - ", "2022. 12. 24. 오후 {}:05 - "),
        ("[24.12.22, {}:05:33] ", "12/24/22, {}:05 PM - "),
        ("24.12.22 {}:05 - ", "24/12/2022 à {}:05 - "),
        ("12/24/22, {}:05 - ", "۲۰۲۲/۱۲/۲۴، {}:05 - "),
    ],
)
@pytest.mark.parametrize("lines", [1, 8])
def test_reads_both_parts_of_a_file_whose_dates_change(read_chat, first, second, lines):
    later = 6 if any(half in second for half in ("PM", "오후")) else 18
    chat = [f"{first.format('09')}Ann: before" for _ in range(lines)] + [f"{second.format(later)}Bob: after"]
    records, skipped = read_chat(*chat, "second line")
    assert (records[0].user_id, records[0].timestamp.replace(second=0)) == ("Ann", datetime(2022, 12, 24, 9, 5))
    assert records[-1] == Record("Bob", datetime(2022, 12, 24, 18, 5), "after\nsecond line")
    assert len(records) == lines + 1
    assert not skipped.counts


def test_a_line_pasted_from_another_chat_is_neither_a_message_nor_part_of_one(read_chat):
    records, skipped = read_chat(
        "24/12/2022, 18:05 - Ann: look what he wrote",
        "[9:15, 20/11/2022] Bob: never",
        "24/12/2022, 18:06 - Cem: oh",
        "24/12/2022, 18:07 - Ann: yes",
    )
    assert [(record.user_id, record.text) for record in records] == [
        ("Ann", "look what he wrote"),
        ("Cem", "oh"),
        ("Ann", "yes"),
    ]
    assert skipped.counts == {"line that begins like a message, with a date that does not fit in here": 1}


def test_lines_of_a_program_in_a_message_make_no_users(read_chat):
    records, skipped = read_chat(
        "24/12/2022, 18:05 - Ann: the log says",
        "2022-12-25 10:00:00 - ERROR: no more memory",
        "2022-12-25 10:00:01 - ERROR: stopped",
        "24/12/2022, 18:06 - Bob: ok",
    )
    assert [record.user_id for record in records] == ["Ann", "Bob"]
    assert skipped.counts.total() == 2


def test_a_message_of_several_lines_may_have_dates_in_it(read_chat):
    text = "plans:\n24/12 at 18:05 dinner: at home\n18:30 - 19:00: walk\n1. eat\n2. sleep"
    records, skipped = read_chat(f"24/12/2022, 18:05 - Ann: {text}", "24/12/2022, 18:06 - Bob: ok")
    assert [record.text for record in records] == [text, "ok"]
    assert not skipped.counts


def test_a_header_without_a_year_takes_that_of_the_message_before(read_chat):
    records, _ = read_chat(
        "18:05, 24 Dec - Ann: a",
        "18:05, 24 Dec 2013 - Ann: b",
        "18:05, 30 Dec - Ann: c",
        "18:05, 3 Jan - Ann: d",
        "18:05, 5 May - Ann: e",
    )
    assert [record.timestamp and (record.timestamp.year, record.timestamp.month) for record in records] == [
        None,
        (2013, 12),
        (2013, 12),
        (2014, 1),
        (2014, 5),
    ]


def test_everything_left_out_is_counted_by_reason(read_chat):
    _, skipped = read_chat(
        "stray",
        "24/12/2022, 18:05 - Ann created group “Xmas”",
        "24/12/2022, 18:05 - Ann: <Media omitted>",
        "24/12/2022, 18:05 - Ann: IMG-20221224-WA0001.jpg (file attached)",
        "happy birthday",
        "24/12/2022, 18:05 - Ann: This message was deleted",
        "24/12/2022, 18:05 - Ann: Missed voice call",
        "24/12/2022, 18:05 - Ann: POLL:",
        "When?",
        "OPTION: now (1 vote)",
        "24/12/2022, 18:05 - Ann: live location shared",
        "24/12/2022, 18:05 - Ann: Waiting for this message",
        "24/12/2022, 18:05 - Ann: <Zzz>",
        "24/12/2022, 18:05 - Ann: ok",
        "31/02/2022, 18:05 - Ann: no such day",
    )
    assert skipped.counts == {
        "text before the first dated line": 1,
        "group change or other line without an author": 1,
        "media notice or name of an attached file": 2,
        "deleted message": 1,
        "call": 1,
        "poll": 1,
        "location": 1,
        "message that the export does not contain": 1,
        "unknown notice in angle brackets": 1,
        "not a date": 1,
    }
    assert skipped.examples[0] == "text before the first dated line: line 1"


def test_a_line_separator_in_a_text_begins_no_message(read_chat):
    text = "one\u2028two\x0b24/12/2022, 18:05 - Bob: three"
    records, _ = read_chat(f"24/12/2022, 18:05 - Ann: {text}")
    assert [record.text for record in records] == [text]
