"""`thumbprint corpus`: import, synthetic, stats."""

import json

import pytest

from federated.corpus.importers.formats import FORMATS
from federated.corpus.store import Corpus


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "messages.jsonl"
    lines = [json.dumps({"user_id": f"u{i % 3}", "timestamp": None, "text": f"see you at {i}"}) for i in range(30)]
    path.write_text("\n".join([*lines, "not json", '{"user_id": "u1", "timestamp": null, "text": "  "}']))
    return path


def test_import_prints_counts_and_reasons(run, source, tmp_path):
    out = tmp_path / "corpus.sqlite"
    code, said, err = run("corpus", "import", source, "--out", out)
    assert (code, err) == (0, "")
    assert "30 messages by 3 users" in said
    assert "  1 blank\n  1 not valid JSON\n" in said
    assert "not valid JSON: line 31" in said
    with Corpus.open(out) as corpus:
        assert corpus.num_messages == 30


def test_import_shows_the_first_messages_of_a_few_authors_on_one_line_and_masked(run, tmp_path):
    texts = {
        "a": "line\none \x1b[31m",
        "b": "x" * 200,
        "c": "mail me at someone@example.com",
        "d": "hi",
        "e": "yo",
        "f": "no",
    }
    lines = [json.dumps({"user_id": user, "timestamp": None, "text": text}) for user, text in texts.items()]
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    code, said, err = run("corpus", "import", tmp_path / "m.jsonl", "--out", tmp_path / "c.sqlite")
    assert (code, err) == (0, "")
    assert "  a: line one [31m\n" in said
    assert f"  b: {'x' * 59}…\n" in said
    assert "someone@example.com" not in said and "  c: mail me at" in said
    assert "f: no" not in said


def test_dry_run_shows_messages_and_counts_and_writes_nothing(run, source):
    before = sorted(source.parent.iterdir())
    for arguments in ((), ("--out", source.parent / "corpus.sqlite")):
        code, said, err = run("corpus", "import", source, "--dry-run", *arguments)
        assert (code, err) == (0, "")
        assert "  u0: see you at 0\n" in said
        assert "nothing was written; the source has 30 messages by 3 users" in said
        assert "  1 blank\n  1 not valid JSON\n" in said
    assert sorted(source.parent.iterdir()) == before


def test_import_needs_an_output_or_dry_run(run, source):
    assert "--dry-run" in run("corpus", "import", source).error


def test_import_takes_the_encoding_and_the_columns(run, tmp_path):
    (tmp_path / "m.csv").write_bytes("Von;Nachricht\nAnn;schöne Grüße\n".encode("cp1252"))
    arguments = ("corpus", "import", tmp_path / "m.csv", "--dry-run", "--columns", "user=Von,text=Nachricht")
    assert "is not UTF-8 (line 2 has the byte 0xF6)" in run(*arguments).error
    assert "Ann: schöne Grüße" in run(*arguments, "--encoding", "cp1252").out
    assert "has another form" in run(*arguments[:-1], "Von").error
    assert "leave out --columns" in run(*arguments, "--format", "jsonl").error


def test_import_counts_each_reason(run, tmp_path):
    source = tmp_path / "m.jsonl"
    source.write_text('{"user_id": "a", "timestamp": null, "text": "hello"}\n' + "broken\n" * 8)
    assert "8 not valid JSON" in run("corpus", "import", source, "--out", tmp_path / "c.sqlite").out


def test_import_help_names_every_format(run):
    said = run("corpus", "import", "--help").out
    assert all(name in said for name in FORMATS)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nofile", "--out", "c.sqlite"], "nofile"),
        (["messages.jsonl", "--out", "c.sqlite", "--format", "xls"], "unknown format 'xls'"),
        (["messages.jsonl", "--out", "messages.jsonl"], "is not a corpus"),
        (["messages.jsonl", "--out", "messages.jsonl/c.sqlite"], "messages.jsonl"),
        ([".", "--out", "c.sqlite"], "Is a directory"),
    ],
)
def test_import_rejects_unusable_files_and_keeps_them(run, source, monkeypatch, arguments, expected):
    monkeypatch.chdir(source.parent)
    before = source.read_bytes()
    assert expected in run("corpus", "import", *arguments).error
    assert source.read_bytes() == before
    assert [path.name for path in source.parent.iterdir() if path.is_file()] == [source.name]


def test_synthetic_corpora_are_labelled(run, tmp_path):
    out = tmp_path / "s.sqlite"
    assert "SYNTHETIC" in run("corpus", "synthetic", "--out", out, "--users", 3).out
    assert run("corpus", "stats", out).out.count("SYNTHETIC") >= 2
    with Corpus.open(out) as corpus:
        assert corpus.synthetic
        assert corpus.num_users == 3


def test_synthetic_needs_a_user(run, tmp_path):
    assert "--users" in run("corpus", "synthetic", "--out", tmp_path / "s.sqlite", "--users", 0).error


def test_stats_prints_the_figures(run, source, tmp_path):
    run("corpus", "import", source, "--out", tmp_path / "c.sqlite")
    code, said, err = run("corpus", "stats", tmp_path / "c.sqlite")
    assert (code, err) == (0, "")
    totals = {
        cells[0].strip(): cells[1].strip() for line in said.splitlines() if len(cells := line.split("│")[1:-1]) == 2
    }
    assert (totals["users"], totals["messages"], totals["words"]) == ("3", "30", "120")
    assert totals["words that 2 users or more typed"] == "75.0 %"  # see, you, at; not the thirty numbers
    assert "SYNTHETIC" not in said


def test_stats_rejects_a_file_that_is_not_a_corpus(run, source):
    assert "corpus import" in run("corpus", "stats", source).error
