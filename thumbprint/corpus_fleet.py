"""A fleet of phones for a corpus's users, and the files that tell what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from device_runtime.bundle import Bundle
from device_runtime.fleet.fleet import simulate_fleet
from device_runtime.fleet.pictures import adaptations_picture, recall_picture
from device_runtime.fleet.plan import FleetPlan
from device_runtime.fleet.report import FleetReport, write_fleet_report
from device_runtime.held_out import SimulatedUser
from device_runtime.report import CorpusInfo
from device_runtime.report_file import write_file
from federated.corpus.store import Corpus
from thumbprint.terminal import advancing

FLEET_FILES = ("fleet.json", "recall.svg", "recall.png", "adaptations.svg", "adaptations.png")


def live_through(
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
