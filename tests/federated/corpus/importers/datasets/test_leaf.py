import json

import pytest

from federated.corpus.importers.datasets.leaf import NO_TEXT, read, recognises
from tests.support.federated.imported import imported

CLOUDS = "and all the clouds" * 5
SPEECH = f"Now is the winter of our discontent. Made glorious summer by this sun of York! {CLOUDS}"
WINDOWS = {"x": [SPEECH[i : i + 80] for i in range(len(SPEECH) - 80)], "y": list(SPEECH[80:])}
TWEET = ["1467810369", "Mon Apr 06 22:19:45 PDT 2009", "NO_QUERY", "someone", "so tired today", "training"]


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        ({"x": ["hello", "see you"], "y": [0, 1]}, ["hello", "see you"]),
        ({"x": [TWEET], "y": [1]}, ["so tired today"]),
        ({"x": [[["<BOS>", "hello", "there", "<EOS>", "<PAD>"]]], "y": []}, ["hello there"]),
        ({"x": [[["<BOS>", "a"], ["b", "<EOS>"]]], "y": [{"target_tokens": []}]}, ["a b"]),
        ({"x": [["to", "be"]], "y": [[0]]}, ["to be"]),
        (WINDOWS, ["Now is the winter of our discontent.", "Made glorious summer by this sun of York!", CLOUDS]),
    ],
    ids=["strings", "Sent140", "Reddit", "Reddit, chunks", "tokens", "Shakespeare"],
)
def test_reads_the_texts_of_every_data_set(tmp_path, data, texts):
    content = {"users": ["a"], "num_samples": [len(data["x"])], "user_data": {"a": data}}
    assert imported(read, tmp_path / "leaf.json", content) == ([("a", text) for text in texts], {})


def test_counts_samples_that_are_no_text(tmp_path):
    content = {
        "users": ["a", "b"],
        "num_samples": [2, 0],
        "user_data": {"a": {"x": [[0.5], "hi"], "y": [1, 2]}, "b": 1},
    }
    assert imported(read, tmp_path / "leaf.json", content) == ([("a", "hi")], {NO_TEXT: 2})


def test_recognises_a_document_by_its_first_keys():
    whole = json.dumps({"users": ["u" * 50] * 3000, "num_samples": [1], "user_data": {}})
    assert recognises(whole[:65536]) and recognises(whole)
    assert not recognises('{"users": [{"id": 1}], "messages": []}')
