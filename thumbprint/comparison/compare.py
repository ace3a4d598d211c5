"""All methods on one corpus, one shared model and one budget; each method's result is kept as it is done."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from device_runtime.report import CorpusInfo
from federated.clients import Clients
from federated.corpus.store import Corpus
from federated.execution import execution_context
from federated.job import Job, JobError, PersonalizationConfig
from federated.methods import METHODS
from federated.program import RoundReport
from federated.run_folder import RunFolder
from federated.train import train
from keyboard_model.atomic import write_whole
from keyboard_model.hold import held
from tflite_export.convert import ExportError
from thumbprint.comparison.budget import Budget
from thumbprint.comparison.in_tff import InTff
from thumbprint.comparison.keys import KeyPair
from thumbprint.comparison.measure import Bench
from thumbprint.comparison.on_phones import OnPhones
from thumbprint.comparison.results import REFERENCE, Comparison, MethodResult, Skipped
from thumbprint.comparison.setting import Setting
from thumbprint.comparison.start import start_of
from thumbprint.comparison.time_left import TimeLeft, cost

VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "ditto+q1": ("ditto", {"fairness_q": 1.0}),
    "ditto+8bit": ("ditto", {"compressed": True}),
}
"""Fairness-aware training (q-FedAvg) and compressed updates, shown on one method; options of any."""

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
    say: Callable[[str], None] = lambda what: None,
    on_round: Callable[[RoundReport], None] = lambda report: None,
) -> Comparison:
    """Trains the shared model, then tunes, trains and measures each method; what is done is not done again.

    Args:
        out: Keeps everything: the shared model, tuning, rounds, bundles, phones, and a file a finished method.
        methods: By name; none = all.
        run: A finished training of the same job and corpus to take the shared model from; trained in `out` when None.

    Raises:
        CompareError: a method that there is not, or nobody to measure.
        RunError, CorpusError, JobError, ExportError, WorkerError: see there.
    """
    names = names_of(methods)
    taken = f"another process is comparing in {out}: wait for it, or choose another --out"
    with Corpus.open(corpus_path) as corpus, held(out, ".lock", CompareError, taken):
        trained = run or out / "shared"
        if run is None:
            say("training the shared model")
            train(job, corpus_path, trained, resume=True, on_round=on_round)
        folder = RunFolder(trained)
        with_same_corpus(folder, corpus)
        clients = Clients.of(corpus, folder.job().data, folder.job().seed)
        setting = Setting.of(folder, clients, out, min_messages)
        if not setting.new_phones():
            raise CompareError(
                f"no user is held out as a new phone with {min_messages} messages or more: lower --min-messages, or "
                "raise `data.new_phone_share` in the job"
            )
        keys = KeyPair.kept_in(out / "keys")
        phones = OnPhones(setting, keys, job.personalization, budget.test_messages)
        bench = Bench(setting, budget, phones, InTff(setting), say)
        with execution_context():
            found, skipped = _each(bench, names, job.personalization)
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


def with_same_corpus(run: RunFolder, corpus: Corpus) -> None:
    """Refuses a run of another corpus."""
    if run.read_json("corpus.json")["corpus_id"] != corpus.corpus_id:
        raise CompareError(f"{run.path} was trained on another corpus than {corpus.path}: give that one")


def _each(bench: Bench, names: Sequence[str], start: PersonalizationConfig) -> tuple[list[MethodResult], list[Skipped]]:
    paths = {name: bench.setting.folder / "methods" / f"{name}-{_key(bench, start)}.json" for name in names}
    kept = {name: done for name in names if (done := _kept(paths[name]))}
    ahead = [METHODS[_variant(name)[0]] for name in names if name not in kept]
    left = TimeLeft([cost(method, bench.budget) for method in ahead])
    bench = replace(bench, say=functools.partial(_said, bench.say, left))
    skipped = []
    for name in names:
        if name in kept:
            continue
        bench.say(f"{name}: begun")
        base, changes = _variant(name)
        try:
            done = bench.measure(name, METHODS[base], start_of(start, base, changes))
        except (ExportError, JobError) as error:
            skipped.append(Skipped(name=name, reason=str(error)))
        else:
            paths[name].parent.mkdir(parents=True, exist_ok=True)
            write_whole(paths[name], _METHOD.dump_json(done, indent=1))
            kept[name] = done
        left.done()
    return [kept[name] for name in names if name in kept], skipped


def _said(say: Callable[[str], None], left: TimeLeft, what: str) -> None:
    say(f"{what} ({left.said()})")


def _variant(name: str) -> tuple[str, dict[str, object]]:
    """The method behind a name, and what a variant changes."""
    return VARIANTS.get(name, (name, {}))


def _key(bench: Bench, start: PersonalizationConfig) -> str:
    """Of all that a method's result depends on besides its own name."""
    hashed = hashlib.sha256(bench.setting.model_digest)
    hashed.update(repr((asdict(bench.budget), bench.setting.min_messages)).encode() + start.model_dump_json().encode())
    return hashed.hexdigest()[:12]


def _kept(path: Path) -> MethodResult | None:
    with contextlib.suppress(FileNotFoundError, ValidationError):  # a damaged one is measured again
        return _METHOD.validate_json(path.read_bytes())
    return None
