"""A phone for each of a corpus's users, and the files that tell what came of it.

A fleet of phones for a corpus's users, and the files that tell what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from device_runtime.bundle.loader import Bundle
from device_runtime.reporting.fleet_plots import adaptations_picture, recall_picture
from device_runtime.reporting.html import write_html
from device_runtime.reporting.plots import gain_picture
from device_runtime.simulation import simulator
from device_runtime.simulation.device import NewPhone
from device_runtime.simulation.examples import Examples, pick_examples, typical_users
from device_runtime.simulation.fleet.report import FleetReport, write_fleet_report
from device_runtime.simulation.fleet.simulate import simulate_fleet
from device_runtime.simulation.fleet.world.plan import FleetPlan
from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.report import CorpusInfo, Report, write_file, write_report
from federated.corpus.store import Corpus
from thumbprint.console.terminal import advancing, working

FILES = ("report.html", "report.json", "gain.svg", "gain.png")


def simulate_corpus(
    bundle: Bundle, corpus: Corpus, user_ids: Iterable[str], count: int, folder: Path, min_messages: int, workers: int
) -> Report:
    """Runs the phones of `count` users, with a bar.

    For errors and `folder` see `device_runtime.simulation.simulator.simulate`.
    """
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


FLEET_FILES = ("fleet.json", "recall.svg", "recall.png", "adaptations.svg", "adaptations.png")


def simulate_corpus_fleet(
    bundles: Sequence[Bundle], corpus: Corpus, user_ids: Sequence[str], plan: FleetPlan, out: Path, workers: int
) -> FleetReport:
    """Runs the fleet, with a bar, and writes `FLEET_FILES` into `out`; errors are `simulate_fleet`'s.

    Raises:
        ReportError: the folder cannot be written to.
    """
    with advancing("phones", plan.population) as progress:
        report = simulate_fleet(
            bundles,
            user_ids,
            lambda user: _user(corpus, user),
            plan,
            corpus=CorpusInfo(id=corpus.corpus_id, description=corpus.description, synthetic=corpus.synthetic),
            folder=out,
            workers=workers,
            progress=progress,
        )
    for name, draw in (("recall", recall_picture), ("adaptations", adaptations_picture)):
        write_file(out / f"{name}.svg", draw(report, "svg"))
        write_file(out / f"{name}.png", draw(report, "png"))
    write_fleet_report(out / "fleet.json", report)  # last: where it is, all is
    return report


def _user(corpus: Corpus, user_id: str) -> SimulatedUser:
    return SimulatedUser(user_id, [(message.timestamp, message.text) for message in corpus.messages(user_id)])
