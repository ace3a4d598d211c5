"""All methods on one corpus, one shared model and one budget; each method's result is kept as it is done.

How long the rest of a comparison takes, from how long the methods before took.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from device_runtime.simulation.report import CorpusInfo
from federated.algorithms.registry import METHODS
from federated.corpus.store import Corpus
from federated.job import Job
from federated.personalization.method import Method
from federated.run import Run
from federated.training.callbacks.callback import RoundReport
from federated.training.callbacks.progress import ReportProgress
from federated.training.train_run import train
from keyboard_model.storage.durable_files import atomic_write
from keyboard_model.storage.file_lock import exclusive_lock
from thumbprint.comparison.measure.device_evaluator import KeyPair
from thumbprint.comparison.measure.setting import VARIANTS, variant
from thumbprint.comparison.measure.worker_pool import BEGUN, MethodWorkerPool, WorkerConfig
from thumbprint.comparison.results import REFERENCE, Budget, Comparison, MethodResult, Skipped

_TRIAL, _MEASURING = 4, 40
"""In federated rounds, on the NUS SMS corpus: testing the validation users of a trial, and measuring a method."""


def cost(method: Method, budget: Budget) -> int:
    """Roughly what a method costs, in federated rounds of its own."""
    tuning = budget.tuning_rounds if method.local else 0
    trials = budget.trials if method.space else 0
    return trials * (_TRIAL + tuning) + (budget.rounds if method.local else 0) + _MEASURING


class TimeLeft:
    """Tell it of each method as it is begun and as it is done; `said()` is what remains, in words."""

    def __init__(self, costs: Mapping[str, int], at_once: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: costs: by method, of all that are to be done; at_once: how many go on at a time."""
        self._waiting = dict(costs)
        self._running: dict[str, tuple[int, float]] = {}
        self._at_once, self._clock = at_once, clock
        self._methods, self._done = len(costs), 0
        self._cost = self._seconds = 0.0

    def begun(self, name: str) -> None:
        """This method is begun."""
        self._running[name] = self._waiting.pop(name), self._clock()

    def done(self, name: str) -> None:
        """This method is done."""
        cost, since = self._running.pop(name)
        self._done += 1
        self._cost += cost
        self._seconds += self._clock() - since

    def said(self) -> str:
        """How many methods are done and, once one was timed, about how long it takes to the end."""
        place = f"{self._done} of {self._methods} done"
        if not self._done:
            return place
        pace = self._seconds / self._cost
        running = sum(max(pace * cost - (self._clock() - since), 0.0) for cost, since in self._running.values())
        minutes = (running + pace * sum(self._waiting.values())) / self._at_once / 60
        return f"{place}, about {max(round(minutes), 1):,} min left"


_METHOD = TypeAdapter(MethodResult)


class CompareError(ValueError):
    """The comparison cannot be run as asked; the message says what to do."""


def names_of(wanted: Sequence[str]) -> list[str]:
    """The methods and variants to measure, the reference first; all of them for none named.

    Raises:
        CompareError: a name that no method has.
    """
    known = [*METHODS, *VARIANTS]
    for name in wanted:
        if name not in known:
            raise CompareError(f"there is no method {name!r}: choose of {', '.join(known)}")
    chosen = [name for name in known if not wanted or name in wanted]
    return [REFERENCE, *(name for name in chosen if name != REFERENCE)]


def compare(
    job: Job,
    corpus_path: Path,
    out: Path,
    *,
    methods: Sequence[str] = (),
    budget: Budget,
    min_messages: int = 20,
    run: Path | None = None,
    at_once: int = 2,
    say: Callable[[str], None] = lambda what: None,
    on_round: Callable[[RoundReport], None] = lambda report: None,
) -> Comparison:
    """Trains the shared model, then tunes, trains and measures each method; what is done is not done again.

    Args:
        out: Keeps everything: the shared model, tuning, rounds, bundles, phones, and a file a finished method.
        methods: By name; none = all.
        run: A finished training of the same job and corpus to take the shared model from; trained in `out` when None.
        at_once: Methods measured at a time, a process each.

    Raises:
        CompareError: a method that there is not, or nobody to measure.
        WorkerPoolError, RunError, CorpusError, JobError, ExportError, WorkerError: see there.
    """
    METHODS.named(job.personalization.method)
    names = names_of(methods)
    taken = f"another process is comparing in {out}: wait for it, or choose another --out"
    with Corpus.open(corpus_path) as corpus, exclusive_lock(out, ".lock", CompareError, taken):
        trained = run or out / "shared"
        if run is None:
            say("training the shared model")
            train(job, corpus, trained, resume=True, callbacks=[ReportProgress(round=on_round)])
        with_same_corpus(Run(trained), corpus)
        KeyPair.kept_in(out / "keys")
        opening = WorkerConfig(corpus_path, trained, out, min_messages, job.personalization, budget)
        setting = opening.setting(corpus)
        if not setting.new_phones():
            raise CompareError(
                f"no user is held out as a new phone with {min_messages} messages or more: lower --min-messages, or "
                "raise `data.new_phone_share` in the job"
            )
        found, skipped = _each(opening, setting.model_digest, names, at_once, say)
    profiles = {user: dict(corpus.profile(user) or {}) for user in corpus.user_ids()}
    return Comparison(
        corpus=CorpusInfo(id=corpus.corpus_id, description=corpus.description, synthetic=corpus.synthetic),
        seed=job.seed,
        min_messages=min_messages,
        budget=budget,
        methods=tuple(found),
        skipped=tuple(skipped),
        profiles={user: profile for user, profile in profiles.items() if profile},
    )


def with_same_corpus(run: Run, corpus: Corpus) -> None:
    """Refuses a run of another corpus."""
    if run.read_json("corpus.json")["corpus_id"] != corpus.corpus_id:
        raise CompareError(f"{run.path} was trained on another corpus than {corpus.path}: give that one")


def _each(
    opening: WorkerConfig, model: bytes, names: Sequence[str], at_once: int, say: Callable[[str], None]
) -> tuple[list[MethodResult], list[Skipped]]:
    """What came of each method, those of an earlier call among them; `model`: the shared model's digest."""
    paths = {name: opening.folder / "methods" / f"{name}-{_key(opening, model)}.json" for name in names}
    kept = {name: done for name in names if (done := _kept(paths[name]))}
    skipped = {}
    costs = {name: cost(METHODS[variant(name)[0]], opening.budget) for name in names if name not in kept}
    left = TimeLeft(costs, at_once)

    def tell(name: str, what: str) -> None:
        if what == BEGUN:
            left.begun(name)
        say(f"{name}: {what} ({left.said()})")

    if costs:
        with MethodWorkerPool(opening, min(at_once, len(costs)), tell) as crew:
            # The dearest first, so that no process is left alone with one at the end.
            for outcome in crew.measured(sorted(costs, key=costs.__getitem__, reverse=True), crew.shown_by_reference()):
                left.done(outcome.name)
                if isinstance(outcome, Skipped):
                    skipped[outcome.name] = outcome
                    continue
                paths[outcome.name].parent.mkdir(parents=True, exist_ok=True)
                atomic_write(paths[outcome.name], _METHOD.dump_json(outcome, indent=1))
                kept[outcome.name] = outcome
    return [kept[name] for name in names if name in kept], [skipped[name] for name in names if name in skipped]


def _key(opening: WorkerConfig, model: bytes) -> str:
    """Of all that a method's result depends on besides its own name."""
    hashed = hashlib.sha256(model)
    hashed.update(repr((asdict(opening.budget), opening.min_messages)).encode())
    hashed.update(opening.start.model_dump_json().encode())
    return hashed.hexdigest()[:12]


def _kept(path: Path) -> MethodResult | None:
    with contextlib.suppress(FileNotFoundError, ValidationError):  # a damaged one is measured again
        return _METHOD.validate_json(path.read_bytes())
    return None
