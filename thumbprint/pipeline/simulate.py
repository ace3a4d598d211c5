"""Simulates phones of the users of a corpus, one each or a fleet over days, and writes the result files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from device_runtime.bundle.loader import Bundle
from device_runtime.reporting.fleet import adaptations_picture, recall_picture
from device_runtime.reporting.html import write_html
from device_runtime.reporting.plots import gain_picture
from device_runtime.simulation import simulator
from device_runtime.simulation.device import DeviceFactory
from device_runtime.simulation.examples import Examples, pick_examples, typical_users
from device_runtime.simulation.fleet.plan import FleetPlan
from device_runtime.simulation.fleet.report import FleetReport, write_fleet_report
from device_runtime.simulation.fleet.simulate import simulate_fleet
from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.report import CorpusInfo, Report, write_file, write_report
from federated.corpus.store import Corpus

Progress = Callable[[object], None]
"""Called when a phone is finished, with its user's id, or with its number in a fleet."""

FILES = ("report.html", "report.json", "gain.svg", "gain.png")


def simulate_corpus(
    bundle: Bundle,
    corpus: Corpus,
    user_ids: Iterable[str],
    folder: Path,
    min_messages: int,
    workers: int,
    progress: Progress | None = None,
) -> Report:
    """Runs one phone for each of these users.

    For errors and `folder` see `device_runtime.simulation.simulator.simulate`.
    """
    return simulator.simulate(
        bundle,
        simulated_users(corpus, user_ids),
        corpus=corpus_info(corpus),
        folder=folder,
        min_messages=min_messages,
        workers=workers,
        progress=progress,
    )


def write_results(new_device: DeviceFactory, corpus: Corpus, report: Report, out: Path) -> Examples:
    """Writes `FILES` into the folder `out`. Returns the examples of the page, made with phones of `new_device`.

    Raises:
        ReportError: the folder cannot be written to.
    """
    examples = pick_examples(new_device, simulated_users(corpus, typical_users(report)), report)
    write_html(out / "report.html", report, examples)
    picture = gain_picture(report)
    write_file(out / "gain.svg", picture.svg())
    write_file(out / "gain.png", picture.png())
    write_report(out / "report.json", report)  # last: its presence shows that the results are complete
    return examples


def corpus_info(corpus: Corpus) -> CorpusInfo:
    """Returns the description of a corpus for a report."""
    return CorpusInfo(id=corpus.corpus_id, description=corpus.description, synthetic=corpus.synthetic)


def simulated_users(corpus: Corpus, user_ids: Iterable[str]) -> Iterator[SimulatedUser]:
    """Yields these users with their messages, which are read one user at a time."""
    for user_id in user_ids:
        yield _user(corpus, user_id)


FLEET_FILES = ("fleet.json", "recall.svg", "recall.png", "adaptations.svg", "adaptations.png")


def simulate_corpus_fleet(
    bundles: Sequence[Bundle],
    corpus: Corpus,
    user_ids: Sequence[str],
    plan: FleetPlan,
    out: Path,
    workers: int,
    progress: Progress | None = None,
) -> FleetReport:
    """Runs a fleet and writes `FLEET_FILES` into `out`. For other errors see `simulate_fleet`.

    Raises:
        ReportError: the folder cannot be written to.
    """
    report = simulate_fleet(
        bundles,
        user_ids,
        lambda user: _user(corpus, user),
        plan,
        corpus=corpus_info(corpus),
        folder=out,
        workers=workers,
        progress=progress,
    )
    for name, picture in (("recall", recall_picture(report)), ("adaptations", adaptations_picture(report))):
        write_file(out / f"{name}.svg", picture.svg())
        write_file(out / f"{name}.png", picture.png())
    write_fleet_report(out / "fleet.json", report)  # last, as in write_results
    return report


def _user(corpus: Corpus, user_id: str) -> SimulatedUser:
    return SimulatedUser(user_id, [(message.timestamp, message.text) for message in corpus.messages(user_id)])
