"""`thumbprint simulate`: what a bundle would do for the people of a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thumbprint.commands.options import BundleArgument, PublicKeyOption

if TYPE_CHECKING:
    from device_runtime.bundle import Bundle
    from device_runtime.report import Report
    from device_runtime.simulator import SimulatedUser
    from federated.corpus.store import Corpus

_SPLIT = "Which users (as in the training job)"


class Part(StrEnum):
    """Users by the part they took in training."""

    ALL = "all"
    NEW = "new"
    TRAINING = "training"
    VALIDATION = "validation"


def simulate(
    bundle: BundleArgument,
    corpus: Annotated[Path, typer.Option(metavar="CORPUS", help="Whose messages.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for what is found.", show_default=False)],
    min_messages: Annotated[
        int, typer.Option(min=0, metavar="N", help="Users with fewer messages enter no average.")
    ] = 20,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes, each with one thread.")] = 2,
    public_key: PublicKeyOption = None,
    users: Annotated[
        Part,
        typer.Option(
            metavar="PART",
            help="all; new: the phones that training never saw; training; validation.",
            rich_help_panel=_SPLIT,
        ),
    ] = Part.ALL,
    seed: Annotated[int, typer.Option(metavar="N", help="The job's seed.", rich_help_panel=_SPLIT)] = 0,
    new_phone_share: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Share of users held out as new phones.", rich_help_panel=_SPLIT
        ),
    ] = 0.2,
    validation_share: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Share of the others held out for validation.", rich_help_panel=_SPLIT
        ),
    ] = 0.1,
) -> None:
    """Give each user of a corpus a phone.

    Each phone observes the first 80 % of its user's messages, adapts on its own, and predicts every word of the last
    20 %, which it never learns from. DIR gets report.json, report.html, gain.svg and gain.png; the table is printed.

    Run again after a stop, it goes on where it was. DIR holds the phones too, and with them people's messages.
    """
    from federated.corpus.splits import split_users
    from federated.corpus.store import Corpus
    from thumbprint.trust import open_bundle

    opened, _ = open_bundle(bundle, public_key)
    with Corpus.open(corpus) as messages:
        chosen: Iterable[str] = messages.user_ids()
        count = messages.num_users
        if users is not Part.ALL:
            population = split_users(
                chosen, new_phone_share=new_phone_share, validation_share=validation_share, seed=seed
            )
            part = {Part.NEW: population.new_phones, Part.TRAINING: population.training}
            chosen = part.get(users, population.validation)
            count = len(chosen)
        if not count:
            raise typer.BadParameter(f"the split leaves no {users} users: give larger shares or another --users")
        report = _run(opened, messages, chosen, count, out, min_messages, workers)
        files = _write(opened, messages, report, out)
    _show(report, files)


def _users(corpus: Corpus, user_ids: Iterable[str]) -> Iterator[SimulatedUser]:
    from device_runtime.simulator import SimulatedUser

    for user_id in user_ids:
        yield SimulatedUser(user_id, [(message.timestamp, message.text) for message in corpus.messages(user_id)])


def _run(
    bundle: Bundle, corpus: Corpus, user_ids: Iterable[str], count: int, out: Path, min_messages: int, workers: int
) -> Report:
    from device_runtime import simulator
    from device_runtime.report import CorpusInfo
    from thumbprint.terminal import advancing

    with advancing("phones", count) as progress:
        return simulator.simulate(
            bundle,
            _users(corpus, user_ids),
            corpus=CorpusInfo(id=corpus.corpus_id, description=corpus.description, synthetic=corpus.synthetic),
            folder=out,
            min_messages=min_messages,
            workers=workers,
            progress=progress,
        )


def _write(bundle: Bundle, corpus: Corpus, report: Report, out: Path) -> Sequence[Path]:
    from device_runtime.engine import Engine
    from device_runtime.examples import pick_examples, typical_users
    from device_runtime.pictures import gain_picture
    from device_runtime.report import write_file, write_report
    from device_runtime.report_html import write_html
    from thumbprint.terminal import working

    with working("writing the report"):
        examples = pick_examples(Engine(bundle), _users(corpus, typical_users(report)), report)
        write_html(out / "report.html", report, examples)
        write_file(out / "gain.svg", gain_picture(report, "svg"))
        write_file(out / "gain.png", gain_picture(report, "png"))
        write_report(out / "report.json", report)  # last: where it is, all is
    return [out / name for name in ("report.html", "report.json", "gain.svg", "gain.png")]


def _show(report: Report, files: Sequence[Path]) -> None:
    from device_runtime.report import print_table
    from thumbprint.terminal import output

    print_table(report, output())
    typer.echo("wrote " + ", ".join(map(str, files)))
