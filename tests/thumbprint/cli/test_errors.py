import errno
import os

import pytest
import typer

from api.storage.data_folder import ServeError
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.signing_keys import KeyFileError
from device_runtime.phone.phone import PhoneError
from federated.corpus.schema import CorpusError, NoMessagesError
from federated.job import JobError
from federated.runtime.worker import WorkerError
from keyboard_model.text.tokenizer import TokenizerError
from thumbprint.cli import errors
from thumbprint.pipeline.cached_steps import StepsError

OWN = [
    *(BundleError, CorpusError, JobError, KeyFileError, NoMessagesError, PhoneError, ServeError, StepsError),
    *(TokenizerError, WorkerError),
]


def fails(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize("kind", OWN)
def test_our_own_errors_are_told_in_one_line(kind, capsys):
    assert errors.run(fails(kind("no such thing:\n  do this"))) == 2
    assert capsys.readouterr() == ("", "error: no such thing: do this\n")


@pytest.mark.parametrize(
    "bug",
    [
        ValueError("numpy says"),
        RuntimeError("who knows"),
        KeyError("x"),
        AssertionError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        FileNotFoundError("raised by hand, about no file"),
        OSError(errno.EBADF, "Bad file descriptor", "x"),
        ModuleNotFoundError("no module", name="thumbprint.misspelt"),
    ],
    ids=lambda bug: type(bug).__name__,
)
def test_a_bug_keeps_its_traceback(bug, capsys):
    with pytest.raises(type(bug)) as raised:
        errors.run(fails(bug))
    assert raised.value is bug
    assert capsys.readouterr().err == ""


def test_a_class_of_ours_that_is_no_users_error_is_a_bug():
    class Broken(Exception):
        pass

    Broken.__module__ = "federated.corpus.importers.jsonl"
    assert errors.explain(Broken("x")) is None


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EROFS])
def test_a_path_that_cannot_be_used_is_named_with_the_reason(number):
    assert errors.explain(OSError(number, os.strerror(number), "some/file")) == (
        f"cannot use some/file: {os.strerror(number)}"
    )


@pytest.mark.parametrize("arguments", [(), ("out/report.json",)])
def test_a_full_disk(arguments):
    said = errors.explain(OSError(errno.ENOSPC, "No space left on device", *arguments))
    assert said is not None
    assert said.startswith("the disk is full")
    assert all(name in said for name in arguments)


@pytest.mark.parametrize(
    ("module", "extra", "command"),
    [
        ("tensorflow_federated.python", "train", "pip install --no-deps -r requirements.txt"),
        ("tensorflow", "train", "pip install --no-deps -r requirements.txt"),
        ("uvicorn", "serve", "pip install 'thumbprint[serve]'"),
        ("ai_edge_litert", "phone", "pip install 'thumbprint[phone]'"),
        ("matplotlib", "report", "pip install 'thumbprint[report]'"),
    ],
)
def test_a_missing_extra_is_named(module, extra, command):
    said = errors.explain(ModuleNotFoundError(f"No module named {module!r}", name=module))
    assert said is not None
    assert f"the `{extra}` extra" in said
    assert command in said


def test_what_a_file_is_called_cannot_steer_the_terminal(capsys):
    assert errors.run(fails(CorpusError("\x1b[2Jgone\r\udcff"))) == 2
    assert capsys.readouterr().err == "error: [2Jgone \\udcff\n"


def test_an_error_without_words_is_called_by_its_name():
    assert errors.explain(CorpusError()) == "CorpusError"


def test_the_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("THUMBPRINT_TRACEBACK", "1")
    with pytest.raises(CorpusError):
        errors.run(fails(CorpusError("x")))


def test_an_abort_is_an_interruption(capsys):
    assert errors.run(fails(typer.Abort())) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_success_is_zero():
    assert errors.run(lambda: None) == 0
