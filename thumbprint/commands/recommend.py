"""`thumbprint recommend`: which personalization to ship for these users, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thumbprint.commands.heterogeneity import CorpusArgument, MaxUsersOption, SeedOption


def recommend(
    corpus: CorpusArgument,
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A finished training on CORPUS: its gradients decide K and λ."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder for what is found.", show_default="only printed")
    ] = None,
    max_users: MaxUsersOption = 500,
    seed: SeedOption = 0,
) -> None:
    """Advise which personalization to ship, with the reasons.

    Measures what `thumbprint heterogeneity` measures, and puts it through rules that are printed with what each
    measured and from where it holds: a method, K, λ, how many shared models, or not to personalize at all.

    DIR gets recommendation.json, and heterogeneity.json that it follows from.
    """
    if run:
        from thumbprint.tensorflow_log import quieten

        quieten()
    from thumbprint.terminal import measuring, output

    with measuring("measuring", "users") as progress:
        from federated.heterogeneity.advice import advise
        from federated.heterogeneity.measure import measure

        found = measure(corpus, run, max_users=max_users, seed=seed, on_users=progress)
    from thumbprint.advice_view import advice_view

    advice = advise(found)
    written = []
    if out:
        from thumbprint.heterogeneity_files import write_recommendation

        written = write_recommendation(out, found, advice)
    output().print(advice_view(found, advice))
    if written:
        typer.echo("wrote " + ", ".join(map(str, written)))
