"""Errors that the user can fix end with one line; bugs with a traceback; signals in order."""

import errno
import os
import signal
import subprocess
import time

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
from tests.support.thumbprint.command_line import PROGRAM
from thumbprint.cli import errors
from thumbprint.pipeline.cached_steps import StepsError

USER_ERRORS = [
    *(BundleError, CorpusError, JobError, KeyFileError, NoMessagesError, PhoneError, ServeError, StepsError),
    *(TokenizerError, WorkerError),
]


def raising(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize("kind", USER_ERRORS)
def test_errors_of_our_packages_are_printed_in_one_line(kind, capsys):
    assert errors.run(raising(kind("no such thing:\n  do this"))) == 2
    assert capsys.readouterr() == ("", "error: no such thing: do this\n")


@pytest.mark.parametrize(
    "bug",
    [
        ValueError("numpy says"),
        RuntimeError("who knows"),
        KeyError("x"),
        AssertionError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        FileNotFoundError("raised by hand, without a file name"),
        OSError(errno.EBADF, "Bad file descriptor", "x"),
        ModuleNotFoundError("no module", name="thumbprint.misspelt"),
    ],
    ids=lambda bug: type(bug).__name__,
)
def test_a_bug_keeps_its_traceback(bug, capsys):
    with pytest.raises(type(bug)) as raised:
        errors.run(raising(bug))
    assert raised.value is bug
    assert capsys.readouterr().err == ""


def test_another_exception_class_of_our_packages_is_a_bug():
    class Broken(Exception):
        pass

    Broken.__module__ = "federated.corpus.importers.jsonl"
    assert errors.explain(Broken("x")) is None


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EROFS])
def test_names_an_unusable_path_and_the_reason(number):
    assert errors.explain(OSError(number, os.strerror(number), "some/file")) == (
        f"cannot use some/file: {os.strerror(number)}"
    )


@pytest.mark.parametrize("arguments", [(), ("out/report.json",)])
def test_reports_a_full_disk(arguments):
    message = errors.explain(OSError(errno.ENOSPC, "No space left on device", *arguments))
    assert message is not None
    assert message.startswith("the disk is full")
    assert all(name in message for name in arguments)


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
def test_names_a_missing_extra_and_how_to_install_it(module, extra, command):
    message = errors.explain(ModuleNotFoundError(f"No module named {module!r}", name=module))
    assert message is not None
    assert f"the `{extra}` extra" in message
    assert command in message


def test_file_names_cannot_control_the_terminal(capsys):
    assert errors.run(raising(CorpusError("\x1b[2Jgone\r\udcff"))) == 2
    assert capsys.readouterr().err == "error: [2Jgone \\udcff\n"


def test_an_error_without_a_message_shows_its_class():
    assert errors.explain(CorpusError()) == "CorpusError"


def test_an_environment_variable_asks_for_the_traceback(monkeypatch):
    monkeypatch.setenv("THUMBPRINT_TRACEBACK", "1")
    with pytest.raises(CorpusError):
        errors.run(raising(CorpusError("x")))


def test_an_abort_counts_as_an_interruption(capsys):
    assert errors.run(raising(typer.Abort())) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_success_has_exit_code_0():
    assert errors.run(lambda: None) == 0


@pytest.mark.parametrize(
    ("number", "code", "expected"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        (signal.SIGHUP, 129, "ended by SIGHUP"),
    ],
)
def test_a_signal_ends_the_program_after_its_cleanup(tiny_bundle, trusted, tmp_path, number, code, expected):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [*PROGRAM, "predict", str(tiny_bundle), "see you", "--history", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    while not list(temporary.glob("thumbprint-*/phone/history.sqlite")):  # now it waits for the history
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert err.splitlines()[-1] == expected
    assert "Traceback" not in err
    assert list(temporary.iterdir()) == []


def test_a_second_signal_does_not_interrupt_the_cleanup():
    cleaned = False
    with pytest.raises(SystemExit) as stop, errors.interruptible():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned = True
    assert stop.value.code == 143
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with errors.interruptible():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
