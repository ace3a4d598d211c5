"""The command `thumbprint`: the list of its commands. Each is imported when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from thumbprint.cli import errors, lazy_commands
from thumbprint.cli.lazy_commands import LazyCommand

_START, _TRAINING, _BUNDLES, _PHONES = "Start here", "Messages and training", "Bundles", "Phones"
_COMMANDS = "thumbprint.cli.commands"

COMMANDS = tuple(
    LazyCommand(name, f"{_COMMANDS}.{target}", summary, panel)
    for name, target, summary, panel in (
        ("demo", "demo:demo", "See everything work on made-up messages, in one go.", _START),
        ("corpus", "corpus:app", "Import messages, and show what a corpus holds.", _TRAINING),
        (
            "heterogeneity",
            "heterogeneity:heterogeneity",
            "Measure how different the users of a corpus are.",
            _TRAINING,
        ),
        ("recommend", "heterogeneity:recommend", "Recommend a personalization method, with the reasons.", _TRAINING),
        ("words", "pretrain:words", "List the words that enough users typed, for the vocabulary of a base.", _TRAINING),
        (
            "pretrain",
            "pretrain:pretrain",
            "Pre-train a base on public text, from which federated training can start.",
            _TRAINING,
        ),
        ("train", "train:train", "Train tokenizer and shared model, federated.", _TRAINING),
        ("worker", "train:worker", "Lend this machine to a training elsewhere.", _TRAINING),
        ("privacy", "privacy:app", "Show the differential privacy of a training, or plan it.", _TRAINING),
        ("audit", "audit:app", "Attack a training, to test what it promises.", _TRAINING),
        ("evaluate", "evaluate:evaluate", "Measure a trained model word by word.", _TRAINING),
        (
            "compare",
            "compare:compare",
            "Compare all personalization methods, and show which users each one hurts.",
            _TRAINING,
        ),
        ("keys", "bundle:keys_app", "Generate the keys that sign bundles, and those of workers.", _BUNDLES),
        ("export", "bundle:export", "Make a signed bundle of a training run, or of a base as it is.", _BUNDLES),
        ("bundle", "bundle:app", "Verify a bundle, and show its contents.", _BUNDLES),
        ("predict", "predict:predict", "Suggest the next word of a message.", _PHONES),
        (
            "simulate",
            "simulate:simulate",
            "Give each user of a corpus a phone, or simulate a fleet over days.",
            _PHONES,
        ),
        ("serve", "service:serve", "Serve phones over HTTP.", _PHONES),
        ("access", "service:access_app", "Create and revoke the keys that the service requires.", _PHONES),
    )
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"thumbprint {version('thumbprint')}")
        raise typer.Exit


# Plain tracebacks: Typer's own can show local variables, which hold people's messages.
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.callback(
    epilog="`thumbprint COMMAND --help` explains a command. An error that you can fix ends with exit code 2 and one "
    "line that says what to do."
)
def thumbprint(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """On-device personalization for mobile keyboards.

    Federated learning trains one shared next-word model. Every phone adapts it to its owner, and what they type never
    leaves the phone.
    """


for _entry in COMMANDS:
    lazy_commands.add(app, _entry)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line. `arguments` defaults to those of the process. Returns the exit code."""
    with errors.interruptible():
        return errors.run(lambda: app(arguments, prog_name="thumbprint", standalone_mode=False))
