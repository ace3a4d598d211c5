"""`thumbprint heterogeneity`: how different the users of a corpus are, before anyone trains.

`thumbprint recommend`: which personalization to ship for these users, and why.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CorpusArgument = Annotated[Path, typer.Argument(metavar="CORPUS", help="Whose messages.", show_default=False)]
MaxUsersOption = Annotated[
    int, typer.Option(min=2, metavar="N", help="Of a larger corpus, so many users are drawn and measured.")
]
SeedOption = Annotated[int, typer.Option(min=0, metavar="N", help="Decides all that is drawn.")]


def heterogeneity(
    corpus: CorpusArgument,
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A finished training on CORPUS: how users pull its model apart, too."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder for what is found.", show_default="only printed")
    ] = None,
    max_users: MaxUsersOption = 500,
    seed: SeedOption = 0,
) -> None:
    """Measure how different the users of a corpus are.

    Who wrote how much; how far users' words are from each other's, from everybody's and from their own of the past,
    beyond what chance shows in texts so short; words that are one user's alone; groups of users. With a run, its
    tokenizer and its shared model's gradients as well.

    Only what a method may learn from is read: the first 80 % of each user's messages (the run's own share with --run).
    DIR gets heterogeneity.json and pictures; it holds figures and user ids, no texts.
    """
    if run:
        from thumbprint.console.tensorflow_log import silence_tensorflow

        silence_tensorflow()
    from thumbprint.console.terminal import counting_up, output

    with counting_up("measuring", "users") as progress:
        from federated.heterogeneity.measure import measure

        found = measure(corpus, run, max_users=max_users, seed=seed, on_users=progress)
    from thumbprint.cli.views.heterogeneity import heterogeneity_view

    written = []
    if out:
        from thumbprint.pipeline.heterogeneity_report import write_heterogeneity

        written = write_heterogeneity(out, found)
    output().print(heterogeneity_view(found))
    if written:
        typer.echo("wrote " + ", ".join(map(str, written)))


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
        from thumbprint.console.tensorflow_log import silence_tensorflow

        silence_tensorflow()
    from thumbprint.console.terminal import counting_up, output

    with counting_up("measuring", "users") as progress:
        from federated.heterogeneity.measure import measure
        from federated.heterogeneity.recommendation import recommend_method

        found = measure(corpus, run, max_users=max_users, seed=seed, on_users=progress)
    from thumbprint.cli.views.heterogeneity import advice_view

    advice = recommend_method(found)
    written = []
    if out:
        from thumbprint.pipeline.heterogeneity_report import write_recommendation

        written = write_recommendation(out, found, advice)
    output().print(advice_view(found, advice))
    if written:
        typer.echo("wrote " + ", ".join(map(str, written)))
