"""`python -m benchmarks.privacy.population`: what a guarantee costs in a large population, on new phones.

The population is made of a real corpus (`irc`): the training messages of each person are cut into runs of consecutive
messages, and each run is a user of its own. So a user is a piece of a person, and the guarantee is for pieces. The
phones are those of the people of one fold of `benchmarks.five_folds irc`, none of whose messages is in the population.

Each way trains, exports and is measured once; a second call continues. Writes the table of docs/privacy.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.five_folds.corpora import CORPORA, ROOT
from benchmarks.five_folds.folds import thumbprint
from benchmarks.measure.recalls import Tally, differences, recalls, tally
from benchmarks.measure.results import write_between
from benchmarks.privacy.noise import PAGE
from benchmarks.results_page import estimates, points, with_interval
from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import PRIVATE_NAME, PUBLIC_NAME, SigningKeys
from device_runtime.simulation.held_out import TrialPlan
from device_runtime.simulation.simulator import run_trials
from federated.corpus.schema import Record
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus
from federated.data.federated_data import FederatedData
from federated.job import Job, load_job
from keyboard_model import base_en
from thumbprint.pipeline.simulate import simulated_users

PEOPLE = CORPORA["irc"]
JOB = Path(__file__).with_name("population.toml")
MOST_PEOPLE, PLAN = 60, TrialPlan(seen=100, tested=100, prequential=False, keystrokes=False)
WAYS = ("base", "adam", "momentum", "8", "1")
"""The base without training, two trainings without privacy, and values of ε."""
TITLES = {"base": "the base alone", "adam": "no privacy, FedAdam", "momentum": "no privacy, momentum"}
REFERENCES = ("adam", "momentum")


def main(
    users: Annotated[int, typer.Option(min=100, help="Users in training.")] = 100_000,
    clients: Annotated[int, typer.Option(min=1, help="Users in a round.")] = 250,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds.")] = 400,
    ways: Annotated[str, typer.Option(help="The ways to measure now, separated by commas.")] = ",".join(WAYS),
) -> None:
    """Measures each way that has no result yet."""
    people = PEOPLE.run / "corpus.sqlite"
    if not people.exists():
        raise SystemExit(f"{people} does not exist: run python -m benchmarks.five_folds {PEOPLE.name} first")
    folder = ROOT / "runs" / "privacy" / f"{users}-{clients}-{rounds}"
    folder.mkdir(parents=True, exist_ok=True)
    corpus = folder.parent / f"population-{users}.sqlite"
    if not corpus.exists():
        write_population(people, corpus, users)
    keys = SigningKeys(folder / "keys" / PRIVATE_NAME, folder / "keys" / PUBLIC_NAME)
    if not keys.private.exists():
        SigningKeys.generate(folder / "keys")
    for way in ways.split(","):
        measure(way, folder / way, corpus, people, keys, rounds, clients)
    done = {way: found for way in WAYS if (found := measured(folder / way, people, keys)) is not None}
    text = table(done)
    typer.echo(text)
    if not write_between(PAGE, f"<!-- population {users} -->", f"<!-- /population {users} -->", text):
        typer.echo(f"{PAGE} has no marks for the table: it is only printed", err=True)


def write_population(people: Path, corpus: Path, users: int) -> None:
    """Cuts the training messages of the people into so many users of consecutive messages, as long as possible."""
    with Corpus.open(people) as opened:
        data = split(opened)
        training = [*data.population.training, *data.population.validation]
        texts = {person: list(data.corpus.messages(person)) for person in training}
    length = next(length for length in range(1000, 0, -1) if sum(len(of) // length for of in texts.values()) >= users)

    def records() -> Iterator[Record]:
        number = 0
        for of_person in texts.values():
            for start in range(0, len(of_person) - length + 1, length):
                if number == users:
                    return
                for message in of_person[start : start + length]:
                    yield Record(f"user{number:07d}", message.timestamp, message.text)
                number += 1

    write_corpus(corpus, records(), source="resampled", description=f"{length} messages a user")


def split(opened: Corpus) -> FederatedData:
    """Returns the people of fold 0, as `benchmarks.five_folds` splits them."""
    job = load_job(PEOPLE.job)
    return FederatedData.of(opened, job.data, job.seed)


def job_of(way: str, rounds: int, clients: int) -> Job:
    """Returns the job of a way."""
    job = load_job(JOB).model_dump()
    job["training"] |= {"rounds": rounds, "clients_per_round": clients, "evaluate_every": rounds}
    if way == "adam":
        job["training"] |= {"server_optimizer": "adam", "server_learning_rate": 0.003}
    if way in REFERENCES:
        job["privacy"] = None
    else:
        job["privacy"]["epsilon"] = float(way)
    return Job.model_validate(job)


def measure(way: str, folder: Path, corpus: Path, people: Path, keys: SigningKeys, rounds: int, clients: int) -> None:
    """Trains and exports a way, and gives each of the people a phone, unless that is done."""
    from federated.training.callbacks.round_reports import ReportProgress
    from federated.training.train_run import train
    from thumbprint.console import silence_tensorflow

    silence_tensorflow()
    folder.mkdir(exist_ok=True)
    bundle, run = folder / "population.bundle", folder / "train"
    if not bundle.exists() and way == "base":
        thumbprint("export", base_en.BASE, "--out", bundle, "--key", keys.private)
    elif not bundle.exists():
        if not (run / "summary.json").exists():
            report = ReportProgress(
                round=lambda done: print(f"{way}: round {done.round}, loss {done.loss:.3f}", flush=True)
            )
            train(job_of(way, rounds, clients), corpus, run, resume=True, callbacks=[report])
        thumbprint("export", run, "--out", bundle, "--key", keys.private)
    print(f"{way}: phones", flush=True)
    trials(folder, people, keys)


def trials(folder: Path, people: Path, keys: SigningKeys) -> dict[str, Tally]:
    """Returns what the shared model suggests to each of the people. What is stored is not run again."""
    with Corpus.open(people) as opened:
        chosen = split(opened).population.new_phones.with_messages(20).sample(MOST_PEOPLE, seed=0)
        found, _ = run_trials(
            load_bundle(folder / "population.bundle", keys.public),
            simulated_users(opened, chosen),
            folder=folder,
            plan=PLAN,
        )
    return {trial.user_id: tally(trial.shared) for trial in found}


def measured(folder: Path, people: Path, keys: SigningKeys) -> dict[str, Tally] | None:
    """Returns the stored trials of a way; None if it was not measured."""
    return trials(folder, people, keys) if (folder / "population.bundle").exists() else None


def table(ways: dict[str, dict[str, Tally]]) -> str:
    """Returns the Markdown table of all ways. In brackets: 95 % intervals, people drawn."""
    people = len(next(iter(ways.values()), {}))
    lines = [
        f"| | recall@3 of the shared model on {people} new phones, every word counts once | mean over people "
        "| over the base, points |",
        "| --- | --- | --- | --- |",
    ]
    for way, tallies in ways.items():
        found, over = recalls(tallies), differences(tallies, ways["base"]) if "base" in ways else None
        cells = [with_interval(estimates(found, aggregate)[-1]) for aggregate in ("pooled", "mean")]
        cells.append(points(estimates(over, "pooled")[-1]) if over else "")
        lines.append(f"| {TITLES.get(way, f'ε = {way}')} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
