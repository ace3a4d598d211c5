"""The command `thumbprint`: what there is, each command imported when it is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from thumbprint.cli import errors, lazy_commands
from thumbprint.cli.lazy_commands import Lazy

_START, _TRAINING, _BUNDLES, _PHONES = "Start here", "Messages and training", "Bundles", "Phones"

COMMANDS = (
    Lazy("demo", "thumbprint.cli.commands.demo:demo", "See everything work on made-up messages, in one go.", _START),
    Lazy("corpus", "thumbprint.cli.commands.corpus:app", "Import messages, and see what a corpus holds.", _TRAINING),
    Lazy(
        "heterogeneity",
        "thumbprint.cli.commands.heterogeneity:heterogeneity",
        "Measure how different the users of a corpus are.",
        _TRAINING,
    ),
    Lazy(
        "recommend",
        "thumbprint.cli.commands.heterogeneity:recommend",
        "Advise which personalization to ship, with the reasons.",
        _TRAINING,
    ),
    Lazy("train", "thumbprint.cli.commands.train:train", "Train tokenizer and shared model, federated.", _TRAINING),
    Lazy("worker", "thumbprint.cli.commands.train:worker", "Lend this machine to a training elsewhere.", _TRAINING),
    Lazy("evaluate", "thumbprint.cli.commands.evaluate:evaluate", "Measure a trained model word by word.", _TRAINING),
    Lazy(
        "compare",
        "thumbprint.cli.commands.compare:compare",
        "Compare every way to personalize, and see whom each one hurts.",
        _TRAINING,
    ),
    Lazy("keys", "thumbprint.cli.commands.keys:app", "Make the keys that bundles are signed with.", _BUNDLES),
    Lazy("export", "thumbprint.cli.commands.bundle:export", "Make a signed bundle of a training run.", _BUNDLES),
    Lazy("bundle", "thumbprint.cli.commands.bundle:app", "Verify a bundle, and look into it.", _BUNDLES),
    Lazy("predict", "thumbprint.cli.commands.predict:predict", "Suggest the next word of a message.", _PHONES),
    Lazy(
        "simulate",
        "thumbprint.cli.commands.simulate:simulate",
        "Give each user of a corpus a phone, or a fleet of phones simulated days.",
        _PHONES,
    ),
    Lazy("serve", "thumbprint.cli.commands.serve:serve", "Serve phones over HTTP.", _PHONES),
    Lazy(
        "access", "thumbprint.cli.commands.access:app", "Make and revoke the keys that the service asks for.", _PHONES
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"thumbprint {version('thumbprint')}")
        raise typer.Exit


# Plain tracebacks: Typer's own may show local variables, which hold people's messages.
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.callback(
    epilog="Every command explains itself: thumbprint COMMAND --help. "
    "A mistake ends with exit code 2 and one line that says what to do."
)
def thumbprint(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """On-device personalization for mobile keyboards.

    One shared next-word model, trained by federated learning; every phone adapts it to its owner, and
    what they type never leaves the phone.
    """


for _entry in COMMANDS:
    lazy_commands.add(app, _entry)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; `arguments` defaults to the process's own. Returns the exit code."""
    with errors.interruptible():
        return errors.run(lambda: app(arguments, prog_name="thumbprint", standalone_mode=False))
