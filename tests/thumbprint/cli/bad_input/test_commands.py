"""Wrong files, wrong types, a megabyte, odd scripts, a full disk: at every command."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from tests.support.thumbprint.calls import ANY_TEXT, CALLS, leaves
from thumbprint.cli.main import COMMANDS

MEGABYTE = ("see you at the station " * 50_000).encode()
ODD = "\N{GRINNING FACE} أراك غدا \u202egnorw\u202c\x1b[31m".encode()
WRONG_FILES = {
    "empty": b"",
    "a megabyte of text": MEGABYTE,
    "a megabyte in a line of JSON": b'{"user_id": "' + MEGABYTE + b'"}',
    "NULs": b"\0" * 5000,
    "odd scripts": ODD * 100,
    "no UTF-8": b"\xff\xfe" * 500,
    "an empty zip": b"PK\5\6" + b"\0" * 18,
    "the head of a database": b"SQLite format 3\0" + b"\0" * 84,
}


LEAVES = dict(leaf for entry in COMMANDS for leaf in leaves(entry.load(), (entry.name,)))
NUMBERS = [
    (" ".join(path), option.opts[0])
    for path, command in LEAVES.items()
    for option in command.params
    if {int, float} & {option.type_descriptor.annotation, *get_args(option.type_descriptor.annotation)}
]


@pytest.fixture
def files(request, tmp_path, tiny_bundle, tiny_corpus, tiny_keys, job_file):
    """What each name in a call stands for; the run is trained only where it is asked for."""
    source, history, out = tmp_path / "messages.jsonl", tmp_path / "history.txt", tmp_path / "out"
    source.write_text('{"user_id": "ann", "timestamp": null, "text": "see you"}\n')
    history.write_text("see you\n")
    out.mkdir()
    named = {"source": source, "history": history, "out": out, "corpus": tiny_corpus, "bundle": tiny_bundle}
    named |= {"private": tiny_keys[0], "public": tiny_keys[1], "job": job_file}
    if "run" in request.node.callspec.params["call"].inputs:
        named["run"] = request.getfixturevalue("tiny_run")
    return named


def written(out):
    """All but the locks that a folder is held by."""
    return [file for file in out.rglob("*") if file.is_file() and file.name != ".lock"]


def test_no_command_is_missing_here():
    called = {str(call).split()[0] for call in CALLS} | {"worker"}  # which reads and writes no file
    assert called == {entry.name for entry in COMMANDS}


@pytest.mark.parametrize(("command", "option"), NUMBERS)
def test_a_number_that_is_none(run, command, option):
    for number in ("", "x", "1e400", "nan", "0x10", "\N{GRINNING FACE}", "1\0"):
        assert option in run(*command.split(), option, number).error


INPUTS = [(call, name) for call in CALLS for name in call.inputs]


@pytest.mark.parametrize(("call", "name"), INPUTS, ids=str)
def test_an_input_that_is_not_there_or_none(run, files, tmp_path, call, name):
    folder, loop = tmp_path / "a folder", tmp_path / "loop"
    folder.mkdir()
    loop.symlink_to(loop)
    for path in (tmp_path / "nothing", folder, loop, tmp_path / ("a" * 300), tmp_path / "\N{GRINNING FACE}\x1b[31m\n"):
        said = run(*call.words(files | {name: path})).error
        assert said.isprintable()
    assert written(files["out"]) == []


@pytest.mark.parametrize(("call", "name"), [pair for pair in INPUTS if pair[1] not in (*ANY_TEXT, "run")], ids=str)
def test_an_input_that_holds_something_else(run, files, tmp_path, call, name):
    for what, content in WRONG_FILES.items():
        if (name, what) == ("job", "empty"):  # all its settings are the usual ones
            continue
        wrong = tmp_path / "wrong"
        wrong.write_bytes(content)
        said = run(*call.words(files | {name: wrong})).error
        assert len(said) < 1000, what
        assert wrong.read_bytes() == content
    assert written(files["out"]) == []


@pytest.mark.parametrize("call", [call for call in CALLS if call.writes], ids=str)
def test_an_out_that_cannot_be(run, files, tmp_path, call):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, Path("/proc/nowhere"), tmp_path / ("a" * 300)):
        assert run(*call.words(files | {"out": out})).error.isprintable()
    assert file.read_text() == "mine"
