"""Help, version and wrong calls of the command line; which modules a command imports."""

import json
import subprocess
import sys
import textwrap

import pytest

from tests.support.thumbprint.command_line import leaves
from thumbprint.cli.main import COMMANDS

HEAVY = {"tensorflow", "tensorflow_federated", "jax", "matplotlib", "sqlalchemy", "numpy", "ai_edge_litert", "fastapi"}


def heavy_after(*runs, heavy=HEAVY):
    """Returns the heavy modules that a new process has imported after it ran these command lines."""
    code = f"""
        import contextlib, io, json, sys
        from thumbprint.cli.main import main
        for arguments in json.loads(sys.argv[1]):
            with contextlib.redirect_stdout(io.StringIO()):
                assert main(arguments) == 0, arguments
        print(json.dumps(sorted(set(sys.modules) & {heavy!r})))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), json.dumps(runs)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


each_command = pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)


def test_help_lists_every_command_with_its_summary(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for entry in COMMANDS:
        assert entry.name in out
        assert entry.summary in out


@each_command
def test_help_of_a_command_is_complete(run, entry):
    for path, command in leaves(entry.load(), (entry.name,)):
        code, out, err = run(*path, "--help")
        assert (code, err) == (0, "")
        for parameter in command.params:
            assert parameter.help, f"{path}: {parameter.name} has no help"
            assert parameter.help.split()[0] in out


@each_command
def test_the_summary_is_the_first_line_of_the_help(entry):
    assert entry.load().help.splitlines()[0] == entry.summary


@each_command
def test_help_of_a_command_imports_nothing_heavy(entry):
    paths = [path for path, _ in leaves(entry.load(), (entry.name,))]
    assert heavy_after(["--help"], [entry.name, "--help"], *([*path, "--help"] for path in paths)) == []


def test_help_and_version_import_no_command():
    assert heavy_after(["--help"], ["--version"], heavy={entry.target.partition(":")[0] for entry in COMMANDS}) == []


def test_version(run):
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("thumbprint 0.")


def test_shows_the_help_without_arguments(run):
    for arguments in ((), ("corpus",), ("keys",), ("bundle",)):
        code, out, err = run(*arguments)
        assert (code, err) == (2, "")
        assert "Usage: thumbprint" in out


@pytest.mark.parametrize(
    ("arguments", "expected", "command"),
    [
        (["--nope"], "--nope", "thumbprint --help"),
        (["nosuch"], "nosuch", "thumbprint --help"),
        (["corpus", "nosuch"], "nosuch", "thumbprint corpus --help"),
        (["predict"], "BUNDLE", "thumbprint predict --help"),
        (["corpus", "import", "x.txt"], "--out", "thumbprint corpus import --help"),
        (["predict", "x.bundle", "hi", "--k", "0"], "'--k'", "thumbprint predict --help"),
        (["predict", "x.bundle", "hi", "--adapt"], "--history", "thumbprint predict --help"),
        (
            ["simulate", "x.bundle", "--corpus", "c", "--out", "o", "--users", "few"],
            "few",
            "thumbprint simulate --help",
        ),
        (["train"], "JOB", "thumbprint train --help"),
        (["worker"], "--listen", "thumbprint worker --help"),
        (["export", "r"], "--out", "thumbprint export --help"),
        (["serve", "x.bundle", "--port", "70000"], "'--port'", "thumbprint serve --help"),
    ],
)
def test_a_wrong_call_prints_one_line_that_names_the_help(run, arguments, expected, command):
    message = run(*arguments).error
    assert expected in message
    assert f"(see `{command}`)" in message


def test_predict_and_verify_do_not_import_tensorflow(tiny_bundle, trusted):
    heavy = HEAVY - {"numpy", "ai_edge_litert"}
    assert (
        heavy_after(["bundle", "verify", str(tiny_bundle)], ["predict", str(tiny_bundle), "see you"], heavy=heavy) == []
    )
