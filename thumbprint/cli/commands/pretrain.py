"""`thumbprint pretrain`: make a base of public text. `thumbprint words`: the words of users, for its vocabulary."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from thumbprint.cli.job_corpus import corpus_of
from thumbprint.console import counting_up, output, pairs, showing_pretraining, silence_tensorflow


def pretrain(
    text: Annotated[
        list[Path],
        typer.Argument(metavar="TEXT...", help="Files with a sentence in a line, plain or .gz.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the base.", show_default=False)],
    job: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings (TOML), see docs/pretraining.md.", show_default="the defaults"),
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Words that users typed, from `thumbprint words`.",
            show_default="those of the text",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the pre-training in the folder, or start one if there is none.")
    ] = False,
) -> None:
    """Pre-train a base on public text, from which federated training can start.

    Makes a vocabulary, trains the shared model on the text in one place, and counts its n-grams. A training then starts
    from it with `start = "DIR"` in the `[training]` of its job.

    If it is stopped at any moment, by Ctrl-C or otherwise, --resume continues it.

    Example: thumbprint pretrain sentences.txt.gz --out base
    """
    silence_tensorflow()
    with showing_pretraining() as shown:
        from federated.pretraining.pretrain import pretrain as make_base
        from federated.pretraining.settings import Pretraining, load_pretraining

        settings = load_pretraining(job) if job else Pretraining()
        command = ["thumbprint", "pretrain", *map(str, text), "--out", str(out), "--resume"]
        command += ["--job", str(job)] if job else []
        command += ["--words", str(words)] if words else []
        try:
            base = make_base(
                text, out, settings, word_list=words, resume=resume, on_stage=shown.stage, on_progress=shown.steps
            )
        except (KeyboardInterrupt, SystemExit):
            if out.is_dir():
                shown.print(f"stopped; continue with: {shlex.join(command)}")
            raise
    about = base.about()
    measured = about["validation"]
    fields: dict[str, object] = {"lines": about["lines"], "pieces": about["pieces"]}
    if about["left_out"]:
        fields["left out"] = "; ".join(about["left_out"])
    if measured:
        fields["words of held-out lines"] = measured["words"]
        fields["recall@3 on them"] = f"{100 * measured['recall_at_3']:.1f} %"
        fields["nats a word"] = measured["nats_per_word"]
    output().print(pairs(str(out), fields))


def words(
    job: Annotated[
        Path, typer.Argument(metavar="JOB", help="The job file (TOML): its split and limits.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file for the words.", show_default=False)],
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="CORPUS", help="The messages.", show_default="the job's"),
    ] = None,
    fold: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Which users are the new phones.", show_default="the job's data.fold"),
    ] = None,
) -> None:
    """List the words that enough users typed, for the vocabulary of a base.

    Counts them federated, with the limits of the job's `[tokenizer]`: words of fewer than `min_clients` users are not
    listed. Users who are new phones or for validation, and messages for tests, are not read.

    If it is stopped, the same command continues.

    Example: thumbprint words job.toml --corpus corpus.sqlite --out words.tsv
    """
    silence_tensorflow()
    loaded, messages = corpus_of(job, corpus, fold)
    with counting_up("counting words", "users") as show:
        from federated.training.word_list import export_word_list

        counts = export_word_list(loaded, messages, out, show)
    output().print(pairs(str(out), {"words": len(counts), "their occurrences": sum(counts.values())}))
