"""`thumbprint worker`: one of TFF's own workers, for as long as the command runs."""

from __future__ import annotations

from typing import Annotated

import typer


def worker(
    port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="N", help="The port to listen on.", show_default=False)
    ],
) -> None:
    """Lend this machine to a training elsewhere.

    Starts one worker of TensorFlow Federated and ends it again on Ctrl-C, or however else this command ends. The
    training names it: `thumbprint train JOB --workers THIS-MACHINE:PORT,OTHER-MACHINE:PORT`.

    It runs what anybody who reaches the port sends, unencrypted, and is sent the messages to train on: for a network of
    your own only.
    """
    from federated.worker import serve_worker

    serve_worker(port, lambda: typer.echo(f"worker listens on port {port}; Ctrl-C ends it"))
