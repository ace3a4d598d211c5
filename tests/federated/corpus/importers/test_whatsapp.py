import zipfile
from datetime import datetime

import pytest

from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.skip_count import SkipCount
from federated.corpus.importers.whatsapp import looks_like_chat, read
from federated.corpus.schema import CorpusError, Record


def read_text(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    skipped = SkipCount()
    return list(read(Source(path), skipped)), skipped.examples


def test_reads_an_android_chat_without_system_lines_and_media(tmp_path):
    records, skipped = read_text(
        tmp_path / "chat.txt",
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
    assert skipped == []


def test_reads_an_ios_chat_with_direction_marks(tmp_path):
    records, _ = read_text(
        tmp_path / "chat.txt",
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
def test_reads_the_dates_and_clocks_of_many_regions(tmp_path, line, expected):
    assert read_text(tmp_path / "chat.txt", line) == ([Record("A", expected, "x")], [])


def test_decides_the_order_of_day_and_month_from_the_whole_file(tmp_path):
    records, _ = read_text(tmp_path / "a.txt", "3/4/22, 18:05 - A: x", "3/14/22, 18:05 - A: y")
    assert [record.timestamp.month for record in records] == [3, 3]
    records, _ = read_text(tmp_path / "b.txt", "3/4/22, 18:05 - A: x", "14/3/22, 18:05 - A: y")
    assert [record.timestamp.month for record in records] == [4, 3]


def test_skips_impossible_dates_and_lines_before_the_first_date(tmp_path):
    records, skipped = read_text(
        tmp_path / "chat.txt",
        "stray",
        "31/2/22, 18:05 - A: x",
        "1/2/22, 25:05 - A: y",
        "13/14/22, 8:05 - A: z",
        "1/2/22, 8:05 - A: w",
    )
    assert [record.text for record in records] == ["w"]
    assert [reason.split(": ")[:2] for reason in skipped] == [
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


def test_rejects_a_text_that_is_not_a_chat(tmp_path):
    assert not looks_like_chat("Dear diary,\n2022 was fine.")
    with pytest.raises(CorpusError, match="not a WhatsApp chat export"):
        read_text(tmp_path / "chat.txt", "Dear diary,")
