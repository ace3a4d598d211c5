"""Every command rejects missing and wrong files, unusable output folders and invalid numbers in one line."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from tests.support.thumbprint.command_line import ANY_TEXT, CALLS, leaves
from thumbprint.cli.main import COMMANDS
from thumbprint.console import one_line

MEGABYTE = ("see you at the station " * 50_000).encode()
ODD = "\N{GRINNING FACE} أراك غدا \u202egnorw\u202c\x1b[31m".encode()
WRONG_FILES = {
    "empty": b"",
    "a megabyte of text": MEGABYTE,
    "a megabyte in a line of JSON": b'{"user_id": "' + MEGABYTE + b'"}',
    "NULs": b"\0" * 5000,
    "odd scripts": ODD * 100,
    "invalid UTF-8": b"\xff\xfe" * 500,
    "an empty zip": b"PK\5\6" + b"\0" * 18,
    "the head of a database": b"SQLite format 3\0" + b"\0" * 84,
}


LEAVES = dict(leaf for entry in COMMANDS for leaf in leaves(entry.load(), (entry.name,)))
NUMBER_OPTIONS = [
    (" ".join(path), option.opts[0])
    for path, command in LEAVES.items()
    for option in command.params
    if {int, float} & {option.type_descriptor.annotation, *get_args(option.type_descriptor.annotation)}
]


@pytest.fixture
def files(request, tmp_path, tiny_bundle, tiny_corpus, tiny_keys, job_file):
    """The file of each name in a call. The run is trained only if the call reads it."""
    source, history, out = tmp_path / "messages.jsonl", tmp_path / "history.txt", tmp_path / "out"
    source.write_text('{"user_id": "ann", "timestamp": null, "text": "see you"}\n')
    history.write_text("see you\n")
    text, words = tmp_path / "text.txt", tmp_path / "words.tsv"
    text.write_text("see you at the station\n" * 9)
    words.write_text("see\t3\n")
    canaries = tmp_path / "canaries.json"
    canaries.write_text('[{"user_id": "canary", "text": "see you bafogiku", "included": true}]')
    out.mkdir()
    named = {
        "source": source,
        "history": history,
        "text": text,
        "words": words,
        "canaries": canaries,
        "out": out,
        "corpus": tiny_corpus,
        "bundle": tiny_bundle,
    }
    named |= {"private": tiny_keys[0], "public": tiny_keys[1], "job": job_file}
    if "run" in request.node.callspec.params["call"].inputs:
        named["run"] = request.getfixturevalue("tiny_run")
    return named


def written(out):
    """Returns all files except locks."""
    return [file for file in out.rglob("*") if file.is_file() and file.name != ".lock"]


def test_the_calls_cover_every_command():
    called = {str(call).split()[0] for call in CALLS} | {"worker"}  # it reads and writes no file
    assert called == {entry.name for entry in COMMANDS}


@pytest.mark.parametrize(("command", "option"), NUMBER_OPTIONS)
def test_rejects_invalid_numbers(run, command, option):
    for number in ("", "x", "1e400", "nan", "0x10", "\N{GRINNING FACE}", "1\0"):
        assert option in run(*command.split(), option, number).error


INPUTS = [(call, name) for call in CALLS for name in call.inputs]


@pytest.mark.parametrize(("call", "name"), INPUTS, ids=str)
def test_rejects_missing_files_and_folders_by_name(run, files, tmp_path, call, name):
    folder, loop = tmp_path / "folder", tmp_path / "loop"
    folder.mkdir()
    loop.symlink_to(loop)
    long, odd = tmp_path / ("a" * 300), tmp_path / "\N{GRINNING FACE}\x1b[31m\n"
    for path in (tmp_path / "missing", folder, loop, long, odd):
        message = run(*call.words(files | {name: path})).error
        assert message.isprintable()
        assert one_line(str(path)).split()[0] in message
    assert written(files["out"]) == []


@pytest.mark.parametrize(("call", "name"), [pair for pair in INPUTS if pair[1] not in (*ANY_TEXT, "run")], ids=str)
def test_rejects_files_with_other_contents(run, files, tmp_path, call, name):
    for contents, data in WRONG_FILES.items():
        if (name, contents) == ("job", "empty"):  # an empty job has the default settings
            continue
        wrong = tmp_path / "wrong"
        wrong.write_bytes(data)
        message = run(*call.words(files | {name: wrong})).error
        assert len(message) < 1000, contents
        assert wrong.read_bytes() == data
    assert written(files["out"]) == []


@pytest.mark.parametrize("call", [call for call in CALLS if call.writes], ids=str)
def test_rejects_unusable_output_folders(run, files, tmp_path, call):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, Path("/proc/nowhere"), tmp_path / ("a" * 300)):
        assert run(*call.words(files | {"out": out})).error.isprintable()
    assert file.read_text() == "mine"
