"""A megabyte in a message, ten thousand of them, emoji, right-to-left text and NULs: through corpus, phone and keys."""

import json

import pytest

from federated.corpus.store import Corpus

MEGABYTE = "see you at the station " * 45_000
ODD = {
    "emoji": "\N{GRINNING FACE}\U0001f469\u200d\U0001f467",
    "right to left": "أراك غدا \u202egnorw\u202c",
    "NUL": "see\0you",
    "control": "\x1b[31mred\x07\r\n",
    "half a character": "\ud83d",
}
each_odd = pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())


def jsonl(path, records):
    path.write_text("".join(json.dumps({"timestamp": None} | record) + "\n" for record in records))
    return path


def printable(out):
    return all(c.isprintable() or c == "\n" for c in out)


@each_odd
def test_odd_text_and_users_become_a_corpus_that_is_measured(run, tmp_path, text):
    records = [{"user_id": f"{user}{text}", "text": f"see {text} {n}"} for user in "ab" for n in range(30)]
    out = tmp_path / "corpus.sqlite"
    code, said, _ = run("corpus", "import", jsonl(tmp_path / "m.jsonl", records), "--out", out)
    assert code == 0 and "60 messages by 2 users" in said and printable(said)
    code, said, _ = run("corpus", "stats", out)
    assert code == 0 and printable(said)
    with Corpus.open(out) as corpus:
        assert all(len(corpus.messages(user)) == 30 for user in corpus.user_ids())


def test_a_megabyte_in_one_message_and_ten_thousand_of_one_user(run, tmp_path):
    records = [{"user_id": "ann", "text": MEGABYTE}]
    records += [{"user_id": "bob", "text": f"see you {n}"} for n in range(10_000)]
    out = tmp_path / "corpus.sqlite"
    assert run("corpus", "import", jsonl(tmp_path / "m.jsonl", records), "--out", out).code == 0
    with Corpus.open(out) as corpus:
        assert corpus.messages("ann")[0].text == MEGABYTE
        assert len(corpus.messages("bob")) == 10_000


@each_odd
def test_odd_text_is_suggested_after(run, tiny_bundle, trusted, tmp_path, text):
    history = tmp_path / "history.txt"
    history.write_text(f"meet {text} now\n" * 5, encoding="utf-8", errors="replace", newline="")
    for arguments in (("see",), (text,), ("see", "--prefix", text), (text, "--history", history)):
        code, out, _ = run("predict", tiny_bundle, *arguments)
        assert code == 0 and printable(out)


def test_a_megabyte_and_ten_thousand_lines_are_a_history(run, tiny_bundle, trusted, tmp_path):
    long, many = tmp_path / "long.txt", tmp_path / "many.txt"
    long.write_text(MEGABYTE)
    many.write_text("".join(f"meet zorblax {n % 90}\n" for n in range(10_000)))
    assert run("predict", tiny_bundle, MEGABYTE).code == 0
    assert run("predict", tiny_bundle, "see", "--prefix", MEGABYTE).code == 0
    assert run("predict", tiny_bundle, "see you at", "--history", long).code == 0
    code, out, _ = run("predict", tiny_bundle, "meet", "--history", many, "--adapt")
    assert code == 0 and "10000 messages" in out.replace(",", "") and "zorblax" in out.lower()


@pytest.mark.parametrize("name", [*ODD.values(), MEGABYTE, "", " "], ids=[*ODD, "a megabyte", "empty", "blank"])
def test_a_name_is_a_line_or_refused(run, tmp_path, name):
    done = run("access", "create", name, "--data", tmp_path)
    listed = run("access", "list", "--data", tmp_path)
    if done.code:
        assert len(done.error) < 500 and listed.out == ""
    else:
        assert name in listed.out and len(listed.out.splitlines()) == 1
    assert len(run("access", "revoke", name, "--data", tmp_path).error) < 500
    assert len(run("access", "create", "me", "--device", name, "--data", tmp_path).error) < 500


WRONG_JOBS = {
    "NUL in a path": 'corpus = "a\\u0000b"',
    "emoji in a path": 'corpus = "\N{GRINNING FACE}"',
    "a name that is a path": 'name = "../../x"\ncorpus = "nothing"',
    "a megabyte of a name": f'name = "{MEGABYTE}"\ncorpus = "nothing"',
    "a number too large": "[training]\nrounds = 1" + "0" * 400,
    "no number": "[training]\nserver_rate = nan",
    "text for a number": '[training]\nrounds = "many"',
    "a table for a number": "[training.rounds]\nx = 1",
    "an unknown key": '"\N{GRINNING FACE}" = 1',
    "ten thousand keys": "\n".join(f"k{n} = 1" for n in range(10_000)),
}


@pytest.mark.parametrize("job", WRONG_JOBS.values(), ids=WRONG_JOBS.keys())
def test_a_job_that_cannot_be(run, tmp_path, monkeypatch, job):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "job.toml"
    file.write_text(job)
    assert len(run("train", file, "--run", tmp_path / "run").error) < 2000
    assert not (tmp_path / "run").exists()
