"""What a person sees when something goes wrong: one line and an exit code; a bug keeps its traceback.

SIGTERM and SIGHUP end the program as an exception does: temporaries go, workers are ended.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import typer

MISTAKE, INTERRUPTED = 2, 130

_OURS = ("keyboard_model", "federated", "tflite_export", "device_runtime", "api", "thumbprint")
_PATH_ERRORS = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNUSABLE_PATH = (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
_EXTRA_OF = {
    module: extra
    for extra, modules in {
        "train": (
            "tensorflow tensorflow_federated tensorboard defusedxml ijson optuna scipy sklearn statsmodels grpc "
            "portpicker sqlalchemy"
        ),
        "serve": "alembic fastapi httpx prometheus_client psycopg uvicorn",
        "report": "jinja2 markupsafe matplotlib filelock",
        "phone": "ai_edge_litert cryptography icu4py numpy pydantic safetensors sentencepiece",
    }.items()
    for module in modules.split()
}
# pip cannot install `thumbprint[train]` by itself: TFF's own pins need overrides.
_INSTALL = {"train": "pip install --no-deps -r requirements.txt, from a checkout (docs/install.md says why)"}


def explain(error: Exception) -> str | None:
    """Returns what to tell the user; None for an error that is no mistake of theirs but a bug.

    Our packages' own errors (`CorpusError`, `BundleError`, ...) are recognised by where they are defined,
    so that nothing needs to be imported to know them.
    """
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if isinstance(error, ModuleNotFoundError):
        return _missing_extra(error)
    if isinstance(error, OSError):
        return _system(error)
    kind = type(error)
    own = kind.__module__.partition(".")[0] in _OURS and kind.__name__.endswith("Error")
    return str(error) or kind.__name__ if own and isinstance(error, ValueError | RuntimeError) else None


def _usage(error: typer.TyperException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    # Typer has printed the help already where a bare group was called: there is nothing to add then.
    return f"{message} (see `{context.command_path} --help`)" if message and context else message


def _missing_extra(error: ModuleNotFoundError) -> str | None:
    module = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF.get(module)
    if extra is None:
        return None
    command = _INSTALL.get(extra, f"pip install 'thumbprint[{extra}]'")
    return f"this needs the `{extra}` extra, whose {module} is not installed: {command}"


def _system(error: OSError) -> str | None:
    if error.errno in _FULL:
        return f"the disk is full{_at(error)}: free some space and run it again"
    if error.filename is not None and (isinstance(error, _PATH_ERRORS) or error.errno in _UNUSABLE_PATH):
        return f"cannot use {os.fsdecode(error.filename)}: {error.strerror}"
    return None


def _at(error: OSError) -> str:
    return "" if error.filename is None else f" ({os.fsdecode(error.filename)})"


def run(command: Callable[[], object]) -> int:
    """Runs a Typer application that is not standalone. Returns the exit code.

    A user's mistake is told in one line on stderr; with THUMBPRINT_TRACEBACK set, by its traceback.
    """
    try:
        result = command()
    except typer.Abort:
        result = INTERRUPTED
    except Exception as error:
        message = explain(error)
        if message is None or os.environ.get("THUMBPRINT_TRACEBACK"):
            raise
        if message:
            from thumbprint.console.terminal import one_line

            print(f"error: {one_line(message)}", file=sys.stderr)
        return MISTAKE
    if result == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    return result if isinstance(result, int) else 0


_ENDING = (signal.SIGTERM, signal.SIGHUP)


def _end(number: int, frame: FrameType | None) -> None:
    for ending in _ENDING:  # a second one must not break off the cleaning up
        signal.signal(ending, signal.SIG_IGN)
    print(f"ended by {signal.Signals(number).name}", file=sys.stderr)
    raise SystemExit(128 + number)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """For the length of the block, SIGTERM and SIGHUP raise SystemExit(128 + number) in the main thread.

    One that is ignored (`nohup`) or handled by somebody else stays so.
    """
    taken = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
