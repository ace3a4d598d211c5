"""Reads files that TFF wrote, and rejects files that TFF did not write."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import pytest

from federated.corpus.importers.datasets.tff_data import read, read_stackoverflow
from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError, Record

tff = pytest.importorskip("tensorflow_federated", reason="needs the train extra (TensorFlow Federated)")
import tensorflow as tf  # noqa: E402
from tensorflow_federated.python.simulation.datasets.sql_client_data_utils import save_to_sql_client_data  # noqa: E402

POST = {
    "creation_date": ["2008-08-10 08:28:52.1 UTC", "2008-08-10 08:29:00 UTC"],
    "score": [1, 2],
    "tags": ["a|b", "c"],
    "title": ["t", "t"],
    "tokens": ["how do i <URL> ?", "caf\u00e9 . thanks"],
    "type": ["question", "answer"],
}
FIRST = datetime(2008, 8, 10, 8, 28, 52, 100000, tzinfo=UTC)


def save(path, clients, **options):
    def dataset(client_id):
        return tf.data.Dataset.from_tensor_slices(clients[client_id])

    save_to_sql_client_data(list(clients), dataset, str(path), **options)


def read_all(path):
    return list(read(Source(path), SkipCount()))


def test_reads_the_files_of_tff(tmp_path):
    path = tmp_path / "posts.sqlite"
    clients = {"1001": POST, "o'neill": {name: values[:1] for name, values in POST.items()}}
    save(path, clients)
    loaded = tff.simulation.datasets.SqlClientData(str(path))
    assert loaded.client_ids == ["1001", "o'neill"]
    assert read_all(path) == [
        Record("1001", FIRST, "how do i <URL> ?"),
        Record("1001", datetime(2008, 8, 10, 8, 29, tzinfo=UTC), "caf\u00e9 . thanks"),
        Record("o'neill", FIRST, "how do i <URL> ?"),
    ]


def test_reads_snippets_as_in_the_shakespeare_data_set(tmp_path):
    path = tmp_path / "plays.sqlite"
    save(path, {"KING": {"snippets": ["Now is the winter"]}})
    assert read_all(path) == [Record("KING", None, "Now is the winter")]


def test_rejects_examples_without_text(tmp_path):
    path = tmp_path / "images.sqlite"
    save(path, {"a": {"pixels": [1.0], "name": ["x"]}})
    expected = "the examples need a feature named tokens or snippets or text; their string features are: name"
    with pytest.raises(CorpusError, match=expected):
        read_all(path)


def test_rejects_examples_with_different_features(tmp_path):
    path = tmp_path / "mixed.sqlite"
    save(path, {"a": {"text": ["x"]}})
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO examples VALUES ('s', 'a', ?)", (tf.train.Example().SerializeToString(),))
    connection.commit()
    connection.close()
    with pytest.raises(CorpusError, match="cannot read"):
        read_all(path)


_DAMAGES = {
    "no examples": "DELETE FROM examples",
    "no clients": "DELETE FROM client_metadata",
    "not proto": "UPDATE examples SET serialized_example_proto = x'ffffff'",
    "a number for an example": "UPDATE examples SET serialized_example_proto = 1",
    "an id that is no text": "UPDATE client_metadata SET client_id = x'61'",
}


@pytest.mark.parametrize("damage", ["no tables", "truncated", *_DAMAGES])
def test_rejects_files_without_the_layout_of_tff(tmp_path, damage):
    path = tmp_path / "data.sqlite"
    if damage == "no tables":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE other (x)")
        connection.close()
    else:
        save(path, {"a": {"text": ["x"]}})
        connection = sqlite3.connect(path)
        if damage in _DAMAGES:
            connection.execute(_DAMAGES[damage])
        connection.commit()
        connection.close()
        if damage == "truncated":
            path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CorpusError, match=r"cannot read|no examples"):
        read_all(path)


def test_reads_stack_overflow_from_the_cache_of_tff(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    splits = {"1001": "train", "1002": "heldout", "1003": "test"}
    save(tmp_path / ".tff" / "stackoverflow.sqlite", dict.fromkeys(splits, POST), split_names_by_client_id=splits)
    records = list(read_stackoverflow())
    assert [(record.user_id, record.text) for record in records] == [("1001", text) for text in POST["tokens"]]
    assert records[0].timestamp == FIRST


@pytest.mark.parametrize("left", [None, b"", b"not SQLite at all, an incomplete download"])
def test_reports_that_stack_overflow_cannot_be_downloaded_or_read(tmp_path, monkeypatch, left):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there: no network
    if left is not None:
        (tmp_path / ".tff").mkdir()
        (tmp_path / ".tff" / "stackoverflow.sqlite").write_bytes(left)
    with pytest.raises(CorpusError, match=r"cannot read Stack Overflow .* check the network"):
        list(read_stackoverflow())


def test_importing_the_corpus_modules_does_not_import_tensorflow():
    program = """
    import sys
    sys.modules["tensorflow"] = sys.modules["tensorflow_federated"] = None
    import federated.corpus.importers.import_source, federated.data.federated_data
    import federated.corpus.stats, federated.corpus.synthetic.generate
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, env=os.environ)
