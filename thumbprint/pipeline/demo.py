"""The demo: every step from made-up messages to a report. A step whose inputs did not change is not repeated."""

from __future__ import annotations

import importlib.resources
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import TypeAdapter

from device_runtime.bundle.signing_keys import PRIVATE_NAME, PUBLIC_NAME, SigningKeys
from device_runtime.simulation.examples import Examples
from device_runtime.simulation.report import Report, load_report
from federated import base
from federated.job import Job, TrainingConfig, load_job
from keyboard_model.storage.durable_files import atomic_write_private
from thumbprint.pipeline.cached_steps import Step, steps_in

if TYPE_CHECKING:
    from federated.training.callbacks.callback import RoundReport

_MIN_MESSAGES, _WORKERS = 20, 2
_TRAINED = tuple(
    f"train/{name}" for name in ("best.safetensors", "ngram.safetensors", "tokenizer.model", "job.json", "summary.json")
)
_REPORTED = ("report.json", "report.html", "gain.svg", "gain.png", "examples.json")
_EXAMPLES = TypeAdapter(Examples)


@dataclass(frozen=True)
class DemoSize:
    """The number of users to make up, and the least and the most messages of one user."""

    users: int = 100
    min_messages: int = 40
    max_messages: int = 140


class TrainingProgress(Protocol):
    """Receives the progress of a training."""

    def stage(self, name: str) -> None:
        """A stage before the first round starts."""

    def round(self, report: RoundReport) -> None:
        """A round is finished."""


class DemoProgress(Protocol):
    """Receives the progress of a demo.

    Each method returns a context that lasts as long as its step. It yields what receives the step's progress.
    """

    def messages(self) -> AbstractContextManager[Callable[[int], None]]:
        """Yields a function that is called with the number of messages written so far."""

    def training(self, config: TrainingConfig) -> AbstractContextManager[TrainingProgress]:
        """Yields the receiver of stages and rounds."""

    def phones(self, count: int) -> AbstractContextManager[Callable[[object], None]]:
        """Yields a function that is called with the id of each of `count` users when the trial ends."""

    def working(self, what: str) -> AbstractContextManager[Callable[[str], None]]:
        """A step of unknown length, named `what`. Yields a function that is called with what is being done."""


class _SilentTraining:
    def stage(self, name: str) -> None: ...

    def round(self, report: RoundReport) -> None: ...


class _Silent:
    def messages(self) -> AbstractContextManager[Callable[[int], None]]:
        return nullcontext(lambda count: None)

    def training(self, config: TrainingConfig) -> AbstractContextManager[TrainingProgress]:
        return nullcontext(_SilentTraining())

    def phones(self, count: int) -> AbstractContextManager[Callable[[object], None]]:
        return nullcontext(lambda phone: None)

    def working(self, what: str) -> AbstractContextManager[Callable[[str], None]]:
        return nullcontext(lambda stage: None)


def demo_job() -> Job:
    """Returns the training job that comes with the program."""
    with importlib.resources.as_file(importlib.resources.files("thumbprint.pipeline") / "demo_job.toml") as path:
        return load_job(path)


class Demo:
    """The steps in one folder: `corpus.sqlite`, `train/`, `keys/`, `demo.bundle`, `simulation/` and the report.

    The `work` of a step is called with whether an earlier run began the step. Only the training uses that: the other
    steps are short, or find out themselves what is done.
    """

    def __init__(
        self,
        out: Path,
        job: Job,
        size: DemoSize,
        *,
        on_step: Callable[[str], None] = lambda line: None,
        progress: DemoProgress | None = None,
    ) -> None:
        """Args: on_step: Called with a line when each step ends."""
        self._out, self._on_step, self._job, self._size = out, on_step, job, size
        self._progress = progress or _Silent()
        self._corpus, self._bundle = out / "corpus.sqlite", out / "demo.bundle"
        self._train, self._keys = out / "train", out / "keys"

    def run(self) -> tuple[Report, Examples]:
        """Runs the unfinished steps. Returns the report and its examples.

        Raises:
            StepsError: another demo runs in the folder, or the folder cannot be written to.
            CorpusError, RunError, ExportError, KeyFileError, SimulationError, ReportError: see the steps.
        """
        with steps_in(self._out) as steps:
            if not any((self._keys / name).exists() for name in (PRIVATE_NAME, PUBLIC_NAME)):
                SigningKeys.generate(self._keys)
            for title, step in self._steps().items():
                start = time.monotonic()
                done = steps.run(step)
                self._on_step(f"{title}: {f'{time.monotonic() - start:.0f} s' if done else 'unchanged, not repeated'}")
        examples = _EXAMPLES.validate_json((self._out / "examples.json").read_bytes())
        return load_report(self._out / "report.json"), examples

    def _steps(self) -> dict[str, Step]:
        size, job, seed = asdict(self._size), self._job.model_dump(mode="json"), {"seed": self._job.seed}
        corpus, bundle, key = "corpus.sqlite", "demo.bundle", f"keys/{PRIVATE_NAME}"
        training = ("keyboard_model", "federated")
        exporting = ("keyboard_model", "device_runtime", "tflite_export")
        phones = ("keyboard_model", "device_runtime")
        return {
            "messages": Step("corpus", size | seed, (), ("federated.corpus",), (corpus,), self._make_up_corpus),
            "training": Step("train", job, (corpus, *self._start()), training, _TRAINED, self._train_model),
            "export": Step("export", {}, (*_TRAINED, key), exporting, (bundle,), self._export),
            "phones": Step("simulate", job["data"] | seed, (corpus, bundle), phones, _REPORTED, self._simulate),
        }

    def _start(self) -> list[str]:
        """Returns the files of the base that the training starts from."""
        start = self._job.training.start
        return [str(start.absolute() / name) for name in base.FILES] if start else []

    def _make_up_corpus(self, begun: bool) -> None:
        from federated.corpus.synthetic.generate import write_synthetic

        size = self._size
        with self._progress.messages() as progress:
            write_synthetic(
                self._corpus,
                users=size.users,
                messages=(size.min_messages, size.max_messages),
                seed=self._job.seed,
                progress=progress,
            )

    def _train_model(self, begun: bool) -> None:
        if not begun and self._train.exists():  # the messages, the job or the program changed
            shutil.rmtree(self._train)
        with self._progress.training(self._job.training) as shown:
            from federated.training.callbacks.round_reports import ReportProgress
            from federated.training.train_run import train

            where = (self._job, self._corpus, self._train)
            train(*where, resume=begun, callbacks=[ReportProgress(stage=shown.stage, round=shown.round)])

    def _export(self, begun: bool) -> None:
        with self._progress.working("exporting") as show:
            from thumbprint.pipeline.export import export_run

            export_run(self._train, self._bundle, self._keys / PRIVATE_NAME, on_stage=show)

    def _simulate(self, begun: bool) -> None:
        from device_runtime.bundle.loader import load_bundle
        from device_runtime.inference.engine import Engine
        from device_runtime.simulation.device import temporary_devices
        from federated.corpus.store import Corpus
        from federated.data.federated_data import FederatedData
        from thumbprint.pipeline.simulate import simulate_corpus, write_results

        bundle = load_bundle(self._bundle, self._keys / PUBLIC_NAME)
        with Corpus.open(self._corpus) as corpus:
            new = FederatedData.of(corpus, self._job.data, self._job.seed).population.new_phones
            folder = self._out / "simulation"
            with self._progress.phones(len(new)) as progress:
                report = simulate_corpus(bundle, corpus, new, folder, _MIN_MESSAGES, _WORKERS, progress)
            with self._progress.working("writing the report"):
                examples = write_results(temporary_devices(Engine(bundle)), corpus, report, self._out)
        atomic_write_private(self._out / "examples.json", _EXAMPLES.dump_json(examples, indent=2) + b"\n")
