"""On a full disk, every command that writes prints one line and leaves no incomplete file."""

import shutil
import subprocess
import tempfile

import pytest

from tests.support.thumbprint.command_line import CALLS, PROGRAM

WRITING = [call for call in CALLS if call.writes and "compare" not in call.line]  # compare is train and simulate


@pytest.fixture
def disk(tmp_path):
    """A file system of a megabyte."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], capture_output=True)
    if not done or done.returncode:
        pytest.skip("cannot mount a file system: that needs Linux, root and CAP_SYS_ADMIN")
    yield path
    subprocess.run(["umount", path], check=True)


def fill(path):
    """Fills the file system."""
    with (path / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return


def contents(path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.fixture
def files(request, tmp_path, tiny_bundle, tiny_corpus, tiny_keys, job_file):
    source = tmp_path / "messages.jsonl"
    source.write_text('{"user_id": "ann", "timestamp": null, "text": "see you"}\n' * 100)
    text, words = tmp_path / "text.txt", tmp_path / "words.tsv"
    text.write_text("see you at the station\n" * 9)
    words.write_text("see\t3\n")
    canaries = tmp_path / "canaries.json"
    canaries.write_text('[{"user_id": "canary", "text": "see you bafogiku", "included": true}]')
    named = {
        "source": source,
        "text": text,
        "words": words,
        "canaries": canaries,
        "corpus": tiny_corpus,
        "bundle": tiny_bundle,
        "job": job_file,
    }
    named |= {"private": tiny_keys[0], "public": tiny_keys[1]}
    if "run" in request.node.callspec.params["call"].inputs:
        named["run"] = request.getfixturevalue("tiny_run")
    return named


@pytest.mark.parametrize("call", WRITING, ids=str)
def test_reports_a_full_disk_and_leaves_no_incomplete_file(run, files, disk, call):
    fill(disk)
    message = run(*call.words(files | {"out": disk})).error
    assert "full" in message or "No space left" in message, message
    assert all(len(content) == 0 or name.name == "filler" for name, content in contents(disk).items())


def test_evaluate_leaves_the_run_unchanged(run, disk, tiny_run, tiny_corpus):
    copy = disk / "run"
    shutil.copytree(tiny_run, copy)
    fill(disk)
    before = contents(copy)
    assert "the disk is full" in run("evaluate", copy, "--corpus", tiny_corpus).error
    assert contents(copy) == before


def test_predict_reports_that_its_phone_has_no_space(run, disk, tmp_path, monkeypatch, tiny_bundle, trusted):
    history = tmp_path / "history.txt"
    history.write_text("see you\n")
    fill(disk)
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    assert "full" in run("predict", tiny_bundle, "see", "--history", history).error


def test_reports_that_stdout_is_full(tiny_bundle, trusted):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, "bundle", "verify", tiny_bundle], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (2, "error: the disk is full: free some space and run it again\n")
