"""What the user sees if something goes wrong: one line and an exit code. A bug shows its traceback.

SIGTERM and SIGHUP end the program like an exception: temporary files are removed and workers are stopped.
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

USER_ERROR, INTERRUPTED = 2, 130

_OUR_PACKAGES = ("keyboard_model", "federated", "tflite_export", "device_runtime", "api", "thumbprint")
_PATH_ERRORS = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNUSABLE_PATH = (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
_EXTRA_OF = {
    module: extra
    for extra, modules in {
        "train": (
            "tensorflow tensorflow_federated tensorboard defusedxml ijson optuna scipy sklearn statsmodels grpc "
            "portpicker sqlalchemy threadpoolctl"
        ),
        "serve": "alembic fastapi httpx prometheus_client psycopg uvicorn",
        "report": "jinja2 markupsafe matplotlib filelock",
        "phone": "ai_edge_litert cryptography icu4py numpy pydantic safetensors sentencepiece",
    }.items()
    for module in modules.split()
}
# pip alone cannot install `thumbprint[train]`, because TFF's own pins need overrides.
_INSTALL = {"train": "pip install --no-deps -r requirements.txt, from a checkout (docs/install.md says why)"}


def explain(error: Exception) -> str | None:
    """Returns the message for the user; None if the error is a bug and not something that the user can fix.

    Errors of our packages (`CorpusError`, `BundleError`, ...) are recognised by their module, without an import.
    """
    if isinstance(error, typer.TyperException):
        return _usage_error(error)
    if isinstance(error, ModuleNotFoundError):
        return _missing_extra(error)
    if isinstance(error, OSError):
        return _system_error(error)
    kind = type(error)
    own = kind.__module__.partition(".")[0] in _OUR_PACKAGES and kind.__name__.endswith("Error")
    return str(error) or kind.__name__ if own and isinstance(error, ValueError | RuntimeError) else None


def _usage_error(error: typer.TyperException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    # If a group was called without a command, Typer has already printed its help, and there is no message.
    return f"{message} (see `{context.command_path} --help`)" if message and context else message


def _missing_extra(error: ModuleNotFoundError) -> str | None:
    module = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF.get(module)
    if extra is None:
        return None
    command = _INSTALL.get(extra, f"pip install 'thumbprint[{extra}]'")
    return f"{module} is not installed; it belongs to the `{extra}` extra: {command}"


def _system_error(error: OSError) -> str | None:
    if error.errno in _DISK_FULL:
        return f"the disk is full{_at(error)}: free some space and run it again"
    if error.filename is not None and (isinstance(error, _PATH_ERRORS) or error.errno in _UNUSABLE_PATH):
        return f"cannot use {os.fsdecode(error.filename)}: {error.strerror}"
    return None


def _at(error: OSError) -> str:
    return "" if error.filename is None else f" ({os.fsdecode(error.filename)})"


def run(command: Callable[[], object]) -> int:
    """Runs a Typer application that is not standalone. Returns the exit code.

    An error that the user can fix is printed to stderr in one line, or raised if THUMBPRINT_TRACEBACK is set.
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
            from thumbprint.console import one_line

            print(f"error: {one_line(message)}", file=sys.stderr)
        return USER_ERROR
    if result == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    return result if isinstance(result, int) else 0


_STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def _stop(number: int, frame: FrameType | None) -> None:
    for each in _STOP_SIGNALS:  # a second signal must not interrupt the cleanup
        signal.signal(each, signal.SIG_IGN)
    print(f"ended by {signal.Signals(number).name}", file=sys.stderr)
    raise SystemExit(128 + number)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """During the block, SIGTERM and SIGHUP raise SystemExit(128 + number) in the main thread.

    A signal that is already ignored (`nohup`) or handled stays as it is.
    """
    replaced = [number for number in _STOP_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)
