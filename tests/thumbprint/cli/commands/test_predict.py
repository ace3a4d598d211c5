"""`thumbprint predict`: suggestions of the shared model and of a temporary phone."""

import io

import pytest

from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone

HISTORY = [f"zorblax is at the quay {i}" for i in range(40)]


@pytest.fixture(scope="module")
def suggested(tiny_bundle, tiny_public_key, tmp_path_factory):
    """Returns the suggestions of a phone with this bundle, for a prefix and a number."""
    engine = Engine(load_bundle(tiny_bundle, tiny_public_key))
    with Phone.open(tmp_path_factory.mktemp("phone"), engine) as phone:
        yield lambda prefix, k: [suggestion.text for suggestion in phone.predict("see you", prefix, k, personal=False)]


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.txt"
    path.write_bytes("\r\n".join(HISTORY).encode() + b"\n\n\xff\xfe\n")
    return path


def rows(out):
    """Returns the cells of the table's body."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]


@pytest.mark.parametrize(("prefix", "k"), [("", 3), ("to", 2), ("T", 1)])
def test_prints_the_suggestions_of_a_phone(run, tiny_bundle, trusted, suggested, prefix, k):
    code, out, _ = run("predict", tiny_bundle, "see you", "--prefix", prefix, "--k", k)
    assert code == 0
    assert [row[1] for row in rows(out)] == suggested(prefix, k)


def test_a_history_adds_a_personal_column(run, tiny_bundle, trusted, history):
    code, out, _ = run("predict", tiny_bundle, "", "--prefix", "zor", "--history", history)
    assert code == 0
    assert rows(out)[0][3].lower() == "zorblax"
    assert all(row[1].lower() != "zorblax" for row in rows(out))


def test_suggests_a_second_word_on_demand(run, tiny_bundle, trusted, history):
    arguments = ("predict", tiny_bundle, "hello", "--prefix", "zorb", "--history", history)
    assert [rows(run(*arguments, *option).out)[0][3] for option in ((), ("--two-words",))] == ["zorblax", "zorblax is"]


def test_reads_a_history_from_stdin(run, tiny_bundle, trusted, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO("\n".join(HISTORY).encode()), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stdin)
    _, out, _ = run("predict", tiny_bundle, "", "--prefix", "zor", "--history", "-")
    assert rows(out)[0][3].lower() == "zorblax"


def test_adapt_prints_the_decision_of_the_gate(run, tiny_bundle, trusted, history):
    code, out, _ = run("predict", tiny_bundle, "see you", "--history", history, "--adapt")
    assert code == 0
    first = next(line for line in out.splitlines() if "messages" in line and "words" in line)
    assert first.startswith("41 messages")
    assert "kept the new adapter" in first or "stayed with the shared start" in first


def test_deletes_the_history_at_the_end(run, tiny_bundle, trusted, history, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert run("predict", tiny_bundle, "see you", "--history", history).code == 0
    assert list(temporary.iterdir()) == []


def test_rejects_a_missing_history(run, tiny_bundle, trusted, tmp_path):
    assert "nofile" in run("predict", tiny_bundle, "hi", "--history", tmp_path / "nofile").error


def test_labels_a_synthetic_model(run, tiny_bundle, trusted, tiny_public_key):
    synthetic = load_bundle(tiny_bundle, tiny_public_key).manifest.provenance.synthetic
    assert ("SYNTHETIC" in run("predict", tiny_bundle, "see you").out) == synthetic
