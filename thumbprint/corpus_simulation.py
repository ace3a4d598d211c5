"""A phone for each of a corpus's users, and the files that tell what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from device_runtime import simulator
from device_runtime.bundle import Bundle
from device_runtime.examples import Examples, pick_examples, typical_users
from device_runtime.pictures import gain_picture
from device_runtime.report import CorpusInfo, Report, write_report
from device_runtime.report_file import write_file
from device_runtime.report_html import write_html
from device_runtime.simulator import SimulatedUser
from device_runtime.tested_phone import NewPhone
from federated.corpus.store import Corpus
from thumbprint.terminal import advancing, working

FILES = ("report.html", "report.json", "gain.svg", "gain.png")


def simulate_users(
    bundle: Bundle, corpus: Corpus, user_ids: Iterable[str], count: int, folder: Path, min_messages: int, workers: int
) -> Report:
    """Runs the phones of `count` users, with a bar; for errors and `folder` see `device_runtime.simulator.simulate`."""
    with advancing("phones", count) as progress:
        return simulator.simulate(
            bundle,
            simulated_users(corpus, user_ids),
            corpus=corpus_info(corpus),
            folder=folder,
            min_messages=min_messages,
            workers=workers,
            progress=progress,
        )


def write_results(new_phone: NewPhone, corpus: Corpus, report: Report, out: Path) -> Examples:
    """Writes `FILES` into the folder `out`. Returns the examples that the page shows, of phones made for it.

    Raises:
        ReportError: the folder cannot be written to.
    """
    with working("writing the report"):
        examples = pick_examples(new_phone, simulated_users(corpus, typical_users(report)), report)
        write_html(out / "report.html", report, examples)
        write_file(out / "gain.svg", gain_picture(report, "svg"))
        write_file(out / "gain.png", gain_picture(report, "png"))
        write_report(out / "report.json", report)  # last: where it is, all is
    return examples


def corpus_info(corpus: Corpus) -> CorpusInfo:
    """What a report says of a corpus."""
    return CorpusInfo(id=corpus.corpus_id, description=corpus.description, synthetic=corpus.synthetic)


def simulated_users(corpus: Corpus, user_ids: Iterable[str]) -> Iterator[SimulatedUser]:
    """Yields these users with their messages, read one at a time."""
    for user_id in user_ids:
        yield SimulatedUser(user_id, [(message.timestamp, message.text) for message in corpus.messages(user_id)])
