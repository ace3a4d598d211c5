"""Corpus, phone, keys and jobs with very long texts, many texts, emoji, right-to-left text and NULs."""

import json

import pytest

from federated.corpus.store import Corpus

MEGABYTE = "see you at the station " * 45_000
ODD = {
    "emoji": "\N{GRINNING FACE}\U0001f469\u200d\U0001f467",
    "right to left": "أراك غدا \u202egnorw\u202c",
    "NUL": "see\0you",
    "control": "\x1b[31mred\x07\r\n",
    "lone surrogate": "\ud83d",
}
each_odd = pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())


def jsonl(path, records):
    path.write_text("".join(json.dumps({"timestamp": None} | record) + "\n" for record in records))
    return path


def printable(out):
    return all(c.isprintable() or c == "\n" for c in out)


@pytest.mark.parametrize("text", [text for text in ODD.values() if text != ODD["lone surrogate"]], ids=ascii)
def test_imports_and_measures_a_corpus_with_odd_texts(run, tmp_path, text):
    records = [{"user_id": f"{user}{text}", "text": f"see {text} {n}"} for user in "ab" for n in range(30)]
    out = tmp_path / "corpus.sqlite"
    code, printed, _ = run("corpus", "import", jsonl(tmp_path / "m.jsonl", records), "--out", out)
    assert code == 0 and "60 messages by 2 users" in printed and printable(printed)
    code, printed, _ = run("corpus", "stats", out)
    assert code == 0 and printable(printed)
    with Corpus.open(out) as corpus:
        assert all(len(corpus.messages(user)) == 30 for user in corpus.user_ids())


def test_leaves_out_half_a_character_and_says_so(run, tmp_path):
    records = [{"user_id": "ann", "text": "see you"}, {"user_id": "bob", "text": f"see {ODD['lone surrogate']}"}]
    out = tmp_path / "corpus.sqlite"
    code, printed, err = run("corpus", "import", jsonl(tmp_path / "m.jsonl", records), "--out", out)
    assert code == 0 and "1 messages by 1 users" in printed and "half a character" in printed + err


def test_imports_a_message_of_a_megabyte_and_ten_thousand_messages_of_a_user(run, tmp_path):
    records = [{"user_id": "ann", "text": MEGABYTE}]
    records += [{"user_id": "bob", "text": f"see you {n}"} for n in range(10_000)]
    out = tmp_path / "corpus.sqlite"
    assert run("corpus", "import", jsonl(tmp_path / "m.jsonl", records), "--out", out).code == 0
    with Corpus.open(out) as corpus:
        assert corpus.messages("ann")[0].text == MEGABYTE
        assert len(corpus.messages("bob")) == 10_000


@each_odd
def test_predicts_with_odd_texts(run, tiny_bundle, trusted, tmp_path, text):
    history = tmp_path / "history.txt"
    history.write_text(f"meet {text} now\n" * 5, encoding="utf-8", errors="replace", newline="")
    for arguments in (("see",), (text,), ("see", "--prefix", text), (text, "--history", history)):
        code, out, _ = run("predict", tiny_bundle, *arguments)
        assert code == 0 and printable(out)


def test_predicts_with_very_long_texts_and_histories(run, tiny_bundle, trusted, tmp_path):
    long, many = tmp_path / "long.txt", tmp_path / "many.txt"
    long.write_text(MEGABYTE)
    many.write_text("".join(f"meet zorblax {n % 90}\n" for n in range(10_000)))
    assert run("predict", tiny_bundle, MEGABYTE).code == 0
    assert run("predict", tiny_bundle, "see", "--prefix", MEGABYTE).code == 0
    assert run("predict", tiny_bundle, "see you at", "--history", long).code == 0
    code, out, _ = run("predict", tiny_bundle, "meet", "--history", many, "--adapt")
    assert code == 0 and "10000 messages" in out.replace(",", "") and "zorblax" in out.lower()


@pytest.mark.parametrize("name", [*ODD.values(), MEGABYTE, "", " "], ids=[*ODD, "a megabyte", "empty", "blank"])
def test_access_accepts_names_of_one_printable_line_only(run, tmp_path, name):
    done = run("access", "create", name, "--data", tmp_path)
    listed = run("access", "list", "--data", tmp_path)
    if done.code:
        assert len(done.error) < 500 and listed.out == ""
    else:
        assert name in listed.out and len(listed.out.splitlines()) == 1
    assert len(run("access", "revoke", name, "--data", tmp_path).error) < 500
    assert len(run("access", "create", "me", "--device", name, "--data", tmp_path).error) < 500


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param('corpus = "a\\u0000b"', "contains a NUL character", id="NUL in a path"),
        pytest.param('corpus = "\N{GRINNING FACE}"', "\N{GRINNING FACE} does not exist", id="emoji in a path"),
        pytest.param('name = "../../x"\ncorpus = "missing"', "name: String should match", id="path as a name"),
        pytest.param(f'name = "{MEGABYTE}"\ncorpus = "missing"', "name: String should match", id="very long name"),
        pytest.param("[training]\nrounds = 1" + "0" * 400, "training.rounds: ", id="number too large"),
        pytest.param("[training]\nserver_learning_rate = nan", "training.server_learning_rate: ", id="NaN"),
        pytest.param('[training]\nrounds = "many"', "should be a valid integer", id="text instead of a number"),
        pytest.param("[training.rounds]\nx = 1", "should be a valid integer", id="table instead of a number"),
        pytest.param('"\N{GRINNING FACE}" = 1', "\N{GRINNING FACE}: Extra inputs", id="unknown key"),
        pytest.param("\n".join(f"k{n} = 1" for n in range(10_000)), "k0: Extra inputs", id="ten thousand keys"),
    ],
)
def test_train_rejects_a_wrong_job(run, tmp_path, monkeypatch, job, expected):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "job.toml"
    file.write_text(job)
    message = run("train", file, "--run", tmp_path / "run").error
    assert expected in message and len(message) < 2000
    assert not (tmp_path / "run").exists()
