"""`thumbprint demo`: everything, on made-up messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for all that is made.")] = Path("runs/demo"),
) -> None:
    """See everything work on made-up messages, in one go.

    Makes up a hundred people and their messages, trains tokenizer and shared model on eighty of them, exports a signed
    bundle, and gives each of the twenty others a phone with it. Ends in a table, ten predictions before and after
    the phone knew its owner, and a picture. Takes a few minutes on two cores.

    Run again, it does only what is not done yet; interrupted, it goes on from there.
    """
    from thumbprint.cli.views.demo import NOTICE, DemoBars, demo_view, where_to_look
    from thumbprint.console.tables import notice
    from thumbprint.console.tensorflow_log import silence_tensorflow
    from thumbprint.console.terminal import output
    from thumbprint.pipeline.demo import Demo, DemoSize, demo_job

    silence_tensorflow()
    console = output()
    console.print(notice(NOTICE))
    try:
        report, examples = Demo(out, typer.echo, demo_job(), DemoSize(), DemoBars()).run()
    except (KeyboardInterrupt, SystemExit):
        typer.echo("stopped; run it again and it goes on from there", err=True)
        raise
    console.print(demo_view(report, examples))
    typer.echo(where_to_look(out, report))
