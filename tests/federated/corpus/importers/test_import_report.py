from federated.corpus.importers.import_report import Preview, SkipCount
from federated.corpus.schema import Record


def test_counts_every_record_by_reason_and_keeps_the_first_details_of_each():
    skipped = SkipCount()
    for number in range(5):
        skipped("no text", f"line {number}")
    skipped("not sent")
    skipped("no author", "line 9")
    assert skipped.counts == {"no text": 5, "not sent": 1, "no author": 1}
    assert skipped.examples == ["no text: line 0", "no text: line 1", "no text: line 2", "no author: line 9"]


def test_keeps_three_messages_of_each_of_the_first_five_authors():
    preview = Preview()
    for number in range(40):
        preview(Record(f"author {number % 8}", None, f"message {number}"))
    assert list(preview.messages) == [f"author {number}" for number in range(5)]
    assert preview.messages["author 4"] == ["message 4", "message 12", "message 20"]


def test_shows_no_blank_text_no_control_character_and_no_secret():
    preview = Preview()
    for text in (" \n", "a\tb\x1b[2J\u202ec", "my mail is someone@example.com", "x" * 10_000):
        preview(Record("ann", None, text))
    assert preview.messages["ann"][0] == "a b [2J c"
    assert "someone@example.com" not in preview.messages["ann"][1]
    assert preview.messages["ann"][2] == "x" * 59 + "…"
