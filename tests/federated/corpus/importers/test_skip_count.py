from federated.corpus.importers.skip_count import SkipCount


def test_counts_every_record_by_reason_and_keeps_the_first_details_of_each():
    skipped = SkipCount()
    for number in range(5):
        skipped("no text", f"line {number}")
    skipped("not sent")
    skipped("no author", "line 9")
    assert skipped.counts == {"no text": 5, "not sent": 1, "no author": 1}
    assert skipped.examples == ["no text: line 0", "no text: line 1", "no text: line 2", "no author: line 9"]
